// The planner page: what it shows is what hadal plan says of the same question.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { closeBrowser, download, go, makeStore, openPage, planned, rowsOf, run, serve, tableBehind } from './dashboard.mjs';

let board;

before(async () => {
  board = await serve(makeStore('views'));
});
after(async () => {
  assert.equal(await board.close(), 0);
  await closeBrowser();
});

test('plan: curves, tables and the command say what hadal plan says', async () => {
  const page = await openPage(`${board.url}#/plan?v=1&plan.model=flash&plan.hardware=h200~b200&plan.engine=vllm&plan.devices=8&plan.speed=40&price=rent&rent=2.5`);
  await planned(page);
  const words = (await page.locator('#plan-command').textContent()).split(' ');
  assert.deepEqual(words.slice(0, 3), ['hadal', 'plan', 'ask']);
  const told = JSON.parse(run(...words.slice(1), '--json').out);
  const best = told.picks[0];
  const rows = (await tableBehind(page, 'planner')).filter((row) => row.Kind === 'predicted');
  const own = rows.filter((row) => row.Curve === 'h200');
  assert.equal(own.length, told.frontier.length);
  const csv = (await download(page, () => page.getByRole('button', { name: /^Predicted .* as CSV/ }).click())).bytes.toString();
  for (const option of told.frontier) {
    const low = option.total_tok_s_per_device * told.error.low_factor;
    const high = option.total_tok_s_per_device * told.error.high_factor;
    assert.ok(csv.includes(`h200,predicted,${option.interactivity_tok_s},${option.total_tok_s_per_device},${low},${high},`), String(option.interactivity_tok_s));
  }
  assert.ok(rows.some((row) => row.Curve === 'b200'));
  const answers = await rowsOf(page.getByRole('region', { name: 'The cheapest that meets the question' }).locator('table'));
  assert.equal(answers[0].Devices, best.devices.toFixed(2));
  assert.equal(Number(answers[0]['$/M total']), Number((2.5 / ((best.total_tok_s_per_device * 3600) / 1e6)).toPrecision(3)));
  const memory = await rowsOf(page.getByRole('region', { name: /Memory of a device/ }).locator('table'));
  assert.equal(Number(memory.find((row) => row.What === 'weights').GB), Number((best.memory_bytes.weights / 1e9).toPrecision(3)));
  assert.equal((await tableBehind(page, 'binds')).length, told.frontier.length);
  const binds = await tableBehind(page, 'binds-all');
  assert.deepEqual(binds.map((row) => row.Hardware), ['h200', 'b200']);
  assert.equal(binds[0].Binds, best.binds);
  assert.equal((await tableBehind(page, 'sensitivity')).length, told.sensitivity.length);
  const bill = await rowsOf(page.getByRole('region', { name: /Dollars of an hour of work/ }).locator('table'));
  assert.equal(Number(bill.at(-1).Total), 2.5 * best.devices);
  assert.equal((await tableBehind(page, 'waiting')).length, 7);
  assert.ok((await tableBehind(page, 'break-even')).length > 3);
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('plan: a day, a tariff and the seasons', async () => {
  const page = await openPage(`${board.url}#/plan?v=1&plan.model=flash&plan.hardware=b200&plan.devices=4&plan.year=1`);
  await planned(page);
  assert.equal(await page.locator('#plan-year-table').count(), 0);
  await page.locator('#plan-day').selectOption('office hours');
  await planned(page);
  await page.locator('#plan-tariff').fill('0.1');
  await page.locator('#plan-tariff').press('Enter');
  await planned(page);
  await page.locator('#plan-pue').fill('1.1, 1.2, 1.3, 1.2');
  await page.locator('#plan-pue').press('Enter');
  await planned(page);
  assert.match(page.url(), /plan\.load=1%7E1%7E.*plan\.pue=1\.1%7E1\.2%7E1\.3%7E1\.2&plan\.tariff=0\.1&/);
  const words = (await page.locator('#plan-command').textContent()).split(' ');
  const { year } = JSON.parse(run(...words.slice(1), '--json').out).money;
  const rows = new Map((await rowsOf(page.locator('#plan-year-table table'))).map((row) => [row.What, row.Figure]));
  assert.equal(rows.get('busy, of all hours'), `${Math.round(100 * year.use)} %`);
  assert.equal(rows.get('electricity of a million tokens'), `$${Number(year.electricity_usd_per_million.toPrecision(3))}`);
  // What is not a list of the right length is said, and not asked.
  await page.locator('#plan-pue').fill('1.1, 1.2');
  await page.locator('#plan-pue').press('Enter');
  await planned(page);
  assert.match(await page.locator('.wrong').textContent(), /give 4 or 12 numbers from 1 to 5/);
  assert.doesNotMatch(await page.locator('#plan-command').textContent(), /season-pue/);
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('plan: a slider is a part of the link, and what nothing meets is said', async () => {
  const page = await openPage(`${board.url}#/plan?v=1&plan.model=flash&plan.hardware=h200&plan.devices=4&plan.constants=1`);
  await planned(page);
  const speed = async (at) => (await rowsOf(at.getByRole('region', { name: 'The cheapest that meets the question' }).locator('table')))[0];
  const before = await speed(page);
  const slider = page.locator('#plan-c-memory_share');
  await slider.focus();
  await page.keyboard.press('Home');
  await planned(page);
  assert.match(page.url(), /plan\.factors=memory_share/);
  assert.match(await page.locator('#plan-command').textContent(), /--assume memory_share\.hopper=/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'plan-c-memory_share');
  const after = await speed(page);
  assert.notDeepEqual(after, before);
  const other = await openPage(page.url());
  await planned(other);
  assert.deepEqual(await speed(other), after);
  await go(other, '#/plan?v=1&plan.model=flash&plan.hardware=h200&plan.devices=4&plan.speed=90000');
  await planned(other);
  assert.match(await other.locator('[data-pair="h200/sglang"]').textContent(), /the fastest gives/);
  // Whatever a link says is a text, and at most a question that the planner refuses.
  await other.end();
  const hostile = encodeURIComponent('<img src=x onerror="window.__broken=1">');
  const third = await openPage(`${board.url}#/plan?v=1&plan.workload=${hostile}&plan.model=${hostile}&plan.hardware=${hostile}&plan.drafts=${hostile}&plan.factors=${hostile}*2&plan.weeks=${hostile}`);
  await planned(third);
  assert.match(await third.locator('.notice').first().textContent(), /<img src=x.*is no workload/);
  assert.equal(await third.evaluate(() => window.__broken), undefined);
  assert.equal(await third.locator('main img').count(), 0);
  assert.equal((await fetch(`${board.url}api/v1/plan?model=/etc/passwd&hardware=h200`)).status, 400);
  assert.deepEqual(page.faults, []);
  await page.end();
  await third.end();
});
