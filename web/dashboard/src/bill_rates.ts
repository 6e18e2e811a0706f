// Tokens of one kind over the GPU-seconds that they kept a machine busy: what a bill by kind of token
// is made of. The runs that the page gets do not carry them; they come with a point's samples, and
// are read when an axis asks for them.

import type {Source} from "./data.js";
import type {PhaseShares, Point, Run} from "./model.js";

/** Under these a point has its rate, once its samples were read. */
export const BILL_METRICS = {
  computed_input: "bill.computed_input_tokens_per_gpu_second/1",
  cached_input: "bill.cached_input_tokens_per_gpu_second/1",
  output: "bill.output_tokens_per_gpu_second/1",
} as const;

export const isBillMetric = (id: string): boolean => id.startsWith("bill.");

const NOT_DIVIDED = "not known";
const MOST_POINTS = 240;  // of one reading: each is a request
const AT_ONCE = 6;

function addRates(run: Run, point: Point, phases: PhaseShares): void {
  if (phases.basis === NOT_DIVIDED) return;
  const factor = (run.gpus ?? 1) / phases.gpus;
  const add = (id: string, tokens: number, seconds: number): void => {
    if (tokens > 0 && seconds > 0) point.metrics[id] = [1, tokens / (seconds * factor)];
  };
  add(BILL_METRICS.computed_input, phases.tokens.computed_input, phases.prefill);
  add(BILL_METRICS.cached_input, phases.tokens.cached_input, phases.cached_input);
  add(BILL_METRICS.output, phases.tokens.output, phases.decode);
}

const asked = new WeakSet<Point>();

export interface Reading {
  points: number;
  left: number;
  done: Promise<void>;
}

/** Of own points that were not read yet, the first so many; null: there are none. */
export function readBillRates(source: Source, runs: readonly Run[]): Reading | null {
  const all = runs.filter((run) => run.origin !== "published")
    .flatMap((run) => run.points.filter((point) => !asked.has(point)).map((point) => ({run, point})));
  if (all.length === 0) return null;
  const wanted = all.slice(0, MOST_POINTS);
  for (const {point} of wanted) asked.add(point);
  const queue = [...wanted];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      // A point without samples has no such rate; the view tells how many have none.
      const detail = await source.pointDetail(next.run, next.point.n).catch(() => null);
      if (detail?.phases !== undefined) addRates(next.run, next.point, detail.phases);
    }
  };
  return {
    points: wanted.length, left: all.length - wanted.length,
    done: Promise.all(Array.from({length: AT_ONCE}, work)).then(() => undefined),
  };
}
