// What the page asks of the planner and what comes back: the question as a part of the state, the
// query that asks for one machine and one engine, the line of the command that says the same.

import {quoted} from "./command.js";
import type {CostSettings} from "./prices.js";
import {joined, listOf} from "./state.js";

export interface PlannerChoices {
  models: string[];
  workloads: string[];
  engines: string[];
  hardware: {key: string; name: string; family: string; priced: boolean; cannot: string | null}[];
  most_devices: number;
  constants: {
    name: string; unit: string; values: Record<string, number>; low_factor: number; high_factor: number;
    meaning: string; source: string;
  }[];
}

export interface PlanOption {
  objective?: string;
  hardware: string;
  devices: number;
  replicas: number;
  layout: string;
  serve: {devices: number};
  prefill: {devices: number} | null;  // null: the same devices do both
  requests_at_a_time: number;
  interactivity_tok_s: number;
  ttft_s: number;
  total_tok_s: number;
  output_tok_s: number;
  total_tok_s_per_device: number;
  it_kw: number | null;
  memory_bytes: Record<string, number>;
  binds: string;
  decode_step_s: number;
  decode_parts_s: Record<string, number>;
  prefill_share: number;  // of the time of the devices that prefill
}

export interface Plan {
  model: string;
  workload: {name: string; input: number; output: number; hit: number};
  assumptions: string[];
  picks: PlanOption[];
  frontier: PlanOption[];
  sensitivity: {assumption: string; low_factor: number; high_factor: number}[];
  error: {points: number; of: string; median: number; low_factor: number; high_factor: number};
  money: {api_usd_per_million: number | null; rent_usd_per_million: number | null; year: PlanYear | null} | null;
  option_value: {own_today: number | null; after: {weeks: number; usd_per_million: number; chance_of_owning: number; option_value: number}[]};
  next_questions: string[];
}

/** A deployment under a daily load, a tariff by the hour and a PUE by season. */
export interface PlanYear {
  use: number;
  mean_it_kw: number;
  mean_pue: number;
  worst_pue: number;
  kwh: number;
  electricity_usd_per_hour: number | null;
  least_usd_per_hour: number | null;
  dearest_usd_per_hour: number | null;
  electricity_usd_per_million: number | null;
}

type Values = Readonly<Record<string, string>>;

export interface PlanQuestion {
  model: string;
  workload: string;
  hardware: string[];
  engines: string[];
  interactivity: number;
  ttft: number | null;  // null: as long as it takes
  gap: number | null;  // between steps; null: however long
  weeks: number;
  devices: number;
  users: number | null;
  drafts: string;  // "none", "mtp3", …
  tokensPerStep: number | null;  // null: as published
  load: number[];  // by hour of the day, in any unit; empty: the same at all hours
  tariff: number[];  // $/kWh, one or by hour; empty: in the price
  seasonPue: number[];  // of 4 seasons or 12 months; empty: that of the prices
  /** Factors on the planner's constants, by their names. */
  factors: Readonly<Record<string, number>>;
}

export const MOST_CURVES = 12;

const within = (text: string | undefined, least: number, most: number): number | null => {
  const value = text === undefined || text === "" ? NaN : Number(text);
  return value >= least && value <= most ? value : null;
};

export interface ListRange {
  counts: readonly number[];
  least: number;
  most: number;
}
export const LOAD: ListRange = {counts: [24], least: 0, most: 1e12};
export const TARIFF: ListRange = {counts: [1, 24], least: 0, most: 100};
export const SEASON_PUE: ListRange = {counts: [4, 12], least: 1, most: 5};

/** Days that people know; hours are UTC. */
export const DAYS: Readonly<Record<string, readonly number[]>> = {
  "office hours": [1, 1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 9, 10, 10, 9, 7, 4, 3, 2, 2, 1, 1],
  "evening peak": [4, 3, 2, 2, 1, 1, 2, 3, 4, 5, 5, 6, 6, 6, 6, 6, 7, 8, 9, 10, 10, 9, 8, 6],
};

/** Numbers with commas, blanks or tildes between them; null where they are not as they must be. */
export function numbersOf(text: string | undefined, range: ListRange): number[] | null {
  const words = (text ?? "").split(/[\s,~]+/).filter((word) => word !== "");
  if (words.length === 0) return [];
  const numbers = words.map(Number);
  const fit = numbers.every((value) => value >= range.least && value <= range.most);
  return fit && range.counts.includes(numbers.length) && numbers.some((value) => value > 0) ? numbers : null;
}

/** The share of the hours in which machines work that are enough for the greatest of them. */
export const useOf = (load: readonly number[]): number =>
  load.reduce((sum, value) => sum + value, 0) / (load.length * Math.max(...load));

/** The page's prices under the question's day and seasons. */
export function settingsOf(q: PlanQuestion, settings: CostSettings): CostSettings {
  return {
    ...settings,
    ...(q.load.length === 0 ? {} : {utilisation: useOf(q.load)}),
    ...(q.seasonPue.length === 0 ? {} : {pue: q.seasonPue.reduce((sum, value) => sum + value, 0) / q.seasonPue.length}),
  };
}

/** What a link asks for, as far as this planner knows it. */
export function readQuestion(values: Values, choices: PlannerChoices): PlanQuestion {
  const chosen = (key: string, known: readonly string[], fallback: string[]): string[] => {
    const list = listOf(values[key]).filter((name) => known.includes(name));
    return list.length > 0 ? [...new Set(list)] : fallback;
  };
  const factors: Record<string, number> = {};
  for (const entry of listOf(values["plan.factors"])) {
    const [name = "", factor = ""] = entry.split("*");
    const value = within(factor, 0.01, 100);
    if (value !== null && choices.constants.some((constant) => constant.name === name)) factors[name] = value;
  }
  const drafts = values["plan.drafts"] ?? "none";
  return {
    model: choices.models.find((name) => name === values["plan.model"]) ?? "pro",
    workload: values["plan.workload"] ?? "8k1k",
    hardware: chosen("plan.hardware", choices.hardware.map((device) => device.key), ["b200", "mi355x"]),
    engines: chosen("plan.engine", choices.engines, ["sglang"]),
    interactivity: within(values["plan.speed"], 0.01, 1e6) ?? 20,
    ttft: within(values["plan.ttft"], 0.0001, 1e6),
    gap: within(values["plan.gap"], 0.0001, 1e6),
    weeks: within(values["plan.weeks"], 0, 1000) ?? 26,
    devices: Math.round(within(values["plan.devices"], 1, choices.most_devices) ?? 16),
    users: within(values["plan.users"], 0.01, 1e9),
    drafts: /^(mtp|dspark)[1-8]$/.test(drafts) ? drafts : "none",
    tokensPerStep: within(values["plan.tokens"], 1, 9),
    load: numbersOf(values["plan.load"], LOAD) ?? [],
    tariff: numbersOf(values["plan.tariff"], TARIFF) ?? [],
    seasonPue: numbersOf(values["plan.pue"], SEASON_PUE) ?? [],
    factors,
  };
}

export const writeFactors = (factors: Readonly<Record<string, number>>): string =>
  joined(Object.entries(factors).filter(([, factor]) => factor !== 1).map(([name, factor]) => `${name}*${Number(factor.toPrecision(4))}`));

export interface Pair {
  hardware: string;
  engine: string;
}

/** Every hardware with every engine, the first so many. */
export const pairsOf = (question: PlanQuestion): Pair[] =>
  question.hardware.flatMap((hardware) => question.engines.map((engine) => ({hardware, engine}))).slice(0, MOST_CURVES);

/** Options of `hadal plan ask` for one of the pairs, with their values. */
export function optionsOf(
  question: PlanQuestion, pair: Pair, settings: CostSettings, choices: PlannerChoices, weeks = question.weeks,
): [string, string][] {
  const options: [string, string][] = [
    ["model", question.model], ["hardware", pair.hardware], ["engine", pair.engine], ["workload", question.workload],
    ["interactivity", String(question.interactivity)],
  ];
  if (question.ttft !== null) options.push(["ttft", String(question.ttft)]);
  if (question.gap !== null) options.push(["longest-gap", String(question.gap)]);
  if (question.users !== null) options.push(["users", String(question.users)]);
  if (question.drafts !== "none") {
    options.push(["speculation", question.tokensPerStep === null ? question.drafts : `${question.drafts}:${question.tokensPerStep}`]);
  }
  options.push(["weeks", String(weeks)], ["most-devices", String(question.devices)], ["tier", settings.tier],
    ["era", settings.era]);
  options.push(question.seasonPue.length > 0 ? ["season-pue", question.seasonPue.join(",")] : ["pue", String(settings.pue)]);
  options.push(question.load.length > 0 ? ["load-curve", question.load.join(",")] : ["utilisation", String(settings.utilisation)]);
  if (question.tariff.length > 0) options.push(["tariff", question.tariff.join(",")]);
  const family = choices.hardware.find((device) => device.key === pair.hardware)?.family ?? "other";
  for (const constant of choices.constants) {
    const factor = question.factors[constant.name] ?? 1;
    if (factor !== 1) options.push(["assume", `${constant.name}.${family}=${Number(((constant.values[family] ?? 0) * factor).toPrecision(6))}`]);
  }
  return options;
}

export function queryOf(options: readonly (readonly [string, string])[]): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of options) if (name !== "assume") parameters.append(name, value);
  const assumed = options.filter(([name]) => name === "assume").map(([, value]) => value);
  if (assumed.length > 0) parameters.append("assume", assumed.join(","));
  return parameters.toString();
}

export const commandOf = (options: readonly (readonly [string, string])[]): string =>
  ["hadal", "plan", "ask", ...options.flatMap(([name, value]) => [`--${name}`, quoted(value)])].join(" ");

/** Of the time of all devices what prefill keeps to itself, as the planner's bill divides it. */
export const timeOfPrefill = (option: PlanOption): number => option.prefill === null ? option.prefill_share
  : option.prefill.devices / (option.prefill.devices + option.serve.devices);

/** Whether a run measured the model of a plan. */
export function isModel(name: string | undefined, model: string): boolean {
  const patterns: Record<string, RegExp> = {
    pro: /v4-pro(?!-dspark)/i, flash: /v4-flash/i, "v4.1-flash": /v4\.1-flash/i, "v3.2": /v3\.2/i,
  };
  return name !== undefined && (patterns[model]?.test(name) ?? false);
}
