// What a token costs in money and energy: the formulas of src/economics (unit_costs, deployment_costs,
// allocation, bill), so that a page redraws without asking. The tests hold both to the same cases.

const positive = (value: number | null | undefined): value is number =>
  typeof value === "number" && Number.isFinite(value) && value > 0;
const price = (value: number | null | undefined): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

export function usdPerMillion(tokensPerGpuSecond: number, usdPerGpuHour: number | null): number | null {
  if (!positive(tokensPerGpuSecond) || !price(usdPerGpuHour)) return null;
  return usdPerGpuHour / ((tokensPerGpuSecond * 3600) / 1e6);
}

export function tokensPerUsd(tokensPerGpuSecond: number, usdPerGpuHour: number | null): number | null {
  if (!positive(tokensPerGpuSecond) || !positive(usdPerGpuHour)) return null;
  return (tokensPerGpuSecond * 3600) / usdPerGpuHour;
}

export function tokensPerMegawattSecond(tokensPerGpuSecond: number, kwPerGpu: number | null): number | null {
  if (!positive(tokensPerGpuSecond) || !positive(kwPerGpu)) return null;
  return (tokensPerGpuSecond * 1000) / kwPerGpu;
}

export function joulesPerToken(tokensPerGpuSecond: number, kwPerGpu: number | null): number | null {
  if (!positive(tokensPerGpuSecond) || !positive(kwPerGpu)) return null;
  return (kwPerGpu * 1000) / tokensPerGpuSecond;
}

export interface Purchase {
  usd: number;
  years: number;
  residualUsd: number;
  interestPerYear: number;
}

/** One's own machine by the hour, as a file for --costs says it. */
export interface Deployment {
  gpus: number;
  rentUsdPerGpuHour?: number;
  purchase?: Purchase;
  usdPerKwh?: number;
  itKw?: number;
  idleKw?: number;
  pue: number;
  hostingUsdPerMonth: number;
}

export interface CostPart {
  name: string;
  usdPerHour: number;
  usdPerIdleHour: number;
}

const HOURS_PER_YEAR = 8760;
const HOURS_PER_MONTH = HOURS_PER_YEAR / 12;

function annuity(purchase: Purchase): {depreciation: number; interest: number} {
  const depreciation = (purchase.usd - purchase.residualUsd) / purchase.years;
  const rate = purchase.interestPerYear;
  if (!(rate > 0)) return {depreciation, interest: 0};
  const logGrowth = purchase.years * Math.log1p(rate);
  const payment =
    (rate * (purchase.usd - purchase.residualUsd * Math.exp(-logGrowth))) / -Math.expm1(-logGrowth);
  return {depreciation, interest: payment - depreciation};
}

/** Parts that cost nothing are left out. */
export function hourlyCosts(d: Deployment): CostPart[] {
  const parts: CostPart[] = [];
  const add = (name: string, usdPerHour: number, usdPerIdleHour = usdPerHour): void => {
    if (usdPerHour > 0 || usdPerIdleHour > 0) parts.push({name, usdPerHour, usdPerIdleHour});
  };
  if (d.rentUsdPerGpuHour !== undefined) {
    add("rent", d.rentUsdPerGpuHour * d.gpus);
  } else if (d.purchase !== undefined) {
    const {depreciation, interest} = annuity(d.purchase);
    add("depreciation", depreciation / HOURS_PER_YEAR);
    add("interest", interest / HOURS_PER_YEAR);
  }
  if (d.usdPerKwh !== undefined && d.itKw !== undefined) {
    const busy = d.itKw * d.usdPerKwh;
    const idle = (d.idleKw ?? d.itKw) * d.usdPerKwh;
    add("electricity", busy, idle);
    add("facility overhead", busy * (d.pue - 1), idle * (d.pue - 1));
  }
  add("hosting", d.hostingUsdPerMonth / HOURS_PER_MONTH);
  return parts;
}

/** GPU-seconds with so much idle time added that the machine works `utilisation` of what is paid. */
export function atUtilisation(phases: ByUse, utilisation: number): ByUse {
  const busy = phases.prefill + phases.cached_input + phases.decode + phases.shared;
  return {...phases, idle: Math.max(phases.idle, busy / utilisation - busy)};
}

/** What an hour of work costs where the machine works `utilisation` of the hours that are paid. */
export function usdPerWorkedHour(parts: readonly CostPart[], utilisation: number): number {
  const idleHours = (1 - utilisation) / utilisation;
  return parts.reduce((sum, part) => sum + part.usdPerHour + part.usdPerIdleHour * idleHours, 0);
}

/** Whole millionths of a dollar by the method of largest remainders; they add up to the total. */
export function allocate(total: number, weights: readonly number[]): number[] {
  const shares = weights.map(() => 0);
  if (weights.length === 0) return shares;
  const largest = Math.max(...weights);
  if (!(largest > 0)) {
    shares[0] = total;
    return shares;
  }
  const sum = weights.reduce((a, b) => a + b / largest, 0);
  let left = total;
  const lost = weights.map((weight, i) => {
    const exact = total * (weight / largest / sum);
    const share = Math.min(Math.floor(exact), left);
    shares[i] = share;
    left -= share;
    return exact - share;
  });
  const order = weights.map((_, i) => i);
  order.sort((a, b) => (lost[b] as number) - (lost[a] as number) || a - b);
  for (let k = 0; left > 0; k = (k + 1) % order.length) {
    const i = order[k] as number;
    if (!((weights[i] as number) > 0)) continue;
    shares[i] = (shares[i] as number) + 1;
    left--;
  }
  return shares;
}

export const BILL_USES = ["prefill", "cached_input", "decode", "shared", "idle"] as const;
export type BillUse = (typeof BILL_USES)[number];
export type ByUse = Record<BillUse, number>;

export interface BillRow {
  part: string;
  total: number;
  uses: ByUse;
}

export interface Bill {
  total: number;  // millionths of a dollar, as all amounts here
  rows: BillRow[];
  uses: ByUse;
  usdPerMillion: {
    total: number | null;
    computed_input: number | null;
    cached_input: number | null;
    output: number | null;
  };
}

/** `phases`: GPU-seconds of what is billed; not `divided`: nobody knows which phase took them. */
export function makeBill(
  phases: ByUse,
  divided: boolean,
  gpus: number,
  parts: readonly CostPart[],
  tokens: {computed_input: number; cached_input: number; output: number},
): Bill {
  const scale = 1 / (3600 * gpus);
  const exact = parts.map((part) =>
    BILL_USES.map((use) =>
      phases[use] * scale * (use === "idle" ? part.usdPerIdleHour : part.usdPerHour)));
  const sums = exact.map((uses) => uses.reduce((a, b) => a + b, 0));
  const total = Math.round(sums.reduce((a, b) => a + b, 0) * 1e6);
  const uses: ByUse = {prefill: 0, cached_input: 0, decode: 0, shared: 0, idle: 0};
  const totals = allocate(total, sums);
  const rows = parts.map((part, i): BillRow => ({
    part: part.name,
    total: totals[i] as number,
    uses: {...uses},
  }));
  rows.forEach((row, i) => {
    const shares = allocate(row.total, exact[i] as number[]);
    BILL_USES.forEach((use, k) => {
      row.uses[use] = shares[k] as number;
      uses[use] += shares[k] as number;
    });
  });
  const per = (amount: number, count: number): number | null => (count > 0 ? amount / count : null);
  return {
    total,
    rows,
    uses,
    usdPerMillion: {
      total: per(total, tokens.computed_input + tokens.cached_input + tokens.output),
      computed_input: divided ? per(uses.prefill, tokens.computed_input) : null,
      cached_input: divided ? per(uses.cached_input, tokens.cached_input) : null,
      output: divided ? per(uses.decode, tokens.output) : null,
    },
  };
}
