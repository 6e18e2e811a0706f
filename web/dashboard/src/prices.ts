// What an hour and a watt of hardware are taken to cost on this page: the catalogue's figures of an
// era and a price tier, or the reader's own. Part of the state of the page.

import {hourlyCosts, usdPerWorkedHour, type CostPart, type Deployment} from "./costs.js";
import type {Accelerator, Hardware, Run} from "./model.js";

export type PriceKind = "catalogue" | "rent" | "purchase";
export type PowerScope = "IT" | "facility";

export interface CostSettings {
  kind: PriceKind;
  era: string;
  tier: string;
  scope: PowerScope;
  pue: number;
  rent: number;  // USD a GPU-hour
  purchase: number;  // USD a GPU, with its share of the machine
  years: number;
  interest: number;  // a year, as a share
  tariff: number;  // USD a kWh; 0: in the rent
  kw: number | null;  // a GPU, IT; null: the catalogue's
  utilisation: number;
}

export const TIERS = ["hyperscaler", "neocloud", "rental"] as const;

const number = (text: string | undefined, fallback: number, least: number, most: number): number => {
  const value = text === undefined || text === "" ? NaN : Number(text);
  return value >= least && value <= most ? value : fallback;
};

export function readCosts(values: Readonly<Record<string, string>>, hardware: Hardware): CostSettings {
  const eras = hardware.eras.map((era) => era.key);
  const newest = eras[eras.length - 1] ?? "";
  const kw = number(values["kw"], -1, 0.001, 1000);
  return {
    kind: values["price"] === "rent" || values["price"] === "purchase" ? values["price"] : "catalogue",
    era: eras.includes(values["era"] ?? "") ? (values["era"] as string) : newest,
    tier: TIERS.find((tier) => tier === values["tier"]) ?? "rental",
    scope: values["scope"] === "facility" ? "facility" : "IT",
    pue: number(values["pue"], hardware.default_pue, 1, 5),
    rent: number(values["rent"], 3, 0, 1e4),
    purchase: number(values["buy"], 40000, 0, 1e7),
    years: number(values["years"], 4, 0.1, 50),
    interest: number(values["interest"], 0.06, 0, 1),
    tariff: number(values["tariff"], values["price"] === "purchase" ? 0.1 : 0, 0, 10),
    kw: kw < 0 ? null : kw,
    utilisation: number(values["util"], 1, 0.01, 1),
  };
}

export class Prices {
  constructor(readonly settings: CostSettings, private readonly hardware: Hardware) {}

  accelerator(run: Run): Accelerator | undefined {
    return this.hardware.accelerators.find((entry) => entry.key === run.hardware);
  }

  /** Provisioned kW of a GPU of the run's hardware; null where neither the catalogue nor the reader says. */
  kwPerGpu(run: Run, scope: PowerScope = this.settings.scope, era = this.settings.era): number | null {
    const pue = this.settings.pue;
    if (this.settings.kw !== null) return scope === "IT" ? this.settings.kw : this.settings.kw * pue;
    const power = this.accelerator(run)?.power;
    const found = power?.find((entry) => entry.era === era) ?? power?.find((entry) => entry.era === undefined);
    if (found === undefined || found.kw === null) return null;
    if (found.counts === scope) return found.kw;
    return scope === "IT" ? found.kw / pue : found.kw * pue;
  }

  private catalogueUsd(run: Run): number | null {
    const prices = this.accelerator(run)?.prices.filter((entry) => entry.tier === this.settings.tier);
    const found = prices?.find((entry) => entry.era === this.settings.era) ??
      prices?.find((entry) => entry.era === undefined);
    return found?.usd ?? null;
  }

  /** The parts of an hour of `gpus` GPUs; null where there is no price. */
  parts(run: Run, gpus: number): CostPart[] | null {
    const s = this.settings;
    if (s.kind === "catalogue") {
      const usd = this.catalogueUsd(run);
      if (usd === null) return null;
      return [{name: `${s.tier} price, ${s.era}`, usdPerHour: usd * gpus, usdPerIdleHour: usd * gpus}];
    }
    const kw = this.kwPerGpu(run, "IT");
    const deployment: Deployment = {gpus, pue: s.pue, hostingUsdPerMonth: 0};
    if (s.kind === "rent") deployment.rentUsdPerGpuHour = s.rent;
    else {
      deployment.purchase = {
        usd: s.purchase * gpus, years: s.years, residualUsd: 0, interestPerYear: s.interest,
      };
    }
    if (s.tariff > 0) {
      if (kw === null) return null;
      deployment.usdPerKwh = s.tariff;
      deployment.itKw = kw * gpus;
    }
    return hourlyCosts(deployment);
  }

  /** USD of a GPU for an hour in which it works, idle hours paid as well where it is not always busy. */
  usdPerGpuHour(run: Run): number | null {
    const parts = this.parts(run, 1);
    return parts === null ? null : usdPerWorkedHour(parts, this.settings.utilisation);
  }

  /** USD of a GPU for an hour in which it works, without the idle ones. */
  usdPerBusyGpuHour(run: Run): number | null {
    const parts = this.parts(run, 1);
    return parts === null ? null : usdPerWorkedHour(parts, 1);
  }

  /** In words, for under a chart. */
  about(): string {
    const s = this.settings;
    const busy = s.utilisation < 1 ? `, busy ${Math.round(s.utilisation * 100)} % of paid hours` : "";
    if (s.kind === "catalogue") return `${s.tier} prices of era ${s.era}${busy}`;
    const power = s.tariff > 0 ? `, electricity $${s.tariff}/kWh, PUE ${s.pue}` : "";
    if (s.kind === "rent") return `rent $${s.rent} a GPU-hour${power}${busy}`;
    return `bought at $${s.purchase} a GPU over ${s.years} years${power}${busy}`;
  }
}
