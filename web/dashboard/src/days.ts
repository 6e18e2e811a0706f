// A configuration day by day: one figure a day from the runs of that day, what was different about
// them, and the days on which nothing came of it.

import {ReadoutCurve, drawPoints, type Drawing, type Series} from "./series.js";
import {dayText} from "./format.js";
import {doubtsOf, type Figure, type Run} from "./model.js";

export interface HistoryDay {
  day: string;
  time: number;
  runs: Run[];
  figure: (Figure & {held: boolean}) | null;
  /** Why there is no figure; empty where there is one. */
  gap: string;
  /** What is different from the day before, in words. */
  differences: string[];
}

export interface DayOptions {
  at: number;
  orFaster: boolean;
  countUnverified: boolean;
}

function gapOf(runs: readonly Run[], options: DayOptions): string {
  const told = runs.find((run) => run.reason)?.reason;
  if (told !== undefined) return told;
  if (runs.every((run) => run.points.length === 0)) return "no point was measured";
  if (!options.countUnverified) {
    for (const run of runs) for (const point of run.points) {
      const doubt = doubtsOf(run, point)[0];
      if (doubt !== undefined) return doubt;
    }
  }
  return `${options.at} lies outside what was measured`;
}

/** Words of two commands that only one of them has. */
export function commandDifference(before: string, after: string): string {
  const a = before.split(/\s+/).filter(Boolean);
  const b = after.split(/\s+/).filter(Boolean);
  const gone = a.filter((word) => !b.includes(word));
  const come = b.filter((word) => !a.includes(word));
  const parts = [...gone.map((word) => `− ${word}`), ...come.map((word) => `+ ${word}`)];
  return parts.length > 0 ? parts.join("  ") : "order of words";
}

function differences(before: Run | undefined, after: Run): string[] {
  const found: string[] = [];
  if (before !== undefined) {
    if ((before.engine_version ?? "") !== (after.engine_version ?? "")) {
      found.push(`version ${before.engine_version ?? "unknown"} → ${after.engine_version ?? "unknown"}`);
    }
    if ((before.launch_command ?? "") !== (after.launch_command ?? "")) {
      found.push(`launch: ${commandDifference(before.launch_command ?? "", after.launch_command ?? "")}`);
    }
    for (const key of ["precision", "speculation", "hardware"] as const) {
      if ((before[key] ?? "") !== (after[key] ?? "")) found.push(`${key} ${before[key] ?? "unknown"} → ${after[key] ?? "unknown"}`);
    }
  }
  for (const note of after.notes) {
    if (!note.field) found.push(`note: ${note.reason ?? ""}`);
  }
  return found;
}

export function historyDays(series: Pick<Series, "runs">, d: Drawing, options: DayOptions): HistoryDay[] {
  const groups = new Map<string, Run[]>();
  for (const run of [...series.runs].reverse()) {
    if (run.created === null) continue;
    const day = dayText(run.created);
    const group = groups.get(day);
    if (group === undefined) groups.set(day, [run]);
    else group.push(run);
  }
  const days: HistoryDay[] = [];
  let before: Run | undefined;
  for (const [day, runs] of [...groups].sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const points = drawPoints(runs, d, options.countUnverified);
    const curve = new ReadoutCurve(points, d);
    const exact = curve.at(options.at);
    const figure = options.orFaster
      ? curve.atLeast(options.at)
      : exact === null ? null : {...exact, held: false};
    const first = runs[0] as Run;
    days.push({
      day,
      time: Date.parse(`${day}T00:00:00Z`) / 1000,
      runs,
      figure,
      gap: figure === null ? gapOf(runs, options) : "",
      differences: runs.flatMap((run, i) => differences(i === 0 ? before : runs[i - 1], run)),
    });
    before = runs[runs.length - 1] ?? first;
  }
  return days;
}

/** The value that most days can be read at: in the middle of what they have in common, or of the last. */
export function usualValue(series: Pick<Series, "runs">, d: Drawing, countUnverified: boolean): number {
  const ranges: {from: number; to: number}[] = [];
  for (const run of series.runs) {
    const range = new ReadoutCurve(drawPoints([run], d, countUnverified), d).range;
    if (range !== null) ranges.push(range);
  }
  if (ranges.length === 0) return 50;
  // The value inside the most ranges; of several such the middle.
  const edges = [...new Set(ranges.flatMap((range) => [range.from, range.to]))].sort((a, b) => a - b);
  let best = {count: -1, from: 0, to: 0};
  for (let i = 0; i + 1 < Math.max(edges.length, 2); i++) {
    const from = edges[i] as number;
    const to = edges[i + 1] ?? from;
    const middle = (from + to) / 2;
    const count = ranges.filter((range) => range.from <= middle && middle <= range.to).length;
    if (count > best.count || (count === best.count && to - from > best.to - best.from)) best = {count, from, to};
  }
  return Number(((best.from + best.to) / 2).toPrecision(2)) || best.to;
}
