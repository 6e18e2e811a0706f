// Which points no other beats, and the curve between them: the same rules as src/economics/frontier,
// to the last bit (web/dashboard/test/shared_cases.json is read by the tests of both). A curve is
// never drawn beyond its points.

export interface XY {
  x: number;
  y: number;
}

export type Better = "higher" | "lower";

/** Places of the points that no other is at least as good as in both and better in one, ascending by x. */
export function undominated(points: readonly XY[], x: Better = "higher", y: Better = "higher"): number[] {
  const xSign = x === "higher" ? 1 : -1;
  const ySign = y === "higher" ? 1 : -1;
  const order: number[] = [];
  points.forEach((p, i) => {
    if (Number.isFinite(p.x) && Number.isFinite(p.y)) order.push(i);
  });
  const at = (i: number): XY => points[i] as XY;
  order.sort((a, b) => xSign * (at(b).x - at(a).x) || ySign * (at(b).y - at(a).y) || a - b);
  const front: number[] = [];
  let best = -Infinity;
  for (const i of order) {
    const value = ySign * at(i).y;
    if (front.length > 0 && value <= best) continue;
    best = value;
    front.push(i);
  }
  return front.sort((a, b) => at(a).x - at(b).x);
}

const sign = (value: number): number => (value < 0 ? -1 : 1);

/** M. Steffen's monotone cubic of 1990, with end slopes (3 · secant − slope of the neighbour) / 2. */
export class SteffenCurve {
  private readonly slopes: number[];

  /** Knots ascend strictly in x, at least one. */
  constructor(private readonly knots: readonly XY[]) {
    if (knots.length === 0) throw new RangeError("a curve needs points");
    for (let i = 0; i < knots.length; i++) {
      const knot = knots[i] as XY;
      const before = knots[i - 1];
      if (!Number.isFinite(knot.x) || !Number.isFinite(knot.y) || (before && !(knot.x > before.x))) {
        throw new RangeError("points of a curve ascend");
      }
    }
    this.slopes = this.makeSlopes();
  }

  get first(): number {
    return this.knot(0).x;
  }
  get last(): number {
    return this.knot(this.knots.length - 1).x;
  }

  private knot(i: number): XY {
    return this.knots[i] as XY;
  }

  private makeSlopes(): number[] {
    const n = this.knots.length;
    const slopes = new Array<number>(n).fill(0);
    if (n === 1) return slopes;
    const length = (i: number): number => this.knot(i + 1).x - this.knot(i).x;
    const secant = (i: number): number => (this.knot(i + 1).y - this.knot(i).y) / length(i);
    if (n === 2) return [secant(0), secant(0)];
    for (let i = 1; i + 1 < n; i++) {
      const h0 = length(i - 1);
      const h1 = length(i);
      const s0 = secant(i - 1);
      const s1 = secant(i);
      const parabola = (s0 * h1 + s1 * h0) / (h0 + h1);
      slopes[i] = (sign(s0) + sign(s1)) * Math.min(Math.abs(s0), Math.abs(s1), 0.5 * Math.abs(parabola));
    }
    slopes[0] = (3 * secant(0) - (slopes[1] as number)) / 2;
    slopes[n - 1] = (3 * secant(n - 2) - (slopes[n - 2] as number)) / 2;
    return slopes;
  }

  /** null outside the range of the points. */
  at(x: number): number | null {
    if (!(x >= this.first && x <= this.last)) return null;
    let low = 0;
    let high = this.knots.length;  // the first knot beyond x
    while (low < high) {
      const middle = (low + high) >> 1;
      if (x < this.knot(middle).x) high = middle;
      else low = middle + 1;
    }
    if (low === this.knots.length) return this.knot(low - 1).y;
    const from = this.knot(low - 1);
    const to = this.knot(low);
    const length = to.x - from.x;
    const t = (x - from.x) / length;
    const u = 1 - t;
    return u * u * ((1 + 2 * t) * from.y + t * length * (this.slopes[low - 1] as number)) +
      t * t * ((1 + 2 * u) * to.y - u * length * (this.slopes[low] as number));
  }
}

/** The curve through the undominated of some points; null without any. */
export function frontierCurve(points: readonly XY[]): SteffenCurve | null {
  const knots = undominated(points).map((i) => points[i] as XY);
  return knots.length === 0 ? null : new SteffenCurve(knots);
}
