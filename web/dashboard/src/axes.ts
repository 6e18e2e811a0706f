// What can stand on an axis. Every axis has an id with the version of its definition: a link keeps
// what it drew, and a better definition gets the next number. Costs follow from throughput after it
// was interpolated, never before.

import {joulesPerToken, tokensPerMegawattSecond, tokensPerUsd, usdPerMillion} from "./costs.js";
import {figureOf, type Figure, type Point, type Run, type Statistic} from "./model.js";
import {BILL_METRICS} from "./bill_rates.js";
import type {Better} from "./frontier.js";
import type {Prices} from "./prices.js";

/** From a throughput of the run to what is drawn; null: drawn as it is. */
export type Conversion = (rate: number, run: Run, prices: Prices) => number | null;

export interface Axis {
  id: string;
  group: string;
  name: string;
  short: string;
  unit: string;
  better: Better;
  metric: string;
  convert: Conversion | null;
  /** Samples have percentiles; what is one figure a point has not. */
  hasStatistics: boolean;
  about: string;
}

const TOTAL = "rate.total_tokens_per_gpu/1";
const OUTPUT = "rate.output_tokens_per_gpu/1";
const INPUT = "rate.input_tokens_per_gpu/1";
const OUTPUT_IX = "rate.output_tokens_per_gpu.inferencex/1";
const INPUT_IX = "rate.input_tokens_per_gpu.inferencex/1";

const measured = (
  id: string, group: string, name: string, short: string, unit: string, better: Better,
  hasStatistics: boolean, about: string,
): Axis => ({id, group, name, short, unit, better, metric: id, convert: null, hasStatistics, about});

const derived = (
  id: string, group: string, name: string, short: string, unit: string, better: Better, metric: string,
  convert: Conversion, about: string,
): Axis => ({id, group, name, short, unit, better, metric, convert, hasStatistics: false, about});

const usd: Conversion = (rate, run, prices) => usdPerMillion(rate, prices.usdPerGpuHour(run));
const perUsd: Conversion = (rate, run, prices) => tokensPerUsd(rate, prices.usdPerGpuHour(run));
const perMw: Conversion = (rate, run, prices) => tokensPerMegawattSecond(rate, prices.kwPerGpu(run));
const joules: Conversion = (rate, run, prices) => joulesPerToken(rate, prices.kwPerGpu(run));

/** By the bill: what the machine's time for one kind of token costs, idle and shared time aside. */
const bill: Conversion = (rate, run, prices) => usdPerMillion(rate, prices.usdPerBusyGpuHour(run));
const BILL = "The price of the time that these tokens kept the machine busy, as the bill under Cost divides it; idle and shared time stand apart there. From the samples of own runs.";

const IX = "The whole price over the tokens of one kind, as InferenceX divides: input and output costs do not add up to the bill.";

export const Y_AXES: readonly Axis[] = [
  measured(TOTAL, "Throughput", "Total tokens per GPU", "total tok/s/GPU", "tok/s/GPU", "higher", false,
    "Input and output tokens together, over all GPUs."),
  measured(OUTPUT, "Throughput", "Output tokens per GPU", "output tok/s/GPU", "tok/s/GPU", "higher", false,
    "Output tokens over all GPUs."),
  measured(INPUT, "Throughput", "Input tokens per GPU", "input tok/s/GPU", "tok/s/GPU", "higher", false,
    "Input tokens, cached ones included, over all GPUs."),
  measured(OUTPUT_IX, "Throughput", "Output tokens per decode GPU (InferenceX)", "output tok/s/decode GPU",
    "tok/s/GPU", "higher", false, "Over decode's own GPUs where prefill and decode are apart."),
  measured("rate.total_tokens/1", "Throughput", "Total tokens of the system", "total tok/s", "tok/s", "higher", false,
    "Input and output tokens of the whole system."),
  measured("rate.output_tokens/1", "Throughput", "Output tokens of the system", "output tok/s", "tok/s", "higher", false,
    "Output tokens of the whole system."),
  derived("cost.tokens_per_usd.total/1", "Money", "Total tokens per $", "tokens/$", "tokens/$", "higher", TOTAL, perUsd,
    "3600 · rate / price of a GPU-hour."),
  derived("cost.tokens_per_usd.output/1", "Money", "Output tokens per $", "output tokens/$", "tokens/$", "higher", OUTPUT, perUsd,
    "All of the price on output tokens."),
  derived("cost.usd_per_million.total/1", "Money", "$ per million tokens, total", "$/M total", "$/M", "lower", TOTAL, usd,
    "Everything over all tokens: on both bases the same."),
  derived("cost.usd_per_million.input.inferencex/1", "Money", "$ per million input tokens (InferenceX)", "$/M input", "$/M", "lower", INPUT_IX, usd, IX),
  derived("cost.usd_per_million.output.inferencex/1", "Money", "$ per million output tokens (InferenceX)", "$/M output", "$/M", "lower", OUTPUT_IX, usd, IX),
  derived("cost.usd_per_million.output/1", "Money", "$ per million output tokens, all GPUs", "$/M output", "$/M", "lower", OUTPUT, usd,
    "All of the price on output tokens, over all GPUs."),
  derived("cost.usd_per_million.computed_input.bill/1", "Money", "$ per million computed input tokens (bill)", "$/M input, computed", "$/M", "lower", BILL_METRICS.computed_input, bill, BILL),
  derived("cost.usd_per_million.cached_input.bill/1", "Money", "$ per million cached input tokens (bill)", "$/M input, cached", "$/M", "lower", BILL_METRICS.cached_input, bill, BILL),
  derived("cost.usd_per_million.output.bill/1", "Money", "$ per million output tokens (bill)", "$/M output", "$/M", "lower", BILL_METRICS.output, bill, BILL),
  derived("power.tokens_per_mw.total/1", "Power", "Total tok/s per MW", "tok/s/MW", "tok/s/MW", "higher", TOTAL, perMw,
    "Provisioned power of the era and scope chosen under Cost."),
  derived("power.tokens_per_mw.output/1", "Power", "Output tok/s per MW", "output tok/s/MW", "tok/s/MW", "higher", OUTPUT, perMw,
    "Provisioned power of the era and scope chosen under Cost."),
  derived("energy.joules_per_token.provisioned/1", "Power", "J per token, provisioned", "J/token", "J/token", "lower", TOTAL, joules,
    "Provisioned power over all tokens."),
  derived("energy.joules_per_output_token.provisioned/1", "Power", "J per output token, provisioned", "J/output token", "J/token", "lower", OUTPUT, joules,
    "Provisioned power over output tokens."),
  measured("goodput.share/1", "Quality of service", "Share of requests within the objective", "goodput", "share", "higher", false,
    "Requests that met every threshold of the run's objective."),
  measured("ttft.first_token/1", "Quality of service", "Time to first token", "TTFT", "s", "lower", true,
    "First token of any kind after sending."),
];

export const X_AXES: readonly Axis[] = [
  measured("interactivity.tpot/1", "Interactivity", "Interactivity (1 / TPOT)", "tok/s/user", "tok/s/user", "higher", true,
    "Tokens a second that one user sees after the first; p90 and p99 are slow tails."),
  measured("interactivity.e2e_normalised/1", "Interactivity", "Interactivity, end to end", "tok/s/user, E2E", "tok/s/user", "higher", true,
    "With the wait for the first token in it."),
  measured("interactivity.itl/1", "Interactivity", "Interactivity (1 / ITL)", "tok/s/user, ITL", "tok/s/user", "higher", true,
    "Of inter-token latency per request, AgentX's form."),
  measured("ttft.first_token/1", "Latency", "Time to first token", "TTFT", "s", "lower", true, "First token of any kind after sending."),
  measured("tpot.excl_first/1", "Latency", "Time per output token", "TPOT", "s", "lower", true, "After the first."),
  measured("e2e/1", "Latency", "End to end", "E2E", "s", "lower", true, "To the last token."),
  measured("e2e.per_output_token/1", "Latency", "End to end per output token", "E2E/token", "s", "lower", true, "Normalised by the answer's length."),
];

export const axisOf = (axes: readonly Axis[], id: string | undefined): Axis | undefined =>
  axes.find((axis) => axis.id === id);

/** The rate or latency behind an axis at a point, before it is converted. */
export const rawValue = (axis: Axis, run: Run, point: Point, statistic: Statistic): Figure | null =>
  figureOf(run, point, axis.metric, axis.hasStatistics ? statistic : "mean");

export function convert(axis: Axis, raw: number, run: Run, prices: Prices): number | null {
  return axis.convert === null ? raw : axis.convert(raw, run, prices);
}

/** A figure on an axis with its interval; where more throughput is less cost, low and high change places. */
export function valueOn(
  axis: Axis, run: Run, point: Point, statistic: Statistic, prices: Prices,
): Figure | null {
  const raw = rawValue(axis, run, point, statistic);
  if (raw === null || axis.convert === null) return raw;
  const of = (v: number | null): number | null => (v === null ? null : convert(axis, v, run, prices));
  const value = of(raw.value);
  if (value === null) return null;
  const [a, b] = [of(raw.low), of(raw.high)];
  const turned = axis.better === "lower";
  return {value, low: turned ? b : a, high: turned ? a : b, statistic: raw.statistic};
}
