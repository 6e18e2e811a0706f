// What the browser tests share: stores, a dashboard over one of them, a browser, pages that remember
// what went wrong in them.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const { chromium } = createRequire(path.join(process.env.BROWSER_MODULES, 'package.json'))('playwright-core');
export const hadal = process.env.HADAL_BINARY;
export const folder = mkdtempSync(path.join(os.tmpdir(), 'hadal-browser-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

export function makeStore(kind, ...more) {
  const store = path.join(folder, `${kind}.sqlite`);
  const done = spawnSync(process.env.FIXTURE_STORE, [store, kind, ...more], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`fixture_store: ${done.stderr}`);
  return store;
}

export function run(...words) {
  const done = spawnSync(hadal, words, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return { status: done.status, out: done.stdout, err: done.stderr };
}

export function runs(store) {
  return JSON.parse(run('measure', 'runs', 'list', '--store', store, '--last', '1000', '--json').out).runs;
}

export function shown(store, id) {
  return JSON.parse(run('measure', 'runs', 'show', id, '--store', store, '--json').out);
}

// A dashboard on a free port; `close` sends what Ctrl-C sends and gives the exit status.
export async function serve(store, ...options) {
  const child = spawn(hadal, ['dashboard', '--store', store, '--port', '0', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)));
  let text = '';
  const url = await new Promise((resolve, reject) => {
    child.stdout.on('data', (data) => {
      text += data;
      if (text.includes('\n')) resolve(text.trim());
    });
    ended.then((code) => reject(new Error(`hadal dashboard ended with ${code}`)));
  });
  return {
    url,
    close: async (signal = 'SIGINT') => {
      child.kill(signal);
      return ended;
    },
  };
}

let browser;
export async function openBrowser() {
  // Tests run as root in containers, where chromium's sandbox cannot be.
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  return browser;
}
export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

// A page that must say nothing of errors: scripts, refused resources, broken policies.
export async function openPage(address, options = {}) {
  const context = await (await openBrowser()).newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.stack}`));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  const requests = [];
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(address);
  await drawn(page);
  return Object.assign(page, { faults, requests, end: () => context.close() });
}

// After everything that the page reads on its own, and the frame that shows it.
export async function drawn(page) {
  await page.waitForFunction(() => document.documentElement.dataset.loaded === 'all' && document.querySelector('h1') !== null);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

export async function go(page, hash) {
  await page.evaluate((to) => {
    location.hash = to;
  }, hash);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

// The table behind a chart, as objects by the names of its columns.
export async function tableBehind(page, chart) {
  const figure = page.locator('figure.chart').filter({ has: page.locator(`#${chart}`) });
  if (!(await figure.locator('details.data').evaluate((element) => element.open))) {
    await figure.locator('details.data > summary').click();
  }
  const more = figure.locator('button.more');
  if (await more.count()) await more.click();
  return rowsOf(figure.locator('table'));
}

export async function rowsOf(table) {
  return table.evaluate((element) => {
    const names = [...element.querySelectorAll('thead th')].map((cell) => cell.textContent);
    return [...element.querySelectorAll('tbody tr')].map((row) =>
      Object.fromEntries([...row.children].map((cell, i) => [names[i], cell.textContent])));
  });
}

export async function download(page, click) {
  const [file] = await Promise.all([page.waitForEvent('download'), click()]);
  const chunks = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk);
  return { name: file.suggestedFilename(), bytes: Buffer.concat(chunks) };
}

// After the answers of the planner, those of other ages included.
export const planned = (page) => page.waitForFunction(() => document.querySelector('.answers[data-ready]') !== null &&
  document.querySelector('.answers [role=status]') === null && document.querySelector('[id^=plan-of], .answers .notice') !== null);
