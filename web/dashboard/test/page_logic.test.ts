import assert from "node:assert/strict";
import test from "node:test";
import {X_AXES, Y_AXES, type Axis} from "../src/axes.js";
import {quoted, repeatCommand} from "../src/command.js";
import {csvText} from "../src/csv.js";
import {commandDifference, historyDays} from "../src/days.js";
import {changeText, dayText, figureText, tickText} from "../src/format.js";
import {doubtsOf, figureOf, type Hardware, type Point, type Run} from "../src/model.js";
import {Prices, readCosts} from "../src/prices.js";
import {ReadoutCurve, drawPoints, groupSeries, type Drawing} from "../src/series.js";
import {readState, writeState} from "../src/state.js";

const hardware: Hardware = {
  eras: [{key: "2026-06", about: ""}, {key: "2026-09", about: ""}],
  default_pue: 1.2,
  accelerators: [{
    key: "b200", name: "B200", tdp_w: 1000,
    power: [{era: "2026-06", counts: "facility", kw: 2.17}, {era: "2026-09", counts: "IT", kw: 1.71}],
    prices: [{era: "2026-06", tier: "hyperscaler", usd: 1.95}, {era: "2026-09", tier: "rental", usd: 3.7}],
  }],
};

function point(n: number, concurrency: number, user: number, total: number, more: Partial<Point> = {}): Point {
  return {
    n, concurrency, metrics: {
      "interactivity.tpot/1": [100, user, user],
      "rate.total_tokens_per_gpu/1": [100, total, null, null, null, null, total * 0.9, total * 1.1],
    }, ...more,
  };
}

function run(more: Partial<Run> = {}): Run {
  return {
    id: "01", created: 1785542400, origin: "measured", state: "complete", gate: "passed", limited: false,
    model: "m", engine: "vllm", hardware: "b200", gpus: 8, workload: "8k1k", notes: [],
    points: [point(0, 1, 100, 100), point(1, 8, 60, 400), point(2, 64, 20, 900)], ...more,
  };
}

const axis = (axes: readonly Axis[], id: string): Axis => axes.find((a) => a.id === id) as Axis;
const prices = (values: Record<string, string> = {}): Prices => new Prices(readCosts(values, hardware), hardware);
const drawing = (y = "rate.total_tokens_per_gpu/1", values: Record<string, string> = {}): Drawing => ({
  x: axis(X_AXES, "interactivity.tpot/1"), y: axis(Y_AXES, y), xStatistic: "p50", prices: prices(values),
});

test("a state survives its address, and old links keep what they drew", () => {
  const state = {view: "history" as const, values: {model: "a&b=c#d~e %", at: "50", y: "rate.total_tokens_per_gpu/1"}};
  assert.deepEqual(readState(writeState(state)), {...state, newer: false});
  // A link of version 1 as it was first shared.
  const old = readState("#/frontier?v=1&model=DeepSeek-V4-Pro&p=p90&workload=8k1k&x=interactivity.tpot%2F1&y=cost.usd_per_million.total%2F1");
  assert.deepEqual(old, {view: "frontier", newer: false, values: {model: "DeepSeek-V4-Pro", p: "p90", workload: "8k1k", x: "interactivity.tpot/1", y: "cost.usd_per_million.total/1"}});
  assert.equal(readState("#/frontier?v=2").newer, true);
  assert.equal(readState("#/nowhere").view, "frontier");
  assert.equal(readState("").view, "frontier");
  assert.equal(readState("#/table?token=secret&q=x").values["token"], undefined);
});

test("ids of axes never change what they mean", () => {
  // Whoever gives one of these another definition gives it another number, too.
  const ids = [...X_AXES, ...Y_AXES].map((a) => a.id);
  for (const id of ["interactivity.tpot/1", "rate.total_tokens_per_gpu/1", "cost.usd_per_million.total/1", "cost.usd_per_million.output.inferencex/1",
    "power.tokens_per_mw.total/1", "energy.joules_per_token.provisioned/1", "ttft.first_token/1"]) assert.ok(ids.includes(id), id);
  for (const id of ids) assert.match(id, /^[a-z0-9_.]+\/\d+$/);
  assert.equal(new Set(Y_AXES.map((a) => a.id)).size, Y_AXES.length);
});

test("what is not verified never stands on a frontier", () => {
  const better = [point(0, 1, 500, 5000)];
  for (const worse of [run({gate: "not_run", points: better}), run({gate: "failed", points: better}), run({state: "partial", points: better}),
    run({state: "running", points: better}), run({points: [{...better[0] as Point, limited: true}]})]) {
    const drawn = drawPoints([run(), worse], drawing());
    const extra = drawn[3];
    assert.equal(extra?.onFrontier, false);
    assert.equal(extra?.standing, "unverified");
    assert.ok(doubtsOf(worse, worse.points[0] as Point).length > 0);
    assert.equal(drawn.filter((p) => p.onFrontier).length, 3);
  }
  assert.equal(drawPoints([run({origin: "published", gate: "not_run"})], drawing())[0]?.standing, "third-party");
});

test("costs are made of interpolated throughput and never interpolated", () => {
  const curve = (d: Drawing): ReadoutCurve => new ReadoutCurve(drawPoints([run()], d), d);
  const rate = curve(drawing()).at(40)?.value as number;
  const cost = curve(drawing("cost.usd_per_million.total/1")).at(40)?.value as number;
  assert.ok(Math.abs(cost - 3.7 / ((rate * 3600) / 1e6)) < 1e-12);
  assert.equal(curve(drawing()).at(101), null);
  assert.equal(curve(drawing()).at(19), null);
  assert.deepEqual(curve(drawing()).atLeast(5)?.value, 900);
  assert.equal(curve(drawing()).atLeast(5)?.held, true);
  assert.equal(curve(drawing()).atLeast(150), null);
  const interval = curve(drawing("cost.usd_per_million.total/1")).at(60);
  assert.ok((interval?.low as number) < (interval?.value as number) && (interval?.value as number) < (interval?.high as number));
});

test("prices and power follow era, scope and the reader's own figures", () => {
  assert.equal(prices().usdPerGpuHour(run()), 3.7);
  assert.equal(prices({era: "2026-06", tier: "hyperscaler"}).usdPerGpuHour(run()), 1.95);
  assert.equal(prices({tier: "neocloud"}).usdPerGpuHour(run()), null);
  assert.equal(prices({util: "0.5"}).usdPerGpuHour(run()), 7.4);
  assert.ok(Math.abs((prices({era: "2026-06"}).kwPerGpu(run()) as number) - 2.17 / 1.2) < 1e-12);
  assert.equal(prices({era: "2026-06", scope: "facility"}).kwPerGpu(run()), 2.17);
  assert.ok(Math.abs((prices({price: "rent", rent: "2", tariff: "0.1", pue: "1.5", kw: "2"}).usdPerGpuHour(run()) as number) - 2.3) < 1e-12);
  assert.equal(prices().usdPerGpuHour(run({hardware: "unknown"})), null);
  assert.equal(prices({rent: "-4", price: "rent"}).settings.rent, 3);
});

test("published points fall back to the statistic that there is, and say so", () => {
  const published = run({origin: "published", points: [{n: 0, metrics: {"interactivity.tpot/1": [0, 12]}, other: [{id: "ttft.first_token/1", statistic: "unspecified", value: 3}]}]});
  const p = published.points[0] as Point;
  assert.deepEqual(figureOf(published, p, "interactivity.tpot/1", "p50"), {value: 12, low: null, high: null, statistic: "mean"});
  assert.equal(figureOf(published, p, "interactivity.tpot/1", "p99"), null);
  assert.equal(figureOf(published, p, "ttft.first_token/1", "p50")?.statistic, "unspecified");
  assert.equal(figureOf(run({points: published.points}), p, "interactivity.tpot/1", "p50"), null);
});

test("series are what was measured alike, and are named by their differences", () => {
  const series = groupSeries([run(), run({id: "02", created: 1785642400}), run({id: "03", engine: "sglang"}), run({id: "04", origin: "published"})]);
  assert.deepEqual(series.map((s) => [s.label, s.runs.length, s.thirdParty]), [["b200 · vllm", 2, false], ["b200 · sglang", 1, false], ["b200 · vllm", 1, true]]);
  assert.equal(series[0]?.runs[0]?.id, "02");
});

test("a day without a figure is a gap with a reason", () => {
  const day = 86400;
  const runs = [run({id: "c", created: 2 * day, state: "failed", reason: "did not get ready", points: []}), run({id: "b", created: day, engine_version: "2", launch_command: "serve --x 2"}),
    run({id: "a", created: 0, engine_version: "1", launch_command: "serve --x 1"})];
  const days = historyDays({runs}, drawing(), {at: 50, orFaster: false, countUnverified: false});
  assert.deepEqual(days.map((d) => [d.day, d.figure !== null, d.gap]), [["1970-01-01", true, ""], ["1970-01-02", true, ""], ["1970-01-03", false, "did not get ready"]]);
  assert.deepEqual(days[1]?.differences, ["version 1 → 2", "launch: − 1  + 2"]);
  assert.equal(historyDays({runs: [run()]}, drawing(), {at: 500, orFaster: false, countUnverified: false})[0]?.gap, "500 lies outside what was measured");
  assert.equal(commandDifference("a b", "b a"), "order of words");
});

test("CSV cannot be broken out of, by quotes or by formulas", () => {
  assert.equal(csvText(["a", "b"], [["x,\"y\"\n", 1.5], ["=cmd()", null], ["-1", -1]]), 'a,b\r\n"x,""y""\n",1.5\r\n\'=cmd(),\r\n\'-1,-1\r\n');
});

test("figures as people read them", () => {
  assert.deepEqual([0, 0.000123, 0.0421, 1.234, 12.34, 999.96, 1234567, null, NaN].map(figureText), ["0", "1.23e-4", "0.0421", "1.23", "12.3", "1000", "1\u202f234\u202f567", "–", "–"]);
  assert.deepEqual([1.123, 0.9, 110.5, 0.01].map(changeText), ["+12.3 %", "−10.0 %", "×110.5", "÷100.0"]);
  assert.deepEqual([12000, 0.5, 3.5e6, 0].map(tickText), ["12k", "0.5", "3.5M", "0"]);
  assert.equal(dayText(1785542400), "2026-08-01");
  assert.equal(dayText(1e300), "–");
});

test("the command that repeats a run is safe to paste", () => {
  const command = repeatCommand({plan: {url: "http://x:1", model: "m; rm -rf ~", workload: {workload: "8k1k", seed: 7}, points: [{concurrency: 1, sessions: 10}, {concurrency: 4, sessions: 10}], repeats: 1}, target: {gpus: 8}});
  assert.equal(command, "hadal measure run --url http://x:1 --model 'm; rm -rf ~' --workload 8k1k --concurrency 1,4 --requests 10 --seed 7 --gpus 8");
  assert.equal(quoted("it's"), "'it'\\''s'");
  assert.equal(repeatCommand({}), "");
});
