import assert from "node:assert/strict";
import test from "node:test";
import {DAYS, LOAD, TARIFF, commandOf, isModel, numbersOf, optionsOf, pairsOf, queryOf, readQuestion, settingsOf, timeOfPrefill, useOf, writeFactors, MOST_CURVES, type PlanOption, type PlannerChoices} from "../src/planner.js";
import type {CostSettings} from "../src/prices.js";

const CHOICES: PlannerChoices = {
  models: ["pro", "flash"], workloads: ["8k1k"], engines: ["vllm", "sglang"], most_devices: 72,
  hardware: ["b200", "mi355x", "h100", "h200", "gb300", "b300", "mi300x"].map((key) => ({key, name: key.toUpperCase(), family: key.startsWith("mi") ? "amd" : "blackwell", priced: true, cannot: null})),
  constants: [{name: "gemm_share", unit: "of peak", values: {blackwell: 0.6, amd: 0.5}, low_factor: 0.7, high_factor: 1.3, meaning: "", source: ""}],
};
const SETTINGS: CostSettings = {
  kind: "catalogue", era: "2026-09", tier: "rental", scope: "IT", pue: 1.2, rent: 3, purchase: 1, years: 4, interest: 0, tariff: 0, kw: null, utilisation: 0.5,
};

test("a link's question is read as far as the planner knows it", () => {
  const q = readQuestion({
    "plan.model": "flash", "plan.hardware": "mi355x~nothing~mi355x", "plan.weeks": "-3", "plan.speed": "1e9", "plan.devices": "12.4",
    "plan.drafts": "mtp9", "plan.factors": "gemm_share*0.8~nothing*2~gemm_share", "plan.ttft": "2", "plan.gap": "0.3",
  }, CHOICES);
  assert.deepEqual(q.hardware, ["mi355x"]);
  assert.deepEqual([q.model, q.weeks, q.interactivity, q.devices, q.drafts, q.ttft, q.gap, q.users], ["flash", 26, 20, 12, "none", 2, 0.3, null]);
  assert.deepEqual(q.factors, {gemm_share: 0.8});
  assert.deepEqual(readQuestion({"plan.model": "<b>"}, CHOICES).model, "pro");
});

test("constants go along as values of the family of each hardware", () => {
  const q = readQuestion({"plan.factors": "gemm_share*0.5", "plan.hardware": "mi355x~b200", "plan.drafts": "mtp3", "plan.tokens": "2.4"}, CHOICES);
  const [amd, nvidia] = pairsOf(q).map((pair) => optionsOf(q, pair, SETTINGS, CHOICES));
  assert.deepEqual(amd?.filter(([name]) => name === "assume"), [["assume", "gemm_share.amd=0.25"]]);
  assert.deepEqual(nvidia?.filter(([name]) => name === "assume"), [["assume", "gemm_share.blackwell=0.3"]]);
  const parameters = new URLSearchParams(queryOf(amd ?? []));
  assert.equal(parameters.get("speculation"), "mtp3:2.4");
  assert.equal(parameters.get("assume"), "gemm_share.amd=0.25");
  assert.match(commandOf(amd ?? []), /^hadal plan ask --model pro --hardware mi355x .*--utilisation 0\.5 --assume gemm_share\.amd=0\.25$/);
  assert.match(commandOf([["workload", "a'; rm -rf ~"]]), /--workload 'a'\\''; rm -rf ~'$/);
});

test("a day's load takes the place of how busy the machine is, seasons that of the PUE", () => {
  const day = "0~".repeat(12) + "1~".repeat(11) + "4";
  const q = readQuestion({"plan.load": day, "plan.tariff": "0.1", "plan.pue": "1.1~1.2~1.3~1.2", "plan.hardware": "b200"}, CHOICES);
  assert.equal(useOf(q.load), 15 / 96);
  assert.deepEqual([settingsOf(q, SETTINGS).utilisation, settingsOf(q, SETTINGS).pue], [15 / 96, 1.2]);
  const options = new Map(optionsOf(q, {hardware: "b200", engine: "sglang"}, SETTINGS, CHOICES));
  assert.equal(options.get("load-curve"), day.replaceAll("~", ","));
  assert.deepEqual([options.get("tariff"), options.get("season-pue")], ["0.1", "1.1,1.2,1.3,1.2"]);
  assert.ok(!options.has("utilisation") && !options.has("pue"));
  const plain = readQuestion({"plan.load": "1~2", "plan.tariff": "-1", "plan.pue": "0~0~0~0"}, CHOICES);
  assert.deepEqual([plain.load, plain.tariff, plain.seasonPue], [[], [], []]);
  assert.equal(settingsOf(plain, SETTINGS).utilisation, SETTINGS.utilisation);
});

test("lists are what they must be, or nothing", () => {
  assert.deepEqual(numbersOf("", LOAD), []);
  assert.equal(numbersOf("0 ".repeat(24), LOAD), null);
  assert.equal(numbersOf("x", TARIFF), null);
  assert.deepEqual(numbersOf("0.2", TARIFF), [0.2]);
  for (const day of Object.values(DAYS)) assert.deepEqual(numbersOf(day.join(", "), LOAD), day);
});

test("no more curves than can be drawn, no factor where nothing was changed", () => {
  const all = CHOICES.hardware.map((device) => device.key).join("~");
  assert.equal(pairsOf(readQuestion({"plan.hardware": all, "plan.engine": "vllm~sglang"}, CHOICES)).length, MOST_CURVES);
  assert.equal(writeFactors({gemm_share: 1, other: 1.23456}), "other*1.235");
});

test("prefill that has devices of its own takes their share of the time, however busy they are", () => {
  const option = {prefill_share: 0.4, serve: {devices: 8}, prefill: null} as unknown as PlanOption;
  assert.equal(timeOfPrefill(option), 0.4);
  assert.equal(timeOfPrefill({...option, prefill: {devices: 24}}), 0.75);
});

test("runs of the same model under the names that people give it", () => {
  assert.ok(isModel("DeepSeek-V4-Pro", "pro") && isModel("deepseek-ai/DeepSeek-V4-Flash-0731", "flash"));
  assert.ok(!isModel("DeepSeek-V4-Pro-DSpark", "pro") && !isModel("DeepSeek-V4.1-Flash", "flash"));
  assert.ok(!isModel(undefined, "pro") && !isModel("anything", "mla"));
});
