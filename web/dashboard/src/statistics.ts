// Small statistics of the page: medians, robust spread, intervals of ratios.

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

export interface Interval {
  low: number;
  high: number;
}

/**
 * The 95 % interval of b / a for independent a and b by their own intervals: Zou and Donner's method
 * of variance estimates recovery (2008) on logarithms, as src/measure/store/run_comparison does.
 */
export function ratioInterval(a: number, aCi: Interval, b: number, bCi: Interval): Interval | null {
  const fits = (v: number, ci: Interval): boolean => ci.low > 0 && ci.low <= v && v <= ci.high && Number.isFinite(ci.high);
  if (!fits(a, aCi) || !fits(b, bCi)) return null;
  const ratio = Math.log(b / a);
  const below = Math.hypot(Math.log(b / bCi.low), Math.log(aCi.high / a));
  const above = Math.hypot(Math.log(bCi.high / b), Math.log(a / aCi.low));
  return {low: Math.exp(ratio - below), high: Math.exp(ratio + above)};
}
