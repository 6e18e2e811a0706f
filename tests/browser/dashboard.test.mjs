// Every view of the dashboard, driven as a person drives it, over stores whose figures are known;
// what the page shows is held against what the command line says of the same store.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { closeBrowser, download, drawn, folder, go, makeStore, openPage, planned, rowsOf, run, runs, serve, shown, tableBehind } from './dashboard.mjs';

const VIEWS = ['frontier', 'history', 'compare', 'cost', 'plan', 'table', 'start'];
let views;
let board;

before(async () => {
  views = makeStore('views');
  board = await serve(views);
});
after(async () => {
  assert.equal(await board.close(), 0);
  await closeBrowser();
});

const metric = (document, point, id, statistic) => document.points[point].metrics.find((entry) => entry.id === id)?.[statistic];
const byVersion = (version, workload = '8k1k') => runs(views).find((entry) => {
  const document = shown(views, entry.run_id ?? entry.id);
  return document.target.engine_version === version && document.workload === workload;
});
const idOf = (entry) => entry.run_id ?? entry.id;

const csvRows = (text) => {
  const [names, ...lines] = text.trim().split(/\r?\n/).map((line) => line.match(/("([^"]|"")*"|[^,]*)(,|$)/g).map((cell) => cell.replace(/,$/, '').replace(/^"|"$/g, '').replaceAll('""', '"')));
  return lines.map((cells) => Object.fromEntries(names.map((name, i) => [name, cells[i]])));
};

test('frontier: figures are those of the store, and only verified points stand on it', async () => {
  const page = await openPage(board.url);
  assert.match(await page.locator('h1').textContent(), /Total tokens per GPU against interactivity/);
  const csv = (await download(page, () => page.getByRole('button', { name: /as CSV/ }).click())).bytes.toString();
  const id = idOf(byVersion('0.1.0-after'));
  const document = shown(views, id);
  for (let i = 0; i < document.points.length; i++) {
    const x = metric(document, i, 'interactivity.tpot/1', 'p50');
    const y = metric(document, i, 'rate.total_tokens_per_gpu/1', 'mean');
    assert.ok(csv.includes(`,${x},p50,${y},`), `${x} ${y}`);
  }
  const rows = await tableBehind(page, 'frontier');
  const standing = (word) => rows.filter((row) => row.Standing.includes(word));
  for (const word of ['ungated', 'client-limited', 'partial']) {
    assert.ok(standing(word).length > 0, word);
    for (const row of standing(word)) assert.equal(row['On the frontier'], 'no', word);
  }
  assert.ok(standing('verified').some((row) => row['On the frontier'] === 'yes'));
  assert.ok(standing('third-party').length > 20);
  assert.match(await page.locator('.markers').textContent(), /third-party.*hollow/);
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('frontier: what is read off lies between the points and never beyond them', async () => {
  const page = await openPage(`${board.url}#/frontier?v=1&engine=hadal&others=0&at=70`);
  const own = page.locator('.readout li').first();
  const value = Number(await own.locator('.readout-value').getAttribute('data-value'));
  const document = shown(views, idOf(byVersion('0.1.0-after')));
  const points = document.points.map((_, i) => [metric(document, i, 'interactivity.tpot/1', 'p50'), metric(document, i, 'rate.total_tokens_per_gpu/1', 'mean')]).sort((a, b) => a[0] - b[0]);
  const after = points.findIndex(([x]) => x > 70);
  const ends = [points[after - 1][1], points[after][1]];
  assert.ok(value >= Math.min(...ends) && value <= Math.max(...ends), `${value} between ${ends}`);
  await go(page, '#/frontier?v=1&engine=hadal&others=0&at=5000');
  assert.match(await page.locator('.readout').textContent(), /out of range/);
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('the address is the state: controls write it, links restore it, back goes back', async () => {
  const page = await openPage(board.url);
  await page.locator('#c-y').selectOption('cost.usd_per_million.total/1');
  await page.locator('#c-ly').check();
  await page.locator('#f-more').click();
  await page.locator('#chip-engine-0').click();
  const address = page.url();
  assert.match(address, /v=1/);
  assert.match(address, /cost\.usd_per_million\.total%2F1/);
  const rows = await tableBehind(page, 'frontier');
  const other = await openPage(address);
  assert.deepEqual(await tableBehind(other, 'frontier'), rows);
  assert.equal(await other.locator('#c-ly').isChecked(), true);
  await other.getByRole('link', { name: 'Table' }).click();
  await drawn(other);
  assert.equal(await other.locator('h1').textContent(), 'All points');
  await other.goBack();
  await drawn(other);
  assert.match(await other.locator('h1').textContent(), /per million/);
  await go(other, '#/frontier?v=1&y=cost.of_the_future/7');
  assert.match(await other.getByRole('alert').textContent(), /cost\.of_the_future\/7/);
  assert.deepEqual([...page.faults, ...other.faults], []);
  await page.end();
  await other.end();
});

test('history: every step beyond the noise is marked, none within; a failed night is a gap', async () => {
  const history = await serve(makeStore('history'));
  const page = await openPage(`${history.url}#/history?v=1&others=0`);
  const rows = await tableBehind(page, 'history');
  assert.equal(rows.length, 45);
  assert.deepEqual(rows.filter((row) => row.Change !== '').map((row) => row.Day), ['2026-08-13', '2026-08-28', '2026-09-06']);
  const gaps = rows.filter((row) => row.Gap !== '');
  assert.deepEqual(gaps.map((row) => [row.Day, row.Gap]), [['2026-09-01', 'the engine did not get ready within 600 s']]);
  assert.match(rows.find((row) => row.Day === '2026-08-28')['What was different'], /version 0\.1\.0 → 0\.2\.0/);
  assert.match(rows.find((row) => row.Day === '2026-09-06')['What was different'], /\+ --speculate {2}\+ mtp/);
  const at = await page.locator('#c-at').inputValue();
  const nights = csvRows(await (await fetch(`${history.url}api/v1/views/history.csv?v=1&others=0&at=${at}`)).text());
  assert.deepEqual(nights.map((row) => [row.day, row.gap]), rows.map((row) => [row.Day, row.Gap]));
  const drawnCsv = csvRows((await download(page, () => page.getByRole('button', { name: /by day as CSV/ }).click())).bytes.toString());
  const value = Object.keys(drawnCsv[0])[1];
  nights.forEach((row, i) => assert.equal(Number(row['rate.total_tokens_per_gpu/1']).toPrecision(12), Number(drawnCsv[i][value]).toPrecision(12)));
  await page.locator('#c-until').fill('20');
  assert.equal((await tableBehind(page, 'history')).length, 21);
  // What others published of the MI355X: a hundredfold in 26 days.
  await go(page, '#/history?v=1&hardware=mi355x&engine=sglang&at=2.4&orfaster=1');
  assert.match(await page.locator('.headline').textContent(), /^×109\.2 from 2026-04-25 to 2026-05-21/);
  assert.deepEqual(page.faults, []);
  await page.end();
  assert.equal(await history.close('SIGTERM'), 0);
});

test('compare: ratios on the common range, with intervals', async () => {
  const [a, b] = [idOf(byVersion('0.1.0-before')), idOf(byVersion('0.1.0-after'))];
  const page = await openPage(`${board.url}#/compare?v=1&a=${a}&b=${b}`);
  const rows = await rowsOf(page.getByRole('region', { name: 'Ratio by tier' }).locator('table'));
  assert.equal(rows.length, 9);
  const range = (id) => {
    const document = shown(views, id);
    const x = document.points.map((_, i) => metric(document, i, 'interactivity.tpot/1', 'p50'));
    return [Math.min(...x), Math.max(...x)];
  };
  const [ra, rb] = [range(a), range(b)];
  assert.ok(Number(rows[0]['tok/s/user']) >= Math.max(ra[0], rb[0]) - 0.1);
  assert.ok(Number(rows.at(-1)['tok/s/user']) <= Math.min(ra[1], rb[1]) + 0.1);
  for (const row of rows) {
    assert.ok(Number(row['B / A']) > 1);
    assert.match(row.Finding, /B better|not shown|no interval/);
  }
  const matched = await rowsOf(page.getByRole('region', { name: 'Figures where both were loaded alike' }).locator('table'));
  const told = JSON.parse(run('measure', 'runs', 'compare', a, b, '--store', views, '--json').out);
  const ratio = told.points[0].metrics.find((entry) => entry.id === 'ttft.first_token/1').figures.p50?.ratio ??
    told.points[0].metrics.find((entry) => entry.id === 'ttft.first_token/1').figures.find((entry) => entry.figure === 'p50').ratio;
  assert.equal(matched.find((row) => row.Figure === 'ttft.first_token/1')['B / A'], ratio.toFixed(3));
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('cost: everything redraws from the inputs, and the bill adds up', async () => {
  const page = await openPage(`${board.url}#/cost?v=1&engine=hadal&others=0`);
  const units = () => rowsOf(page.getByRole('region', { name: /Unit costs/ }).locator('table'));
  const first = (await units())[0];
  const document = shown(views, idOf(byVersion('0.1.0-after')));
  const rate = metric(document, 4, 'rate.total_tokens_per_gpu/1', 'mean');
  assert.equal(Number(first['$/M total']), Number((3.7 / ((rate * 3600) / 1e6)).toPrecision(3)));
  await page.locator('#p-price').selectOption('rent');
  await page.locator('#p-rent').fill('7.4');
  await page.locator('#p-rent').press('Enter');
  assert.equal((await units())[0]['$/GPU-h worked'], '7.40');
  await page.locator('#p-util').fill('0.5');
  await page.locator('#p-util').press('Enter');
  assert.equal((await units())[0]['$/GPU-h worked'], '14.8');
  const bill = page.getByRole('region', { name: /Dollars of this measurement/ });
  await bill.waitFor();
  const rows = await rowsOf(bill.locator('table'));
  const uses = ['prefill', 'cached input', 'decode', 'shared', 'idle'];
  for (const row of rows) {
    const sum = uses.reduce((total, use) => total + Math.round(Number(row[use]) * 1e6), 0);
    assert.equal(sum, Math.round(Number(row.Total) * 1e6));
  }
  assert.ok(Number(rows.at(-1).idle) > 0);  // half of the paid hours
  assert.match(await page.getByRole('region', { name: 'Power' }).textContent(), /power\.mean\.gpu_boards\/1/);
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('frontier: the bill by kind of token, from the samples of own runs', async () => {
  const id = idOf(byVersion('0.1.0-after', 'conversations'));
  const page = await openPage(`${board.url}#/cost?v=1&workload=conversations&others=0&price=rent&rent=4&point=${id}%2F2`);
  const per = page.getByRole('region', { name: /per million tokens on the bill/ });
  await per.waitFor();
  const row = (await rowsOf(per.locator('table')))[0];
  for (const [axis, column] of [['computed_input', 'input, computed'], ['output', 'output']]) {
    await go(page, `#/frontier?v=1&workload=conversations&others=0&price=rent&rent=4&y=cost.usd_per_million.${axis}.bill%2F1`);
    await page.locator('#frontier').waitFor();
    const points = (await tableBehind(page, 'frontier')).filter((point) => point.Run === id);
    assert.equal(points.length, shown(views, id).points.length, axis);
    // The bill is in whole millionths of a dollar.
    const found = Number(Object.values(points[2])[5]);
    assert.ok(Math.abs(found / Number(row[column]) - 1) < 0.01, `${axis}: ${found} ${row[column]}`);
  }
  // Of these samples nobody can tell what finding cached input took.
  assert.equal(row['input, cached'], '0');
  await go(page, '#/frontier?v=1&workload=conversations&others=0&y=cost.usd_per_million.cached_input.bill%2F1');
  assert.match(await page.locator('.empty').textContent(), /cost nothing of their own/);
  await go(page, `#/compare?v=1&a=${id}&b=${id}&y=cost.usd_per_million.output.bill%2F1`);
  await page.locator('#compare').or(page.locator('.empty')).waitFor();
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('run: figures, verdicts, samples and the command that repeats it', async () => {
  const id = idOf(byVersion('0.1.0-after', 'conversations'));
  const page = await openPage(`${board.url}#/run?v=1&run=${id}&point=2`);
  await page.locator('#slices canvas').waitFor();
  const document = shown(views, id);
  const rows = await rowsOf(page.getByRole('region', { name: /Figures at/ }).locator('table'));
  assert.equal(rows.length, document.points[2].metrics.length);
  for (const row of rows) {
    const p50 = metric(document, 2, row.Figure, 'p50');
    assert.equal(row.p50 === '–', p50 === null);
    assert.equal(row.Samples, String(document.points[2].metrics.find((entry) => entry.id === row.Figure).count));
  }
  assert.match(await page.locator('.badges').textContent(), /complete.*gate passed.*client kept up/);
  const lanes = await tableBehind(page, 'lanes');
  assert.equal(lanes.length, document.points[2].requests.attempted);
  assert.ok((await tableBehind(page, 'slices')).length > 50);
  assert.match(await page.getByRole('region', { name: 'Checks of the gate' }).textContent(), /level\.scores/);
  assert.match(await page.locator('#repeat-command').textContent(), /^hadal measure run --url http:\/\/10\.0\.0\.7:8000 .*--seed 7/);
  const json = await download(page, () => page.getByRole('button', { name: 'Run as JSON' }).click());
  assert.deepEqual(JSON.parse(json.bytes), document);
  const lines = await download(page, () => page.getByRole('button', { name: 'Requests as JSONL' }).click());
  assert.ok(lines.bytes.toString().trim().split('\n').length > lanes.length);
  const picture = await download(page, () => page.getByRole('button', { name: 'The point on one clock as PNG' }).click());
  assert.equal(picture.bytes.subarray(1, 4).toString(), 'PNG');
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('table: order, search, columns, CSV with every digit', async () => {
  const page = await openPage(`${board.url}#/table?v=1&others=0`);
  await page.locator('[id="sort-rate.total_tokens_per_gpu/1:mean"]').click();
  const values = await page.locator('#points tbody td[data-value]').evaluateAll((cells) => cells.map((cell) => Number(cell.dataset.value)));
  const rows = await rowsOf(page.locator('#points'));
  const per = values.length / rows.length;
  const document = shown(views, idOf(byVersion('0.1.0-after')));
  assert.ok(Number.isInteger(per));
  assert.ok(values.includes(metric(document, 3, 'rate.total_tokens_per_gpu/1', 'mean')));
  await page.locator('#c-q').fill('0.1.0-after');
  await page.locator('#c-q').press('Enter');
  assert.match(await page.locator('#row-count').textContent(), /^5 points of 1 runs/);
  await page.locator('details.columns > summary').click();
  await page.getByLabel('e2e/1 p50 (s)').check();
  const csv = (await download(page, () => page.getByRole('button', { name: 'CSV' }).click())).bytes.toString();
  for (let i = 0; i < 5; i++) assert.ok(csv.includes(String(metric(document, i, 'e2e/1', 'p50'))));
  await page.getByRole('button', { name: /^Open run/ }).first().click();
  await drawn(page);
  assert.match(page.url(), /#\/run\?/);
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('start: without a store there are others\' points and the way to one\'s own', async () => {
  const empty = await serve(path.join(folder, 'none.sqlite'));
  const page = await openPage(empty.url);
  assert.equal(await page.locator('h1').textContent(), 'Nothing of yours is here yet');
  assert.match(await page.locator('.steps').textContent(), /hadal measure quick --url/);
  assert.ok((await tableBehind(page, 'frontier')).length > 50);
  for (const view of VIEWS) {
    await go(page, `#/${view}`);
    assert.ok((await page.locator('h1').textContent()).length > 3, view);
  }
  assert.deepEqual(page.faults, []);
  await page.end();
  await empty.close();
});

test('every view as CSV by its address: the figures of the page, with every digit', async () => {
  const csv = async (view, query) => {
    const response = await fetch(`${board.url}api/v1/views/${view}.csv?${query}`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /^text\/csv/);
    return csvRows(await response.text());
  };
  const near = (a, b) => assert.ok(Math.abs(a / b - 1) < 1e-12, `${a} ${b}`);
  for (const query of ['v=1', 'v=1&y=cost.usd_per_million.total%2F1&tier=hyperscaler&util=0.5', 'v=1&x=ttft.first_token%2F1&p=p90&runs=all', 'v=1&y=power.tokens_per_mw.total%2F1&scope=facility&others=0']) {
    const page = await openPage(`${board.url}#/frontier?${query}`);
    const button = csvRows((await download(page, () => page.getByRole('button', { name: /as CSV/ }).click())).bytes.toString());
    const rows = await csv('frontier', query);
    const [x, y] = Object.keys(rows[0]).slice(10).filter((name) => name.includes('/') && !name.includes(' '));
    const [xs, ys] = Object.keys(button[0]).slice(3).filter((name, i) => i === 0 || i === 2);
    const key = (run, a, b, on) => `${run} ${Number(a).toPrecision(12)} ${Number(b).toPrecision(12)} ${on}`;
    assert.ok(rows.length > 10);
    assert.deepEqual(rows.map((row) => key(row.run, row[x], row[y], row.on_frontier)).sort(),
      button.map((row) => key(row.Run, row[xs], row[ys], row['On the frontier'])).sort(), query);
    assert.deepEqual(page.faults, []);
    await page.end();
  }
  const [a, b] = [idOf(byVersion('0.1.0-before')), idOf(byVersion('0.1.0-after'))];
  const page = await openPage(`${board.url}#/compare?v=1&a=${a}&b=${b}`);
  const tiers = csvRows((await download(page, () => page.getByRole('button', { name: /as CSV/ }).click())).bytes.toString());
  const rows = await csv('compare', `v=1&a=${a}&b=${b}`);
  assert.equal(rows.length, tiers.length);
  rows.forEach((row, i) => {
    near(Number(row.ratio), Number(tiers[i]['B / A']));
    assert.equal(`${Number(row.ratio_low).toFixed(3)}–${Number(row.ratio_high).toFixed(3)}`, tiers[i]['95 %']);
  });
  await go(page, '#/cost?v=1&engine=hadal&others=0&price=rent&rent=2');
  const units = (await rowsOf(page.getByRole('region', { name: /Unit costs/ }).locator('table')))[0];
  const costs = await csv('cost', 'v=1&engine=hadal&others=0&price=rent&rent=2');
  assert.ok(costs.some((row) => Number(Number(row['cost.usd_per_million.total/1']).toPrecision(3)) === Number(units['$/M total'])));
  await page.end();
});

test('texts of runs are texts, whatever they look like', async () => {
  const hostile = runs(views).map((entry) => shown(views, idOf(entry))).find((document) => document.label?.includes('<img'));
  const page = await openPage(board.url);
  const model = encodeURIComponent(hostile.target.model);
  const workload = encodeURIComponent(hostile.workload);
  for (const view of VIEWS) {
    await go(page, `#/${view}?v=1&model=${model}&workload=${workload}&unverified=1&all=1&q=%3Cimg`);
  }
  await go(page, `#/run?v=1&run=${hostile.run_id}`);
  await page.locator('#slices canvas').waitFor();
  for (const details of await page.locator('details').all()) await details.evaluate((element) => { element.open = true; });
  await page.locator('#lanes').focus();
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowRight');
  assert.ok((await page.locator('body').textContent()).includes(hostile.target.model));
  assert.equal(await page.evaluate(() => window.__broken), undefined);
  assert.equal(await page.locator('main img, main script, main b').count(), 0);
  assert.equal(await page.locator('a[href^="javascript"]').count(), 0);
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('keyboard alone: the way in, through a chart\'s points, and into a run', async () => {
  const page = await openPage(`${board.url}#/frontier?v=1&engine=vllm&others=0`);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  const seen = [];
  for (let i = 0; i < 60 && !seen.includes('frontier'); i++) {
    await page.keyboard.press('Tab');
    seen.push(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent));
  }
  assert.deepEqual(seen.slice(0, 3), ['hadal', 'Frontier', 'History']);
  assert.ok(seen.includes('frontier'), seen.join(' '));
  await page.keyboard.press('ArrowRight');
  assert.match(await page.locator('figure.chart [aria-live]').textContent(), /vllm\. total tok\/s\/GPU: /);
  assert.equal(await page.locator('.tip').isVisible(), true);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.tip').isVisible(), false);
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await drawn(page);
  assert.match(page.url(), /#\/run\?/);
  // Every field has a name, every picture a summary.
  for (const view of VIEWS) {
    await go(page, `#/${view}`);
    if (view === 'plan') await planned(page);
    const nameless = await page.evaluate(() => [...document.querySelectorAll('select, input, button, [role=application]')]
      .filter((element) => !(element.labels?.length || element.getAttribute('aria-label') || element.textContent.trim())).map((element) => element.outerHTML));
    assert.deepEqual(nameless, [], view);
  }
  assert.deepEqual(page.faults, []);
  await page.end();
});

test('phone width: nothing is wider than the screen', async () => {
  const page = await openPage(board.url, { viewport: { width: 360, height: 780 }, isMobile: true, hasTouch: true });
  const id = idOf(byVersion('0.1.0-after'));
  for (const view of [...VIEWS, `run?v=1&run=${id}`]) {
    await go(page, `#/${view}`);
    if (view === 'plan') await planned(page);
    const [wide, screen] = await page.evaluate(() => [document.scrollingElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= screen, `${view}: ${wide} > ${screen}`);
  }
  assert.deepEqual(page.faults, []);
  await page.end();
});

// By WCAG 2: relative luminances of text and of what lies under it.
function contrasts() {
  const parse = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const under = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own || element.closest('.visually-hidden, .skip') || element.getClientRects().length === 0) continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(under(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.tagName} ${element.className} ${element.textContent.slice(0, 30)}`);
  }
  return poor;
}

test('light and dark: text stands out in both, and the choice is kept', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const page = await openPage(board.url, { colorScheme });
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(background, colorScheme === 'dark' ? 'rgb(15, 19, 22)' : 'rgb(246, 248, 249)');
    for (const view of [...VIEWS, `run?v=1&run=${idOf(byVersion('0.1.0-partial'))}`]) {
      await go(page, `#/${view}`);
      if (view === 'plan') await planned(page);
      assert.deepEqual(await page.evaluate(contrasts), [], `${colorScheme} ${view}`);
    }
    await page.locator('#theme').selectOption(colorScheme === 'dark' ? 'light' : 'dark');
    await page.reload();
    await drawn(page);
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), background);
    assert.deepEqual(page.faults, []);
    await page.end();
  }
});

test('one file: opens from disk without a network and shows the same', async () => {
  const file = path.join(folder, 'dashboard.html');
  const written = run('dashboard', '--store', views, '--export', file);
  assert.equal(written.status, 0, written.err);
  assert.ok(statSync(file).size <= 3_000_000);
  const page = await openPage(`file://${file}`, { offline: true });
  const served = await openPage(board.url);
  assert.deepEqual(await tableBehind(page, 'frontier'), await tableBehind(served, 'frontier'));
  const id = idOf(byVersion('0.1.0-after'));
  for (const view of [...VIEWS, `run?v=1&run=${id}&point=1`]) {
    await go(page, `#/${view}`);
    await go(served, `#/${view}`);
    assert.equal(await page.locator('h1').textContent(), await served.locator('h1').textContent());
    if (view !== 'plan') assert.equal(await page.locator('main table').count() > 0, await served.locator('main table').count() > 0, view);
  }
  await page.locator('#slices canvas').waitFor();
  const json = await download(page, () => page.getByRole('button', { name: 'Run as JSON' }).click());
  assert.deepEqual(JSON.parse(json.bytes), shown(views, id));
  await go(page, '#/plan');
  assert.match(await page.locator('main').textContent(), /planning needs the running program/);
  assert.deepEqual(page.requests.filter((address) => !address.startsWith('file:') && !address.startsWith('data:') && !address.startsWith('blob:')), []);
  assert.equal(await page.evaluate(() => window.__broken), undefined);
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('header').isVisible(), false);
  assert.deepEqual([...page.faults, ...served.faults], []);
  await page.end();
  await served.end();
});

test('a folder: any web server can show it', async () => {
  const site = path.join(folder, 'site');
  assert.equal(run('dashboard', '--store', views, '--export', site).status, 0);
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };
  const server = http.createServer((request, response) => {
    const name = path.join(site, new URL(request.url, 'http://x').pathname.replace(/\/$/, '/index.html'));
    try {
      const text = readFileSync(name);
      response.setHeader('Content-Type', types[path.extname(name)]);
      response.end(text);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const page = await openPage(`http://127.0.0.1:${server.address().port}/`);
  assert.ok((await tableBehind(page, 'frontier')).length > 50);
  await go(page, `#/run?v=1&run=${idOf(byVersion('0.1.0-after'))}`);
  await page.locator('#slices canvas').waitFor();
  assert.deepEqual(page.faults, []);
  await page.end();
  server.close();
});

test('many runs: the first chart comes before the last page', async () => {
  const store = makeStore('many', '100');
  const many = await serve(store);
  const page = await openPage(`${many.url}#/table?v=1&all=1&others=0`);
  assert.match(await page.locator('.store').textContent(), /^100 runs from/);
  await go(page, '#/table?v=1&others=0');
  assert.match(await page.locator('#row-count').textContent(), /^500 points of 100 runs/);
  assert.deepEqual(page.faults, []);
  await page.end();
  await many.close();
});

test('what is wrong with a store is said, in the terminal and on the page', async () => {
  const bad = path.join(folder, 'bad.sqlite');
  writeFileSync(bad, 'no database at all, but long enough to be looked at');
  const refused = run('dashboard', '--store', bad, '--port', '0');
  assert.equal(refused.status, 2);
  assert.match(refused.err, /bad\.sqlite/);
  assert.equal(run('dashboard', '--host', '0.0.0.0', '--port', '0').status, 2);
  const late = path.join(folder, 'late.sqlite');
  const server = await serve(late);
  writeFileSync(late, 'this was no store when the dashboard began, and is none now either');
  const page = await openPage(server.url);
  assert.match(await page.getByRole('alert').first().textContent(), /The store cannot be read/);
  await page.end();
  await server.close();
});

test('a token: asked for, taken out of the address, sent along', async () => {
  const file = path.join(folder, 'token');
  writeFileSync(file, 'open sesame\n');
  const server = await serve(views, '--key-file', file);
  assert.equal((await fetch(`${server.url}api/v1/overview`)).status, 401);
  const page = await openPage(`${server.url}#token=${encodeURIComponent('open sesame')}`);
  assert.ok(!page.url().includes('sesame'));
  assert.ok((await tableBehind(page, 'frontier')).length > 20);
  assert.deepEqual(page.faults, []);
  await page.end();
  await server.close();
});
