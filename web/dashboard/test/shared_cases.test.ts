// The page and the program must give the same figures: src/measure/dashboard/shared_cases_test.cc
// reads the same file.
import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import test from "node:test";
import {allocate, hourlyCosts, joulesPerToken, makeBill, tokensPerMegawattSecond, tokensPerUsd, usdPerMillion, type Deployment} from "../src/costs.js";
import {SteffenCurve, undominated, type XY} from "../src/frontier.js";
import {findChanges} from "../src/history.js";
import {ratioInterval} from "../src/statistics.js";

declare const SOURCE_DIR: string;
const cases = JSON.parse(readFileSync(`${SOURCE_DIR}/web/dashboard/test/shared_cases.json`, "utf8"));

const close = (actual: number | null, expected: number | null, what: string): void => {
  if (expected === null || actual === null) assert.equal(actual, expected, what);
  else assert.ok(Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected)), `${what}: ${actual} is not ${expected}`);
};
const xy = (pairs: number[][]): XY[] => pairs.map(([x, y]) => ({x: x as number, y: y as number}));

test("points that no other beats", () => {
  for (const c of cases.frontier) assert.deepEqual(undominated(xy(c.points), c.x, c.y), c.undominated);
});

test("Steffen's curve, and nothing beyond its ends", () => {
  for (const c of cases.steffen) {
    const curve = new SteffenCurve(xy(c.knots));
    for (const [x, y] of c.at) close(curve.at(x), y, `at ${x}`);
  }
});

test("unit costs", () => {
  for (const c of cases.unit_costs) {
    close(usdPerMillion(c.rate, c.usd_per_hour), c.usd_per_million, "usd");
    close(tokensPerUsd(c.rate, c.usd_per_hour), c.tokens_per_usd, "tokens/$");
    close(tokensPerMegawattSecond(c.rate, c.kw), c.tokens_per_mw, "tokens/MW");
    close(joulesPerToken(c.rate, c.kw), c.joules, "joules");
  }
});

test("shares add up to the total", () => {
  for (const c of cases.allocate) assert.deepEqual(allocate(c.total, c.weights), c.shares);
});

test("an hour of one's own machine", () => {
  for (const c of cases.hourly) {
    const d = c.deployment;
    const deployment: Deployment = {gpus: d.gpus, pue: d.pue, hostingUsdPerMonth: d.hosting};
    if (d.rent !== undefined) deployment.rentUsdPerGpuHour = d.rent;
    if (d.purchase !== undefined) deployment.purchase = {usd: d.purchase, years: d.years, residualUsd: 0, interestPerYear: d.interest};
    if (d.tariff !== undefined) Object.assign(deployment, {usdPerKwh: d.tariff, itKw: d.it_kw, idleKw: d.idle_kw});
    const parts = hourlyCosts(deployment);
    assert.deepEqual(parts.map((part) => part.name), c.parts.map((part: [string]) => part[0]));
    parts.forEach((part, i) => {
      close(part.usdPerHour, c.parts[i][1], part.name);
      close(part.usdPerIdleHour, c.parts[i][2], `${part.name}, idle`);
    });
  }
});

test("the bill and its parts", () => {
  for (const c of cases.bill) {
    const parts = c.parts.map(([name, work, idle]: [string, number, number]) => ({name, usdPerHour: work, usdPerIdleHour: idle}));
    const bill = makeBill(c.phases, true, c.gpus, parts, c.tokens);
    assert.equal(bill.total, c.total);
    assert.deepEqual(bill.rows.map((row) => [row.part, row.total, Object.values(row.uses)]), c.rows);
    for (const [kind, value] of Object.entries(c.usd_per_million)) {
      close(bill.usdPerMillion[kind as keyof typeof bill.usdPerMillion], value as number | null, kind);
    }
  }
});

test("the interval of a ratio", () => {
  for (const c of cases.ratio_interval) {
    const [aLow, aHigh] = c.a_ci;
    const [bLow, bHigh] = c.b_ci;
    const interval = ratioInterval(c.a, {low: aLow, high: aHigh}, c.b, {low: bLow, high: bHigh});
    close(interval?.low ?? null, c.low, "low");
    close(interval?.high ?? null, c.high, "high");
  }
});

test("noise, levels and changes of days", () => {
  for (const c of cases.level_changes) {
    const found = findChanges(c.values.map((value: number, day: number) => ({time: day * 86400, value})));
    close(found.noiseRatio, c.noise_ratio, "noise");
    assert.equal(found.level.length, c.level.length);
    found.level.forEach((level, day) => close(level, c.level[day], `level of day ${day}`));
    assert.deepEqual(found.changes.map((change) => change.at), c.changes.map(([at]: [number]) => at));
    found.changes.forEach((change, i) => close(change.ratio, c.changes[i][1], "change"));
  }
});
