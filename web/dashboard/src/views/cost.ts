// What a token costs under the reader's own price, rent, power and utilisation: everything here is
// worked out again at each change, from what was measured.

import {BILL_USES, atUtilisation, makeBill, usdPerMillion, joulesPerToken, tokensPerMegawattSecond, tokensPerUsd, type Bill, type ByUse} from "../costs.js";
import {ChartBox, baseAxis} from "../chart.js";
import {pricesOf, selectedRuns, selectionOf, type Context} from "../context.js";
import {h, numberField, select, table} from "../dom.js";
import {filterBar} from "../filters.js";
import {dayText, figureText} from "../format.js";
import {figureOf, loadText, type Point, type PointDetail, type Run} from "../model.js";
import {TIERS, type Prices} from "../prices.js";
import {groupSeries, type Series} from "../series.js";
import {runsShown} from "./frontier.js";

const USE_NAMES: Record<(typeof BILL_USES)[number], string> = {
  prefill: "prefill", cached_input: "cached input", decode: "decode", shared: "shared", idle: "idle",
};

export function inputs(context: Context, prices: Prices): HTMLElement {
  const s = prices.settings;
  const set = (key: string) => (value: string): void => context.set({[key]: value});
  const eras = context.overview.hardware.eras;
  const fields: HTMLElement[] = [
    select("p-price", "Price", [{value: "catalogue", text: "published"}, {value: "rent", text: "my rent"}, {value: "purchase", text: "bought"}], s.kind,
      (value) => context.set({price: value === "catalogue" ? undefined : value})),
  ];
  if (s.kind === "catalogue") fields.push(select("p-tier", "Whose", TIERS.map((tier) => ({value: tier, text: tier})), s.tier, set("tier")));
  if (s.kind === "rent") fields.push(numberField("p-rent", "Rent", String(s.rent), set("rent"), {unit: "$/GPU-hour", min: "0"}));
  if (s.kind === "purchase") {
    fields.push(
      numberField("p-buy", "Purchase", String(s.purchase), set("buy"), {unit: "$/GPU", min: "0"}),
      numberField("p-years", "Over", String(s.years), set("years"), {unit: "years", min: "0.1"}),
      numberField("p-interest", "Interest", String(s.interest), set("interest"), {unit: "a year", min: "0", max: "1"}));
  }
  if (s.kind !== "catalogue") fields.push(numberField("p-tariff", "Electricity", String(s.tariff), set("tariff"), {unit: "$/kWh", min: "0"}));
  fields.push(
    select("p-era", "Constants of", eras.map((era) => ({value: era.key, text: era.key})), s.era, set("era")),
    select("p-scope", "Power counts", [{value: "IT", text: "IT"}, {value: "facility", text: "facility"}], s.scope, (value) => context.set({scope: value === "IT" ? undefined : value})),
    numberField("p-kw", "Power", s.kw === null ? "" : String(s.kw), set("kw"), {unit: "kW/GPU, IT", min: "0"}),
    numberField("p-pue", "PUE", String(s.pue), set("pue"), {min: "1", max: "5"}),
    numberField("p-util", "Busy", String(s.utilisation), set("util"), {unit: "of paid hours", min: "0.01", max: "1"}));
  return h("div", {class: "controls inputs", role: "group", "aria-label": "Prices and power"}, ...fields);
}

interface Operating {
  series: Series;
  run: Run;
  point: Point;
  total: number;  // tokens per second and GPU
}

const rate = (run: Run, point: Point, id: string): number | null => figureOf(run, point, id, "mean")?.value ?? null;

/** Of each series the point with the most tokens. */
function operatingPoints(series: readonly Series[]): Operating[] {
  return series.flatMap((entry) => {
    let best: Operating | null = null;
    for (const run of runsShown(entry, false)) for (const point of run.points) {
      const total = rate(run, point, "rate.total_tokens_per_gpu/1");
      if (total !== null && (best === null || total > best.total)) best = {series: entry, run, point, total};
    }
    return best === null ? [] : [best];
  });
}

function unitTable(context: Context, prices: Prices, points: readonly Operating[]): HTMLElement {
  const eras = context.overview.hardware.eras.map((era) => era.key);
  const newest = eras[eras.length - 1] as string;
  const oldest = eras[0] as string;
  const rows = points.map(({series, run, point, total}) => {
    const usd = prices.usdPerGpuHour(run);
    const output = rate(run, point, "rate.output_tokens_per_gpu/1");
    const inputIx = rate(run, point, "rate.input_tokens_per_gpu.inferencex/1");
    const outputIx = rate(run, point, "rate.output_tokens_per_gpu.inferencex/1");
    const mw = (era: string, scope: "IT" | "facility"): number | null => tokensPerMegawattSecond(total, prices.kwPerGpu(run, scope, era));
    return [series.label, loadText(point), figureText(usd), figureText(usdPerMillion(total, usd)),
      figureText(inputIx === null ? null : usdPerMillion(inputIx, usd)), figureText(outputIx === null ? null : usdPerMillion(outputIx, usd)),
      figureText(output === null ? null : usdPerMillion(output, usd)), figureText(tokensPerUsd(total, usd)),
      figureText(joulesPerToken(total, prices.kwPerGpu(run))), figureText(mw(oldest, "facility")), figureText(mw(newest, "IT"))];
  });
  return table("Unit costs at each configuration's greatest throughput",
    [{name: "Configuration"}, {name: "Load"}, ...["$/GPU-h worked", "$/M total", "$/M input (InferenceX)", "$/M output (InferenceX)", "$/M output, all GPUs", "tokens/$", "J/token", `tok/s/MW facility, ${oldest}`, `tok/s/MW IT, ${newest}`].map((name) => ({name, numeric: true}))],
    rows);
}

function powerTable(prices: Prices, points: readonly Operating[]): HTMLElement {
  const rows = points.flatMap(({series, run, point, total}) => {
    const ids = Object.keys(point.metrics).filter((id) => id.startsWith("power.mean."));
    const provisioned = prices.kwPerGpu(run, "IT");
    const gpus = run.gpus ?? 1;
    const measured = ids.map((id): [string, number | null] => [id, rate(run, point, id)]);
    if (point.watts_per_gpu !== undefined) measured.push(["GPU boards, as published", point.watts_per_gpu * gpus]);
    if (measured.length === 0 && provisioned === null) return [];
    const list = measured.length > 0 ? measured : [["not measured", null] as [string, number | null]];
    return list.map(([id, watts]) => [series.label, loadText(point), id, figureText(watts),
      figureText(provisioned === null ? null : provisioned * gpus * 1000),
      watts === null || provisioned === null ? "–" : `${figureText((100 * watts) / (provisioned * gpus * 1000))} %`,
      figureText(watts === null ? null : watts / (total * gpus)), figureText(joulesPerToken(total, provisioned))]);
  });
  return rows.length === 0 ? h("div") : h("section", {}, h("h2", {}, "Measured power beside provisioned"),
    table("Power", [{name: "Configuration"}, {name: "Load"}, {name: "Meter"}, {name: "Measured W", numeric: true}, {name: "Provisioned W", numeric: true}, {name: "Share", numeric: true}, {name: "J/token measured", numeric: true}, {name: "J/token provisioned", numeric: true}], rows));
}

const MOST_LINES = 6;

/** A machine costs the same whether it works or waits: $/M against how much of its best it is asked for. */
function loadChart(prices: Prices, points: readonly Operating[]): ChartBox | null {
  const priced = points.filter((p) => prices.usdPerGpuHour(p.run) !== null);
  const own = priced.filter((p) => !p.series.thirdParty);
  const lines = (own.length > 0 ? own : priced).slice(0, MOST_LINES);
  if (lines.length === 0) return null;
  const shares = Array.from({length: 96}, (_, i) => 0.05 + 0.01 * i);
  const costAt = (p: Operating, share: number): number => {
    const parts = prices.parts(p.run, 1) ?? [];
    const hour = parts.reduce((sum, part) => sum + part.usdPerHour * share + part.usdPerIdleHour * (1 - share), 0);
    return hour / ((p.total * share * 3600) / 1e6);
  };
  const measured = lines.map((p) => p.run.points.flatMap((point) => {
    const total = rate(p.run, point, "rate.total_tokens_per_gpu/1");
    return total === null || total < 0.05 * p.total || total > p.total ? [] : [{point, share: total / p.total}];
  }));
  const steps = [0.05, 0.1, 0.25, 0.5, 0.75, 1];
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return new ChartBox({
    id: "cost-load", title: "Cost against load, from nearly idle to saturated", height: 360,
    summary: `${lines.length} configurations. Half as much load costs nearly twice as much a token.`,
    option: (colours) => ({
      grid: {left: 8, right: 24, top: 34, bottom: 34, containLabel: true},
      xAxis: {...baseAxis(colours, {}), min: 0, max: 1, name: "share of its greatest throughput that a machine is asked for", nameLocation: "middle", nameGap: 30,
        nameTextStyle: {color: colours.soft, fontSize: 12}, axisLabel: {color: colours.soft, formatter: percent}},
      yAxis: {...baseAxis(colours, {log: true}), name: "$/M tokens", nameTextStyle: {color: colours.soft, fontSize: 12, align: "left"}, nameGap: 14},
      series: lines.flatMap((p, i) => [{
        type: "line", silent: true, showSymbol: false, data: shares.map((share) => [share, costAt(p, share)]),
        lineStyle: {width: 2, color: colours.series[i], type: p.series.thirdParty ? [5, 4] : "solid"},
      }, {
        type: "scatter", silent: true, symbolSize: 8, itemStyle: {color: colours.series[i], opacity: 1},
        data: (measured[i] ?? []).map(({share}) => [share, costAt(p, share)]),
      }, {
        type: "scatter", silent: true, symbolSize: 1, itemStyle: {color: "transparent", opacity: 1}, data: [[0.05, costAt(p, 0.05)]],
        label: {show: true, position: "right", distance: 12, color: colours.series[i], fontSize: 11.5, fontWeight: 600, formatter: () => p.series.label, textBorderColor: colours.background, textBorderWidth: 3},
        labelLayout: {hideOverlap: true},
      }]),
    }),
    targets: lines.flatMap((p, i) => (measured[i] ?? []).map(({point, share}) => ({
      x: share, y: costAt(p, share), title: p.series.label,
      lines: [`${loadText(point)}: ${percent(share)} of ${figureText(p.total)} tok/s/GPU`, `$${figureText(costAt(p, share))} a million tokens`],
    }))),
    data: {
      columns: [{name: "Configuration"}, ...steps.map((share) => ({name: percent(share), numeric: true}))],
      rows: lines.map((p) => [p.series.label, ...steps.map((share) => figureText(costAt(p, share)))]),
      csv: lines.map((p) => [p.series.label, ...steps.map((share) => costAt(p, share))]),
    },
  });
}

const micro = (amount: number): string => (amount === 0 ? "0" : (amount / 1e6).toFixed(6));

export function billOf(run: Run, detail: PointDetail, prices: Prices): {bill: Bill; basis: string} | null {
  const phases = detail.phases;
  const gpus = run.gpus ?? 1;
  const parts = prices.parts(run, gpus);
  if (phases === undefined || parts === null) return null;
  const factor = gpus / phases.gpus;
  const seconds = Object.fromEntries(BILL_USES.map((use) => [use, phases[use] * factor])) as ByUse;
  const divided = phases.basis !== "not known";
  return {bill: makeBill(atUtilisation(seconds, prices.settings.utilisation), divided, gpus, parts, phases.tokens), basis: phases.basis};
}

function billSection(context: Context, prices: Prices, points: readonly Operating[]): HTMLElement {
  const own = points.filter((p) => p.run.origin !== "published");
  const section = h("section", {}, h("h2", {}, "The bill"));
  if (own.length === 0) {
    section.append(h("p", {class: "soft"}, "A bill needs samples of one's own: what others published does not tell where the machine's time went."));
    return section;
  }
  const options = own.flatMap((p) => p.run.points.map((point) => ({value: `${p.run.id}/${point.n}`, text: `${p.series.label} · ${loadText(point)} · ${dayText(p.run.created)}`})));
  const best = own[0] as Operating;
  const chosen = options.find((option) => option.value === context.state.values["point"])?.value ?? `${best.run.id}/${best.point.n}`;
  const [id, number] = [chosen.slice(0, chosen.lastIndexOf("/")), Number(chosen.slice(chosen.lastIndexOf("/") + 1))];
  const run = own.find((p) => p.run.id === id)?.run ?? best.run;
  section.append(h("div", {class: "controls"}, select("c-bill", "Of", options, chosen, (point) => context.set({point}))));
  const place = h("div", {}, h("p", {class: "soft", role: "status"}, "Reading the samples …"));
  section.append(place);
  context.source.pointDetail(run, number).then((detail) => {
    const made = detail === null ? null : billOf(run, detail, prices);
    if (made === null) {
      place.replaceChildren(h("p", {class: "soft"}, detail === null
        ? "This page carries no samples of that run."
        : "There is no price for this hardware: choose “my rent” above, or name the hardware with hadal measure runs annotate --field hardware."));
      return;
    }
    place.replaceChildren(...billParts(made.bill, made.basis, "this measurement", run.label ?? run.id.slice(0, 10)));
  }).catch((error: unknown) => place.replaceChildren(h("p", {class: "notice bad"}, String(error instanceof Error ? error.message : error))));
  return section;
}

export function billParts(bill: Bill, basis: string, what: string, name: string): HTMLElement[] {
  const uses = BILL_USES;
  const columns = [{name: "Part"}, ...uses.map((use) => ({name: USE_NAMES[use], numeric: true})), {name: "Total", numeric: true}];
  const rows = [...bill.rows.map((row) => [row.part, ...uses.map((use) => micro(row.uses[use])), micro(row.total)]),
    ["all", ...uses.map((use) => micro(bill.uses[use])), micro(bill.total)]];
  const chart = new ChartBox({
    id: "bill", title: "The bill by what the machine did", height: 90 + 36,
    summary: uses.map((use) => `${USE_NAMES[use]} ${micro(bill.uses[use])} dollars`).join(", "),
    option: (colours) => ({
      grid: {left: 8, right: 8, top: 8, bottom: 40, containLabel: false},
      xAxis: {type: "value", max: bill.total / 1e6, show: false},
      yAxis: {type: "category", data: ["bill"], show: false},
      series: uses.filter((use) => bill.uses[use] > 0).map((use) => ({
        type: "bar", stack: "bill", silent: true, barWidth: 34, data: [bill.uses[use] / 1e6],
        itemStyle: {color: use === "idle" ? colours.line : colours.series[uses.indexOf(use)], borderColor: colours.background, borderWidth: 1},
        label: {show: bill.uses[use] / bill.total > 0.07, position: "insideBottomLeft", offset: [0, 30], color: colours.text, fontSize: 12,
          formatter: () => `${USE_NAMES[use]} ${Math.round((100 * bill.uses[use]) / bill.total)} %`},
      })),
    }),
    data: {columns, rows, csv: rows},
  });
  const per = bill.usdPerMillion;
  return [
    chart.element,
    table(`Dollars of ${what}; rows and columns add up`, columns, rows),
    table("$ per million tokens on the bill's basis", [{name: "Run"}, {name: "all tokens", numeric: true}, {name: "input, computed", numeric: true}, {name: "input, cached", numeric: true}, {name: "output", numeric: true}],
      [[name, figureText(per.total), figureText(per.computed_input), figureText(per.cached_input), figureText(per.output)]]),
    h("p", {class: "footnote"}, `Where the time went: ${basis}. Shared and idle time stand apart; the parts add up to the bill, which InferenceX's input and output costs do not.`),
  ];
}

export function costView(context: Context): HTMLElement {
  const selection = selectionOf(context);
  const prices = pricesOf(context);
  const series = groupSeries(selectedRuns(context, selection));
  const points = operatingPoints(series);
  const view = h("div", {class: "view"}, h("h1", {}, "Cost and power"),
    h("p", {class: "lead"}, `${selection.model || "unknown model"} · ${selection.workload || "unknown workload"} · ${prices.about()}`),
    filterBar(context), inputs(context, prices));
  if (points.length === 0) {
    view.append(h("div", {class: "empty"}, h("p", {}, "No selected run has a throughput per GPU: give --gpus when measuring, or say it afterwards:"),
      h("code", {class: "block"}, "hadal measure runs annotate RUN \"ran on 8\" --field gpus --value 8")));
    return view;
  }
  view.append(unitTable(context, prices, points));
  const chart = loadChart(prices, points);
  if (chart !== null) view.append(h("h2", {}, "Cost against load"), chart.element);
  view.append(billSection(context, prices, points), powerTable(prices, points));
  const era = context.overview.hardware.eras.find((entry) => entry.key === prices.settings.era);
  if (era) view.append(h("p", {class: "footnote"}, `Era ${era.key}: ${era.about}`));
  return view;
}
