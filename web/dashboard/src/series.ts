// Runs as series: what was measured of the same thing (model, workload, hardware, engine, numbers of
// GPUs, precision, speculation) belongs together, whenever it was; and which of them are shown.

import type {Axis} from "./axes.js";
import {convert, rawValue, valueOn} from "./axes.js";
import {SteffenCurve, undominated, type XY} from "./frontier.js";
import {standingOf, type Figure, type Point, type Run, type Standing, type Statistic} from "./model.js";
import type {Prices} from "./prices.js";
import {listOf} from "./state.js";

export interface Series {
  key: string;
  label: string;
  runs: Run[];  // the newest first
  thirdParty: boolean;
}

export interface DrawnPoint {
  run: Run;
  point: Point;
  x: Figure;
  y: Figure;
  raw: number;  // of y, before it is converted
  standing: Standing;
  onFrontier: boolean;
}

export interface Traits {
  hardware: string;
  gpus: string;
  engine: string;
  precision: string;
  speculation: string;
  layout: string;
  label: string;
  model: string;
  workload: string;
}

export const UNKNOWN = "unknown";

export function traitsOf(run: Run): Traits {
  const gpus = run.prefill_gpus && run.decode_gpus
    ? `${run.prefill_gpus}P+${run.decode_gpus}D`
    : run.gpus ? `×${run.gpus}` : "";
  return {
    hardware: run.hardware ?? "",
    gpus,
    engine: run.engine ?? "",
    precision: run.precision ?? "",
    speculation: run.speculation ?? "",
    layout: run.layout ?? "",
    label: run.label ?? "",
    model: run.model ?? "",
    workload: run.workload ?? "",
  };
}

export const FILTERS = ["hardware", "engine", "precision", "speculation"] as const;

export function seriesKey(run: Run): string {
  const t = traitsOf(run);
  return JSON.stringify([
    run.origin === "published" ? "published" : "own",
    t.model, t.workload, t.hardware, t.gpus, t.engine, t.precision, t.speculation, t.layout, t.label,
  ]);
}

/** The most frequent pair of model and workload, own runs before others'. */
export function mainSubject(runs: readonly Run[]): {model: string; workload: string} {
  const counts = new Map<string, {run: Run; weight: number}>();
  for (const run of runs) {
    const key = JSON.stringify([run.model ?? "", run.workload ?? ""]);
    const entry = counts.get(key) ?? {run, weight: 0};
    const fixed = run.origin !== "published" ? 1000 : run.workload === "8k1k" ? 3 : 1;
    entry.weight += fixed * Math.min(run.points.length, 10);
    counts.set(key, entry);
  }
  let best: {run: Run; weight: number} | undefined;
  for (const entry of counts.values()) if (best === undefined || entry.weight > best.weight) best = entry;
  return {model: best?.run.model ?? "", workload: best?.run.workload ?? ""};
}

export interface Selection {
  model: string;
  workload: string;
  filters: Record<(typeof FILTERS)[number], string[]>;
  published: boolean;
  text: string;
}

export function readSelection(values: Readonly<Record<string, string>>, runs: readonly Run[]): Selection {
  const main = mainSubject(runs);
  return {
    model: values["model"] ?? main.model,
    workload: values["workload"] ?? (values["model"] === undefined || values["model"] === main.model
      ? main.workload
      : mainSubject(runs.filter((run) => (run.model ?? "") === values["model"])).workload),
    filters: {
      hardware: listOf(values["hardware"]),
      engine: listOf(values["engine"]),
      precision: listOf(values["precision"]),
      speculation: listOf(values["speculation"]),
    },
    published: values["others"] !== "0",
    text: values["q"] ?? "",
  };
}

export function isSelected(run: Run, selection: Selection): boolean {
  if ((run.model ?? "") !== selection.model || (run.workload ?? "") !== selection.workload) return false;
  if (!selection.published && run.origin === "published") return false;
  for (const filter of FILTERS) {
    const wanted = selection.filters[filter];
    if (wanted.length > 0 && !wanted.includes(run[filter] ?? UNKNOWN)) return false;
  }
  if (selection.text !== "") {
    const all = Object.values(traitsOf(run)).concat(run.engine_version ?? "", run.id).join(" ").toLowerCase();
    if (!all.includes(selection.text.toLowerCase())) return false;
  }
  return true;
}

export function groupSeries(runs: readonly Run[]): Series[] {
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    const key = seriesKey(run);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [run]);
    else group.push(run);
  }
  const series = [...groups].map(([key, members]): Series => ({
    key,
    label: "",
    runs: members.sort((a, b) => (b.created ?? 0) - (a.created ?? 0)),
    thirdParty: members[0]?.origin === "published",
  }));
  series.sort((a, b) => Number(a.thirdParty) - Number(b.thirdParty) || b.runs.length - a.runs.length ||
    (a.key < b.key ? -1 : 1));
  nameSeries(series);
  return series;
}

/** Names say in what series differ, and not what all have in common. */
function nameSeries(series: readonly Series[]): void {
  const order: (keyof Traits)[] = ["label", "hardware", "gpus", "engine", "layout", "precision", "speculation"];
  const traits = series.map((s) => traitsOf(s.runs[0] as Run));
  const differs = order.filter((key) => new Set(traits.map((t) => t[key])).size > 1);
  const always: (keyof Traits)[] = ["hardware", "engine"];
  series.forEach((s, i) => {
    const t = traits[i] as Traits;
    const parts = order.filter((key) => differs.includes(key) || always.includes(key)).map((key) => t[key]);
    s.label = parts.filter((part) => part !== "").join(" · ") || "unnamed";
  });
}

export interface Drawing {
  x: Axis;
  y: Axis;
  xStatistic: Statistic;
  prices: Prices;
}

/** The points of some runs on two axes; those that stand on the frontier are marked. */
export function drawPoints(runs: readonly Run[], d: Drawing, countUnverified = false): DrawnPoint[] {
  const drawn: DrawnPoint[] = [];
  for (const run of runs) {
    for (const point of run.points) {
      const x = rawValue(d.x, run, point, d.xStatistic);
      const y = valueOn(d.y, run, point, d.xStatistic, d.prices);
      const raw = rawValue(d.y, run, point, d.xStatistic);
      if (x === null || y === null || raw === null) continue;
      drawn.push({run, point, x, y, raw: raw.value, standing: standingOf(run, point), onFrontier: false});
    }
  }
  const eligible = drawn.filter((p) => p.standing !== "unverified" || countUnverified);
  const xy = eligible.map((p): XY => ({x: p.x.value, y: p.y.value}));
  for (const i of undominated(xy, d.x.better, d.y.better)) (eligible[i] as DrawnPoint).onFrontier = true;
  return drawn;
}

/**
 * The curve of one series: throughput (or what else the axis is made of) against x, through the
 * points of its frontier; what is read off it is converted afterwards.
 */
export class ReadoutCurve {
  private readonly curve: SteffenCurve | null;
  private readonly lowCurve: SteffenCurve | null;
  private readonly highCurve: SteffenCurve | null;
  readonly knots: DrawnPoint[];

  constructor(points: readonly DrawnPoint[], private readonly d: Drawing) {
    this.knots = points.filter((p) => p.onFrontier).sort((a, b) => a.x.value - b.x.value);
    const through = (of: (p: DrawnPoint) => number | null): SteffenCurve | null => {
      const xy: XY[] = [];
      for (const p of this.knots) {
        const y = of(p);
        if (y === null) return null;
        if (xy.length > 0 && xy[xy.length - 1]?.x === p.x.value) continue;
        xy.push({x: p.x.value, y});
      }
      return xy.length === 0 ? null : new SteffenCurve(xy);
    };
    const bound = (p: DrawnPoint, which: "low" | "high"): number | null =>
      rawValue(d.y, p.run, p.point, d.xStatistic)?.[which] ?? null;
    this.curve = through((p) => p.raw);
    this.lowCurve = through((p) => bound(p, "low"));
    this.highCurve = through((p) => bound(p, "high"));
  }

  get range(): {from: number; to: number} | null {
    return this.curve === null ? null : {from: this.curve.first, to: this.curve.last};
  }

  /** What the axis is made of (a throughput), before it is converted. */
  rawAt(x: number): number | null {
    return this.curve?.at(x) ?? null;
  }

  /** null outside the range of the measured points. */
  at(x: number): Figure | null {
    const raw = this.curve?.at(x) ?? null;
    const run = this.knots[0]?.run;
    if (raw === null || run === undefined) return null;
    const value = convert(this.d.y, raw, run, this.d.prices);
    if (value === null) return null;
    const of = (curve: SteffenCurve | null): number | null => {
      const bound = curve?.at(x) ?? null;
      return bound === null ? null : convert(this.d.y, bound, run, this.d.prices);
    };
    const ends = [of(this.lowCurve), of(this.highCurve)];
    if (this.d.y.convert !== null && this.d.y.better === "lower") ends.reverse();
    return {value, low: ends[0] ?? null, high: ends[1] ?? null, statistic: "interpolated"};
  }

  /** The best of what is at least as interactive as asked: on the curve, or else its nearest end. */
  atLeast(x: number): (Figure & {held: boolean}) | null {
    const range = this.range;
    if (range === null) return null;
    const better = this.d.x.better;
    const easier = better === "higher" ? x < range.from : x > range.to;
    const figure = this.at(easier ? (better === "higher" ? range.from : range.to) : x);
    return figure === null ? null : {...figure, held: easier};
  }
}

