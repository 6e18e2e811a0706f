// The page over runs that were really measured: hadal serving nano with one thread and with two, each
// at five concurrencies, its answers held against a reference. What the page shows is what the command
// line says of the same store. nano_runs.sqlite.gz holds what
// hadal measure run -w 64:16 -c 1,2,3,4,6 --requests 24 --warm-up 2 --reference FILE --gpus 1
// kept of either, on two busy cores; their bundles were imported into one store.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { closeBrowser, download, folder, go, openPage, rowsOf, runs, serve, shown, tableBehind } from './dashboard.mjs';

const store = path.join(folder, 'nano.sqlite');
let board;
let documents;
before(async () => {
  const kept = path.join(path.dirname(fileURLToPath(import.meta.url)), 'nano_runs.sqlite.gz');
  writeFileSync(store, gunzipSync(readFileSync(kept)));
  board = await serve(store);
  documents = runs(store).map((run) => shown(store, run.run_id ?? run.id));
});
after(async () => {
  await board.close();
  await closeBrowser();
});

const figure = (point, id, statistic) => point.metrics.find((metric) => metric.id === id)?.[statistic] ?? null;
const of = (threads) => documents.find((document) => document.label === `threads: ${threads}`);

test('frontier: verified points stand on it, those that the client held up do not', async () => {
  const page = await openPage(`${board.url}#/frontier?v=1&others=0`);
  const csv = (await download(page, () => page.getByRole('button', { name: /as CSV/ }).click())).bytes.toString();
  const rows = await tableBehind(page, 'frontier');
  assert.equal(rows.length, 10);
  let limited = 0;
  for (const document of documents) {
    for (const point of document.points) {
      const [x, y] = [figure(point, 'interactivity.tpot/1', 'p50'), figure(point, 'rate.total_tokens_per_gpu/1', 'mean')];
      const line = csv.split('\r\n').find((text) => text.includes(`,${x},p50,${y},`) && text.includes(document.run_id));
      assert.ok(line, `${x} ${y}`);
      if (!point.client.limited) continue;
      limited++;
      assert.match(line, /,no,"?client-limited/);
    }
  }
  assert.equal(limited, rows.filter((row) => row.Standing.includes('client-limited')).length);
  assert.ok(limited > 0 && limited < 10);
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('where nobody can tell a percentile of so few requests, the mean is offered', async () => {
  const page = await openPage(`${board.url}#/frontier?v=1&others=0&p=p99`);
  assert.match(await page.locator('.empty').textContent(), /No point has enough requests for its p99/);
  await page.locator('#show-means').click();
  assert.match(page.url(), /p=mean/);
  assert.equal((await tableBehind(page, 'frontier')).length, 10);
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('run: every figure of every point, and a lane for each request', async () => {
  for (const document of documents) {
    const page = await openPage(`${board.url}#/run?v=1&run=${document.run_id}`);
    assert.match(await page.locator('.badges').textContent(), /complete.*gate passed/);
    for (const [n, point] of document.points.entries()) {
      await go(page, `#/run?v=1&run=${document.run_id}&point=${n}`);
      await page.locator('#slices canvas').waitFor();
      const rows = await rowsOf(page.getByRole('region', { name: /Figures at/ }).locator('table'));
      assert.equal(rows.length, point.metrics.length);
      for (const row of rows) {
        const metric = point.metrics.find((entry) => entry.id === row.Figure);
        assert.equal(row.Samples, String(metric.count), row.Figure);
        assert.equal(row.p50 === '–', metric.p50 === null, row.Figure);
      }
      const lanes = await tableBehind(page, 'lanes');
      assert.ok(lanes.length >= point.requests.attempted, `${lanes.length} of ${point.requests.attempted}`);
    }
    assert.match(await page.locator('body').textContent(), /hadal serve --threads/);
    assert.deepEqual(page.faults, []);
    await page.end();
  }
});

test('compare: one thread and two, at the loads that both had', async () => {
  const [one, two] = [of(1), of(2)];
  const page = await openPage(`${board.url}#/compare?v=1&others=0&unverified=1&a=${one.run_id}&b=${two.run_id}`);
  const matched = await rowsOf(page.getByRole('region', { name: 'Figures where both were loaded alike' }).locator('table'));
  const row = matched.find((entry) => entry.Load === '1 at once' && entry.Figure === 'rate.output_tokens/1');
  const ratio = figure(two.points[0], 'rate.output_tokens/1', 'mean') / figure(one.points[0], 'rate.output_tokens/1', 'mean');
  assert.equal(row['B / A'], ratio.toFixed(3));
  assert.deepEqual(page.faults, []);
  await page.end();
});
