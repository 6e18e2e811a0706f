// The documents that hadal sends, as types, and how a figure is taken out of a point. The shapes are
// those of docs/dashboard.md.

export type Statistic = "mean" | "p50" | "p90" | "p95" | "p99";
export const STATISTICS: readonly Statistic[] = ["mean", "p50", "p90", "p95", "p99"];

/** Count, then the statistics, then low and high of each; trailing nulls are missing. */
export type Figures = readonly (number | null)[];

export interface Point {
  n: number;
  concurrency?: number;
  rate?: number;
  arrivals?: string;
  repeat?: number;
  window?: string;
  seconds?: number | null;
  attempted?: number;
  ok?: number;
  failed?: number;
  cancelled?: number;
  limited?: boolean;
  reasons?: string[];
  warnings?: string[];
  metrics: Record<string, Figures>;
  /** Of published points: statistics that are none of the usual ones, such as "unspecified". */
  other?: {id: string; statistic: string; value: number}[];
  quality?: string;
  source?: string;
  notes?: string;
  watts_per_gpu?: number;
}

export interface Note {
  created: number;
  author?: string;
  field?: string;
  value?: string;
  reason?: string;
}

export interface Run {
  id: string;
  created: number | null;
  date?: string;
  ended?: number | null;
  origin: string;
  state: string;
  abandoned?: boolean;
  gate: string;
  limited: boolean;
  reason?: string;
  label?: string;
  url?: string;
  model?: string;
  engine?: string;
  engine_version?: string;
  hardware?: string;
  gpus?: number;
  prefill_gpus?: number;
  decode_gpus?: number;
  precision?: string;
  speculation?: string;
  workload?: string;
  layout?: string;
  source?: string;
  launch_command?: string;
  notes: Note[];
  points: Point[];
}

export interface MetricDefinition {
  id: string;
  unit: string;
  level: string;
  better: "lower" | "higher" | "neither";
  definition: string;
  formula: string;
}

export interface Accelerator {
  key: string;
  name: string;
  tdp_w: number | null;
  power: {era?: string; counts: string; kw: number | null; source?: string}[];
  prices: {era?: string; tier: string; usd: number | null; source?: string}[];
}

export interface Hardware {
  eras: {key: string; from?: string; to?: string; about: string}[];
  default_pue: number;
  accelerators: Accelerator[];
}

export interface RunsPage {
  total: number;
  offset: number;
  next: number | null;
  runs: Run[];
  damaged: {id: string; why: string}[];
}

export interface Overview {
  schema: string;
  hadal: string;
  generated: number;
  store: string;
  problem: {code: string; message: string} | null;
  page: RunsPage;
  metrics: MetricDefinition[];
  hardware: Hardware;
  published: Run[];
  pages?: RunsPage[];
  details?: Record<string, unknown>;
}

export interface PointDetail {
  duration: number;
  slices?: {
    begin: number;
    width: number;
    count: number;
    series: Record<string, {unit: string; values: (number | null)[]}>;
  };
  requests: number;
  lanes: Lane[];
  distributions: Record<string, Distribution>;
  failures: {failure: string; count: number; example: string}[];
  phases?: PhaseShares;
}

export interface PhaseShares {
  basis: string;
  seconds: number;
  gpus: number;
  prefill: number;
  cached_input: number;
  decode: number;
  shared: number;
  idle: number;
  tokens: {computed_input: number; cached_input: number; output: number};
}

export interface Lane {
  index: number;
  phase: string;
  session?: number;
  turn?: number;
  planned?: number;
  sent: number;
  first_token?: number;
  ended: number;
  input?: number;
  cached?: number;
  output?: number;
  outcome: string;
  failure?: string;
  failure_text?: string;
}

export interface Distribution {
  low: number;
  high: number;
  samples: number;
  mean: number;
  p50: number | null;
  p90: number | null;
  p95: number | null;
  p99: number | null;
  counts: number[];
}

export interface Figure {
  value: number;
  low: number | null;
  high: number | null;
  /** What was really taken: of published points it may not be what was asked for. */
  statistic: string;
}

const isNumber = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value);

function statisticOf(figures: Figures, statistic: Statistic): Figure | null {
  const place = STATISTICS.indexOf(statistic);
  const value = figures[1 + place];
  if (!isNumber(value)) return null;
  const low = figures[6 + 2 * place];
  const high = figures[7 + 2 * place];
  return {
    value,
    low: isNumber(low) ? low : null,
    high: isNumber(high) ? high : null,
    statistic,
  };
}

/** A figure of a point. One sample a point has a mean alone, which then stands for any statistic. */
export function figureOf(run: Run, point: Point, id: string, statistic: Statistic): Figure | null {
  const figures = point.metrics[id];
  if (figures !== undefined) {
    const asked = statisticOf(figures, statistic);
    if (asked !== null) return asked;
    if (id.startsWith("rate.") || id.startsWith("energy.") || id.startsWith("power.") ||
        id.startsWith("bill.") || id.startsWith("cache.") || id.startsWith("goodput.") || id.startsWith("load.")) {
      return statisticOf(figures, "mean");
    }
  }
  if (run.origin !== "published") return null;
  if (figures !== undefined && (statistic === "p50" || statistic === "mean")) {
    const near = statisticOf(figures, statistic === "p50" ? "mean" : "p50");
    if (near !== null) return near;
  }
  const other = (point.other ?? []).find((entry) => entry.id === id);
  return other === undefined || statistic === "p99" || statistic === "p95"
    ? null
    : {value: other.value, low: null, high: null, statistic: other.statistic};
}

export type Standing = "verified" | "third-party" | "unverified";

/** Why a point may not stand on a frontier; empty: it may. */
export function doubtsOf(run: Run, point: Point): string[] {
  const doubts: string[] = [];
  if (run.origin === "published") return doubts;
  if (run.gate === "not_run") doubts.push("ungated: nobody checked whether the answers were right");
  if (run.gate === "failed") doubts.push("the gate failed: the answers were wrong");
  if (run.state === "partial" || run.state === "running") doubts.push("partial: the run did not end");
  if (run.state === "failed" || run.state === "invalid") doubts.push(`the run is ${run.state}`);
  if (point.limited) doubts.push("client-limited: the client may have made the server look slower");
  return doubts;
}

export function standingOf(run: Run, point: Point): Standing {
  if (run.origin === "published") return "third-party";
  return doubtsOf(run, point).length === 0 ? "verified" : "unverified";
}

export function loadText(point: Point): string {
  if (point.concurrency !== undefined) return `${point.concurrency} at once`;
  if (point.rate !== undefined) return `${point.rate} requests/s`;
  return "unknown load";
}
