// A figure day by day: how much it wanders without anything having changed (the noise floor), and
// where it changed by more than that. Everything is done on logarithms: a change is a ratio.

import {mean, median} from "./statistics.js";

export interface Day {
  time: number;  // seconds since 1970
  value: number;
}

export interface ChangePoint {
  /** The place of the first day of the new level. */
  at: number;
  before: number;  // levels, geometric means
  after: number;
  ratio: number;
}

export interface HistoryFindings {
  /**
   * Two single days differ by less than this factor in 95 of 100 cases where nothing changed; null:
   * there are too few days to tell, and then no change either.
   */
  noiseRatio: number | null;
  /** The levels between changes, by day. */
  level: number[];
  changes: ChangePoint[];
}

/** Less than this is not told from nothing by any number of days: clocks and counts are no better. */
const LEAST_SIGMA = 0.0005;
/** Of a normal distribution: its standard deviation over its median absolute deviation. */
const NORMAL_MAD = 1.4826;
const Z95 = 1.96;
/** What a further segment must explain, in units of σ² times log(days): keeps noise from being cut. */
const PENALTY = 4;
const MOST_DAYS = 2000;
/** Of fewer the spread between neighbours says nothing. */
export const FEWEST_DAYS = 8;

/**
 * The spread of one day, from differences between neighbours: these are of noise alone but where a
 * level changes, and a median of them does not see the few that are not.
 */
export function daySpread(logs: readonly number[]): number {
  const steps: number[] = [];
  for (let i = 1; i < logs.length; i++) steps.push(Math.abs((logs[i] as number) - (logs[i - 1] as number)));
  if (steps.length === 0) return LEAST_SIGMA;
  return Math.max(LEAST_SIGMA, (NORMAL_MAD * median(steps)) / Math.SQRT2);
}

/** The best cutting into constant levels: least squares, each further level at a price. */
function cut(logs: readonly number[], sigma: number): number[] {
  const n = logs.length;
  const sum = [0];
  const squares = [0];
  for (const value of logs) {
    sum.push((sum[sum.length - 1] as number) + value);
    squares.push((squares[squares.length - 1] as number) + value * value);
  }
  const cost = (from: number, to: number): number => {
    const s = (sum[to] as number) - (sum[from] as number);
    return ((squares[to] as number) - (squares[from] as number) - (s * s) / (to - from)) / (sigma * sigma);
  };
  const price = PENALTY * Math.log(Math.max(n, 3));
  const best = new Array<number>(n + 1).fill(Infinity);
  const previous = new Array<number>(n + 1).fill(0);
  best[0] = -price;
  for (let to = 1; to <= n; to++) {
    for (let from = 0; from < to; from++) {
      const value = (best[from] as number) + cost(from, to) + price;
      if (value < (best[to] as number)) {
        best[to] = value;
        previous[to] = from;
      }
    }
  }
  const starts: number[] = [];
  for (let to = n; to > 0; to = previous[to] as number) starts.unshift(previous[to] as number);
  return starts;
}

/** The standard deviation within the levels that begin at `starts`. */
function spreadAround(logs: readonly number[], starts: readonly number[]): number {
  let squares = 0;
  starts.forEach((start, k) => {
    const part = logs.slice(start, starts[k + 1] ?? logs.length);
    const level = mean(part);
    for (const value of part) squares += (value - level) ** 2;
  });
  return Math.sqrt(squares / Math.max(1, logs.length - starts.length));
}

/** Days ascend in time, with values above zero. */
export function findChanges(days: readonly Day[]): HistoryFindings {
  const logs = days.slice(0, MOST_DAYS).map((day) => Math.log(day.value));
  if (logs.length < FEWEST_DAYS) return {noiseRatio: null, level: [], changes: []};
  let sigma = daySpread(logs);
  let starts = cut(logs, sigma);
  // A median of few differences can be too small; what is left around the levels tells.
  const left = spreadAround(logs, starts);
  if (left > sigma) {
    sigma = left;
    starts = cut(logs, sigma);
  }
  const floor = Z95 * Math.SQRT2 * sigma;
  const levelOf = (k: number): number => {
    const end = k + 1 < starts.length ? (starts[k + 1] as number) : logs.length;
    return mean(logs.slice(starts[k], end));
  };
  // What lies below the floor is no change, however sure: neighbours become one level, the smallest
  // step first.
  for (;;) {
    let smallest = -1;
    let least = floor;
    for (let k = 1; k < starts.length; k++) {
      const step = Math.abs(levelOf(k) - levelOf(k - 1));
      if (step <= least) {
        least = step;
        smallest = k;
      }
    }
    if (smallest < 0) break;
    starts = starts.filter((_, k) => k !== smallest);
  }
  const changes: ChangePoint[] = [];
  const level = new Array<number>(logs.length).fill(0);
  starts.forEach((start, k) => {
    const own = levelOf(k);
    const end = k + 1 < starts.length ? (starts[k + 1] as number) : logs.length;
    for (let i = start; i < end; i++) level[i] = Math.exp(own);
    if (k === 0) return;
    const before = levelOf(k - 1);
    changes.push({at: start, before: Math.exp(before), after: Math.exp(own), ratio: Math.exp(own - before)});
  });
  return {noiseRatio: Math.exp(floor), level, changes};
}
