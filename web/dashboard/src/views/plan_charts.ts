// Charts and tables of what the planner answered.

import {convert, type Axis} from "../axes.js";
import {ChartBox, baseAxis, type EOption, type Target} from "../chart.js";
import type {Context} from "../context.js";
import {atUtilisation, makeBill, usdPerMillion, type ByUse} from "../costs.js";
import {h, table} from "../dom.js";
import {dayText, figureText, lowerFirst, secondsText} from "../format.js";
import {loadText, type Run} from "../model.js";
import {isModel, timeOfPrefill, type Pair, type Plan, type PlanOption, type PlanQuestion} from "../planner.js";
import {drawPoints, type Drawing, type DrawnPoint} from "../series.js";
import {theme, type Theme} from "../theme.js";
import {billParts} from "./cost.js";

export interface Answer {
  pair: Pair;
  label: string;
  plan: Plan;
}

export type PlanDrawing = Drawing;

const OUTPUT_METRIC = "rate.output_tokens_per_gpu/1";

/** As a run, so that prices and powers of its hardware are found like those of any other. */
const runOf = (option: PlanOption): Run => ({
  id: "", created: null, origin: "predicted", state: "complete", gate: "not_run", limited: false,
  hardware: option.hardware, gpus: option.devices, notes: [], points: [],
});

const rateOf = (axis: Axis, option: PlanOption): number =>
  axis.metric === OUTPUT_METRIC ? option.output_tok_s / option.devices : option.total_tok_s_per_device;

const valueOf = (d: Drawing, option: PlanOption, factor = 1): number | null =>
  convert(d.y, rateOf(d.y, option) * factor, runOf(option), d.prices);

const axisName = (colours: Theme, name: string, vertical: boolean): EOption => ({
  name, nameLocation: vertical ? "end" : "middle", nameGap: vertical ? 14 : 30,
  nameTextStyle: {color: colours.soft, fontSize: 12, ...(vertical ? {align: "left"} : {})},
});

const GRID: EOption = {left: 8, right: 24, top: 34, bottom: 34, containLabel: true};

const isNarrow = (): boolean => document.documentElement.clientWidth < 700;

interface Measured {
  shown: DrawnPoint[];
  other: number;  // of the same machine and work, with other speculation
}

/** What was measured of the same model and work on the machines that are asked about. */
function measuredPoints(context: Context, q: PlanQuestion, d: Drawing, answers: readonly Answer[]): Measured {
  const hardware = new Set(answers.map((answer) => answer.pair.hardware));
  const alike = context.runs.filter((run) =>
    isModel(run.model, q.model) && run.workload === q.workload && hardware.has(run.hardware ?? ""));
  const speculates = (run: Run): boolean => !["", "none", "off"].includes(run.speculation ?? "");
  const wanted = alike.filter((run) => speculates(run) === (q.drafts !== "none"));
  const count = (runs: readonly Run[]): number => drawPoints(runs, d).length;
  return {shown: drawPoints(wanted, d), other: count(alike) - count(wanted)};
}

const BAND_OPACITY = 0.13;

export function curveChart(context: Context, q: PlanQuestion, d: Drawing, answers: readonly Answer[], first: Answer): HTMLElement {
  const measured = measuredPoints(context, q, d, answers);
  const curves = answers.map((answer) => ({
    answer,
    points: answer.plan.frontier.flatMap((option) => {
      const [y, low, high] = [1, answer.plan.error.low_factor, answer.plan.error.high_factor].map((factor) => valueOf(d, option, factor));
      return y === null || y === undefined ? [] : [{option, x: option.interactivity_tok_s, y, low: low ?? y, high: high ?? y}];
    }).sort((a, b) => a.x - b.x),
  })).filter((curve) => curve.points.length > 0);
  const colourOf = (colours: Theme, i: number): string => colours.series[i % colours.series.length] as string;
  /** The curve of the same hardware, and of the same engine where there is one. */
  const curveOf = (p: DrawnPoint): number => {
    const exact = curves.findIndex(({answer}) => answer.pair.hardware === p.run.hardware && (p.run.engine ?? "").includes(answer.pair.engine));
    return exact >= 0 ? exact : -1;
  };
  const [logX, logY] = [context.state.values["lx"] === "1", context.state.values["ly"] !== "0"];
  const option = (colours: Theme): EOption => ({
    grid: isNarrow() ? GRID : {...GRID, right: 100},  // room for names at the ends of curves
    xAxis: {...baseAxis(colours, {log: logX}), ...axisName(colours, d.x.short, false)},
    yAxis: {...baseAxis(colours, {log: logY}), ...axisName(colours, d.y.short, true)},
    series: [
      ...curves.flatMap(({answer, points}, i) => {
        const colour = colourOf(colours, i);
        const last = points[points.length - 1];
        return [
          ...(answer === first ? [{
            type: "custom", silent: true, z: 1, clip: true, data: [[points[0]?.x, points[0]?.y]],
            renderItem: (_: unknown, api: {coord: (p: number[]) => number[]}) => ({
              type: "polygon",
              shape: {points: [...points.map((p) => api.coord([p.x, p.high])), ...points.map((p) => api.coord([p.x, p.low])).reverse()]},
              style: {fill: colour, opacity: BAND_OPACITY},
            }),
          }] : []),
          {type: "line", silent: true, showSymbol: false, z: 3, data: points.map((p) => [p.x, p.y]), lineStyle: {color: colour, width: 2.2}},
          ...(last === undefined ? [] : [{
            type: "scatter", silent: true, z: 6, symbolSize: 1, itemStyle: {color: "transparent", opacity: 1}, data: [[last.x, last.y]],
            label: {show: true, position: "right", distance: 9, color: colour, fontSize: 11.5, fontWeight: 600, textBorderColor: colours.background, textBorderWidth: 3, formatter: () => answer.label},
            labelLayout: {hideOverlap: true},
          }]),
        ];
      }),
      ...[true, false].map((third) => ({
        type: "scatter", silent: true, z: third ? 4 : 5, symbol: third ? "diamond" : "circle", symbolSize: third ? 9 : 8,
        data: measured.shown.filter((p) => (p.standing === "third-party") === third).map((p) => {
          const curve = curveOf(p);
          const colour = curve < 0 ? colours.muted : colourOf(colours, curve);
          const hollow = p.standing === "unverified";
          return {value: [p.x.value, p.y.value], itemStyle: {color: hollow ? colours.background : colour, borderColor: hollow ? colour : colours.background, borderWidth: 1, opacity: curve < 0 ? 0.6 : 1}};
        }),
      })),
    ],
  });
  const targets: Target[] = [
    ...curves.flatMap(({answer, points}) => points.map((p): Target => ({
      x: p.x, y: p.y, title: `${answer.label}, predicted`,
      lines: [`${d.y.short}: ${figureText(p.y)} (${figureText(Math.min(p.low, p.high))} to ${figureText(Math.max(p.low, p.high))})`,
        `${d.x.short}: ${figureText(p.x)}`, `${p.option.layout}, ${figureText(p.option.requests_at_a_time)} at a time`, `binds: ${p.option.binds}`],
    }))),
    ...measured.shown.map((p): Target => ({
      x: p.x.value, y: p.y.value,
      title: `${[p.run.hardware, p.run.engine, p.run.speculation].filter(Boolean).join(" · ")}, ${p.standing === "third-party" ? "as published" : p.standing}`,
      lines: [`${d.y.short}: ${figureText(p.y.value)}`, `${d.x.short}: ${figureText(p.x.value)} (${p.x.statistic})`, `${loadText(p.point)} · ${dayText(p.run.created)}`],
      open: () => context.go("run", {run: p.run.id, point: String(p.point.n)}),
    })),
  ];
  const columns = [{name: "Curve"}, {name: "Kind"}, {name: d.x.short, numeric: true}, {name: d.y.short, numeric: true}, {name: "low", numeric: true}, {name: "high", numeric: true}, {name: "Deployment"}, {name: "Binds"}];
  const cells = [
    ...curves.flatMap(({answer, points}) => points.map((p) =>
      [answer.label, "predicted", p.x, p.y, Math.min(p.low, p.high), Math.max(p.low, p.high), p.option.layout, p.option.binds])),
    ...measured.shown.map((p) => [[p.run.hardware, p.run.engine].filter(Boolean).join(" · "), p.standing, p.x.value, p.y.value, null, null, p.run.layout ?? "", ""]),
  ];
  const chart = new ChartBox({
    id: "planner", title: `Predicted ${lowerFirst(d.y.name)} against ${lowerFirst(d.x.name)}`,
    summary: `${curves.length} curves, ${measured.shown.length} measured points of the same work.`,
    option, targets,
    data: {columns, rows: cells.map((row) => row.map((cell) => (typeof cell === "number" ? figureText(cell) : cell))), csv: cells},
  });
  const others = measured.other > 0 ? ` ${measured.other} more were measured ${q.drafts === "none" ? "with" : "without"} speculation and are left out.` : "";
  return h("div", {}, chart.element, h("p", {class: "footnote"},
    measured.shown.length === 0 ? `Nothing was measured of this model and workload on this hardware.${others}`
      : `Circles: measured here, hollow where unverified; diamonds: as published; grey: of other engines, versions of any age.${others}`));
}

export function answerTable(d: Drawing, answers: readonly Answer[]): HTMLElement {
  const rows = answers.map(({label, plan}) => {
    const pick = plan.picks[0] as PlanOption;
    const run = runOf(pick);
    const usd = d.prices.usdPerGpuHour(run);
    const kw = d.prices.kwPerGpu(run);
    return [label, `${figureText(pick.devices)}${pick.replicas > 1 ? ` in ${pick.replicas} replicas` : ""}`, pick.layout, figureText(pick.requests_at_a_time),
      figureText(pick.interactivity_tok_s), secondsText(pick.ttft_s), figureText(pick.total_tok_s_per_device),
      figureText(usd === null ? null : usd * pick.devices), figureText(usdPerMillion(pick.total_tok_s_per_device, usd)),
      figureText(kw === null ? null : kw * pick.devices), `${pick.binds}`];
  });
  return table("The cheapest that meets the question", [{name: "Hardware"}, {name: "Devices"}, {name: "Deployment"},
    ...["requests at a time", "tok/s for a user", "first token", "total tok/s/GPU", "$/h worked", "$/M total", "kW"].map((name) => ({name, numeric: true})), {name: "Binds"}], rows);
}

/** Shares of the time of all devices. Prefill that has devices of its own may leave them waiting. */
function timeShares(option: PlanOption): Map<string, number> {
  const parts = Object.entries(option.decode_parts_s).filter(([, seconds]) => seconds > 0);
  const sum = parts.reduce((total, [, seconds]) => total + seconds, 0);
  const prefill = timeOfPrefill(option);
  const shares = new Map<string, number>();
  if (option.prefill === null) shares.set("prefill", prefill);
  else {
    const busy = Math.min(1, option.prefill_share);
    shares.set("prefill", prefill * busy).set("prefill's devices wait", prefill * (1 - busy));
  }
  for (const [name, seconds] of parts) shares.set(name, ((1 - prefill) * seconds) / sum);
  return shares;
}

const colourOfPart = (colours: Theme, i: number): string => colours.series[i] ?? colours.muted;

const percent = (value: number): string => `${Math.round(100 * value)} %`;

/** Names of the parts that can be seen in one of the bars, the greatest first. */
function partsShown(shares: readonly ReadonlyMap<string, number>[]): string[] {
  const names = [...new Set(shares.flatMap((row) => [...row.keys()]))];
  const weight = (name: string): number => shares.reduce((sum, row) => sum + (row.get(name) ?? 0), 0);
  names.sort((a, b) => weight(b) - weight(a));
  return names.filter((name) => shares.some((row) => (row.get(name) ?? 0) > 0.004));
}

const timeSeries = (colours: Theme, shown: readonly string[], shares: readonly ReadonlyMap<string, number>[], gap: string): EOption[] =>
  shown.map((name, i) => ({
    type: "bar", stack: "time", silent: true, barCategoryGap: gap, data: shares.map((row) => row.get(name) ?? 0),
    itemStyle: {color: colourOfPart(colours, i)},
  }));

function partsLegend(shown: readonly string[]): HTMLElement {
  return h("ul", {class: "markers"}, ...shown.map((name, i) => {
    const swatch = h("span", {class: "swatch", "aria-hidden": "true"});
    swatch.style.backgroundColor = colourOfPart(theme(), i);
    return h("li", {}, swatch, name);
  }));
}

/** Where a device's time goes in the cheapest deployment of each pair. */
export function bindsOfAll(answers: readonly Answer[]): HTMLElement {
  const rows = [...answers].reverse();  // the first stands at the top
  const shares = rows.map((answer) => timeShares(answer.plan.picks[0] as PlanOption));
  const shown = partsShown(shares);
  const cells = answers.map((answer, i) => ({answer, row: shares[answers.length - 1 - i]}));
  const chart = new ChartBox({
    id: "binds-all", title: "Where the time goes in the cheapest of each", height: 70 + 30 * rows.length,
    summary: answers.map((answer) => `${answer.label}: ${answer.plan.picks[0]?.binds ?? ""}`).join("; "),
    option: (colours) => ({
      grid: {...GRID, top: 8, bottom: 20},
      xAxis: {...baseAxis(colours, {}), min: 0, max: 1, axisLabel: {color: colours.soft, formatter: percent}},
      yAxis: {type: "category", data: rows.map((answer) => answer.label), axisLabel: {color: colours.soft, width: isNarrow() ? 90 : 200, overflow: "break"}, axisTick: {show: false}, axisLine: {show: false}},
      series: timeSeries(colours, shown, shares, "25%"),
    }),
    data: {columns: [{name: "Hardware"}, {name: "Binds"}, ...shown.map((name) => ({name, numeric: true}))],
      rows: cells.map(({answer, row}) => [answer.label, answer.plan.picks[0]?.binds ?? "", ...shown.map((name) => percent(row?.get(name) ?? 0))]),
      csv: cells.map(({answer, row}) => [answer.label, answer.plan.picks[0]?.binds ?? "", ...shown.map((name) => row?.get(name) ?? 0)])},
  });
  return h("section", {}, h("h3", {}, "What binds on each"), chart.element, partsLegend(shown));
}

/** Where a device's time goes at each point of a curve: from slow and full to fast and empty. */
export function bindsChart(answer: Answer): HTMLElement {
  const options = [...answer.plan.frontier].sort((a, b) => a.interactivity_tok_s - b.interactivity_tok_s);
  const shares = options.map(timeShares);
  const shown = partsShown(shares);
  const speeds = options.map((option) => figureText(option.interactivity_tok_s));
  const rows = options.map((option, i) => [speeds[i] as string, option.binds, ...shown.map((name) => percent(shares[i]?.get(name) ?? 0))]);
  const chart = new ChartBox({
    id: "binds", title: `What binds along the curve of ${answer.label}`, height: 300,
    summary: options.length === 0 ? "" : `From ${options[0]?.binds ?? ""} at ${speeds[0]} to ${options[options.length - 1]?.binds ?? ""} at ${speeds[speeds.length - 1]} tokens per second of a user.`,
    option: (colours) => ({
      grid: {...GRID, top: 16},
      xAxis: {type: "category", data: speeds, ...axisName(colours, "tok/s/user", false), axisLabel: {color: colours.soft, hideOverlap: true}, axisTick: {show: false}, axisLine: {lineStyle: {color: colours.line}}},
      yAxis: {...baseAxis(colours, {}), min: 0, max: 1, axisLabel: {color: colours.soft, formatter: percent}},
      series: timeSeries(colours, shown, shares, "8%"),
    }),
    data: {columns: [{name: "tok/s/user"}, {name: "Binds"}, ...shown.map((name) => ({name, numeric: true}))], rows, csv: options.map((option, i) => [option.interactivity_tok_s, option.binds, ...shown.map((name) => shares[i]?.get(name) ?? 0)])},
  });
  return h("section", {}, h("h3", {}, "What binds along the curve"), chart.element, partsLegend(shown));
}

/** What a day's load, a tariff and the seasons come to; null where the question has none of them. */
export function yearTable(answer: Answer, q: PlanQuestion): HTMLElement | null {
  const year = answer.plan.money?.year ?? null;
  if (year === null || q.load.length + q.tariff.length + q.seasonPue.length === 0) return null;
  const dollars = (value: number | null): string => (value === null ? "–" : `$${figureText(value)}`);
  return h("section", {id: "plan-year-table"}, h("h3", {}, "Over a year"), table(`A year of ${answer.label}`, [{name: "What"}, {name: "Figure", numeric: true}], [
    ["busy, of all hours", percent(year.use)],
    ["IT power in the mean", `${figureText(year.mean_it_kw)} kW`],
    ["PUE in the mean, at worst", `${figureText(year.mean_pue)}, ${figureText(year.worst_pue)}`],
    ["energy", `${figureText(year.kwh)} kWh`],
    ["electricity of an hour in the mean", dollars(year.electricity_usd_per_hour)],
    ["at the cheapest and the dearest hour", `${dollars(year.least_usd_per_hour)} to ${dollars(year.dearest_usd_per_hour)}`],
    ["electricity of a million tokens", dollars(year.electricity_usd_per_million)],
  ]));
}

export function sensitivityChart(answer: Answer): HTMLElement {
  const rows = [...answer.plan.sensitivity].reverse();
  const change = (factor: number): string => `${factor >= 1 ? "+" : "−"}${Math.abs(100 * (factor - 1)).toFixed(0)} %`;
  const chart = new ChartBox({
    id: "sensitivity", title: `What the answer of ${answer.label} hangs on`, height: 60 + 32 * rows.length,
    summary: rows.length === 0 ? "" : `Most on ${rows[rows.length - 1]?.assumption ?? ""}.`,
    option: (colours) => ({
      grid: {...GRID, top: 8},
      xAxis: {...baseAxis(colours, {}), ...axisName(colours, "total tokens over those of the answer", false)},
      yAxis: {type: "category", data: rows.map((row) => row.assumption), axisLabel: {color: colours.soft, width: isNarrow() ? 110 : 280, overflow: "break", fontSize: 11.5}, axisTick: {show: false}, axisLine: {show: false}},
      series: [{
        type: "custom", silent: true, data: rows.map((_, i) => [i]),
        renderItem: (_: unknown, api: {value: (n: number) => number; coord: (p: number[]) => number[]}) => {
          const i = api.value(0);
          const row = rows[i];
          if (row === undefined) return null;
          const from = api.coord([Math.min(row.low_factor, row.high_factor), i]);
          const to = api.coord([Math.max(row.low_factor, row.high_factor), i]);
          return {type: "rect", shape: {x: from[0], y: (from[1] as number) - 7, width: Math.max(1, (to[0] as number) - (from[0] as number)), height: 14}, style: {fill: colours.accent}};
        },
        encode: {y: 0},
      }, {type: "line", silent: true, showSymbol: false, data: rows.length === 0 ? [] : [[1, 0], [1, rows.length - 1]], lineStyle: {color: colours.soft, width: 1, type: [3, 3]}},
      {type: "scatter", silent: true, symbolSize: 0, data: rows.flatMap((row, i) => [[row.low_factor, i], [row.high_factor, i]])}],
    }),
    data: {
      columns: [{name: "Assumption"}, {name: "at its low end", numeric: true}, {name: "at its high end", numeric: true}],
      rows: answer.plan.sensitivity.map((row) => [row.assumption, change(row.low_factor), change(row.high_factor)]),
      csv: answer.plan.sensitivity.map((row) => [row.assumption, row.low_factor, row.high_factor]),
    },
  });
  return h("section", {}, h("h3", {}, "What it hangs on"), chart.element);
}

export function memoryTable(answer: Answer): HTMLElement {
  const pick = answer.plan.picks[0] as PlanOption;
  const bytes = Object.entries(pick.memory_bytes).filter(([name]) => !name.startsWith("of_"));
  const device = pick.memory_bytes["device"] ?? NaN;
  return table("Memory of a device, GB", [{name: "What"}, {name: "GB", numeric: true}, {name: "Share", numeric: true}],
    bytes.map(([name, value]) => [name.replaceAll("_", " "), figureText(value / 1e9), `${Math.round((100 * value) / device)} %`]));
}

/** An hour in which the machine works, with the idle hours that are paid with it. */
export function billSection(d: Drawing, answer: Answer): HTMLElement {
  const pick = answer.plan.picks[0] as PlanOption;
  const parts = d.prices.parts(runOf(pick), pick.devices);
  const section = h("section", {}, h("h3", {}, "The bill of an hour of work"));
  if (parts === null) {
    section.append(h("p", {class: "soft"}, "There is no price for this hardware: choose “my rent” under prices."));
    return section;
  }
  const {workload} = answer.plan;
  const requests = (pick.output_tok_s / workload.output) * 3600;
  const busy = 3600 * pick.devices;
  const seconds: ByUse = {prefill: busy * timeOfPrefill(pick), cached_input: 0, decode: busy * (1 - timeOfPrefill(pick)), shared: 0, idle: 0};
  const bill = makeBill(atUtilisation(seconds, d.prices.settings.utilisation), true, pick.devices, parts, {
    computed_input: requests * workload.input * (1 - workload.hit), cached_input: requests * workload.input * workload.hit, output: requests * workload.output,
  });
  section.append(...billParts(bill, "predicted times of prefill and decode", "an hour of work", answer.label));
  return section;
}

const USES = Array.from({length: 50}, (_, i) => 0.02 * (i + 1));

export function breakEvenChart(d: Drawing, answer: Answer): HTMLElement {
  const pick = answer.plan.picks[0] as PlanOption;
  const run = runOf(pick);
  const parts = d.prices.parts(run, 1);
  const api = answer.plan.money?.api_usd_per_million ?? null;
  const rent = answer.plan.money?.rent_usd_per_million ?? null;
  const section = h("section", {}, h("h3", {}, "Own, rent or API"));
  if (parts === null) {
    section.append(h("p", {class: "soft"}, "There is no price for this hardware."));
    return section;
  }
  const own = (use: number): number => {
    const hour = parts.reduce((sum, part) => sum + part.usdPerHour * use + part.usdPerIdleHour * (1 - use), 0);
    return hour / ((pick.total_tok_s_per_device * use * 3600) / 1e6);
  };
  const lines: {name: string; data: [number, number][]}[] = [{name: d.prices.settings.kind === "catalogue" ? `paid all hours (${d.prices.settings.tier})` : "paid all hours", data: USES.map((use) => [use, own(use)])}];
  if (rent !== null) lines.push({name: "rent of busy hours", data: [[0.02, rent], [1, rent]]});
  if (api !== null) lines.push({name: "the API's list price", data: [[0.02, api], [1, api]]});
  const from = (other: number | null): string => {
    if (other === null) return "not known";
    const use = USES.find((share) => own(share) <= other);
    return use === undefined ? "at no use" : `from ${percent(use)} of use`;
  };
  const steps = [0.06, 0.1, 0.2, 0.3, 0.5, 0.7, 1];
  const chart = new ChartBox({
    id: "break-even", title: `Dollars per million tokens by use of ${answer.label}`, height: 320,
    summary: `Cheaper than the API ${from(api)}, than rent by the hour ${from(rent)}.`,
    option: (colours) => ({
      grid: GRID,
      xAxis: {...baseAxis(colours, {}), min: 0, max: 1, ...axisName(colours, "share of the paid hours in which it works", false), axisLabel: {color: colours.soft, formatter: percent}},
      yAxis: {...baseAxis(colours, {log: true}), ...axisName(colours, "$/M total", true)},
      series: [...lines.map((line, i): EOption => ({
        type: "line", silent: true, showSymbol: false, data: line.data, lineStyle: {width: 2, color: colours.series[i], type: i === 0 ? "solid" : [5, 4]},
      })), ...lines.map((line, i): EOption => ({
        // Of the falling line where it is steep, of the others at their right end.
        type: "scatter", silent: true, symbolSize: 1, itemStyle: {color: "transparent", opacity: 1}, data: [line.data[i === 0 ? 3 : line.data.length - 1] as [number, number]],
        label: {show: true, position: i === 0 ? "right" : i === 1 ? "bottom" : "top", distance: 6, ...(i === 0 ? {} : {align: "right"}), formatter: () => line.name, color: colours.series[i], fontSize: 11.5, textBorderColor: colours.background, textBorderWidth: 3},
      }))],
    }),
    data: {columns: [{name: "Use"}, ...lines.map((line) => ({name: line.name, numeric: true}))],
      rows: steps.map((use) => [percent(use), figureText(own(use)), ...lines.slice(1).map((line) => figureText(line.data[0]?.[1]))]),
      csv: steps.map((use) => [use, own(use), ...lines.slice(1).map((line) => line.data[0]?.[1] ?? null)])},
  });
  section.append(chart.element, h("p", {class: "soft", id: "break-even-words"}, `Cheaper than the API ${from(api)}; cheaper than rent by the busy hour ${from(rent)}.`));
  return section;
}

export function waitingChart(d: Drawing, answer: Answer, rows: readonly {weeks: number; plan: Plan | null}[]): HTMLElement {
  const found = rows.flatMap(({weeks, plan}) => {
    const pick = plan?.picks[0];
    const y = pick === undefined ? null : valueOf(d, pick);
    return pick === undefined || y === null ? [] : [{weeks, pick, y}];
  });
  const chart = new ChartBox({
    id: "waiting", title: `The same on ${answer.label} as the engine grows older`, height: 320,
    summary: found.length === 0 ? "" : `${figureText(found[0]?.y)} ${d.y.unit} at week ${found[0]?.weeks ?? 0}, ${figureText(found[found.length - 1]?.y)} at week ${found[found.length - 1]?.weeks ?? 0}.`,
    option: (colours) => ({
      grid: GRID,
      xAxis: {...baseAxis(colours, {}), min: 0, ...axisName(colours, "weeks after the release", false)},
      yAxis: {...baseAxis(colours, {}), ...axisName(colours, d.y.short, true)},
      series: [{type: "line", silent: true, data: found.map((row) => [row.weeks, row.y]), symbol: "circle", symbolSize: 7, lineStyle: {color: colours.accent, width: 2}, itemStyle: {color: colours.accent}}],
    }),
    targets: found.map((row) => ({x: row.weeks, y: row.y, title: `${row.weeks} weeks`, lines: [`${d.y.short}: ${figureText(row.y)}`, row.pick.layout, `${figureText(row.pick.interactivity_tok_s)} tok/s for a user`]})),
    data: {columns: [{name: "Weeks"}, {name: d.y.short, numeric: true}, {name: "Deployment"}],
      rows: rows.map(({weeks, plan}) => [String(weeks), figureText(found.find((row) => row.weeks === weeks)?.y), plan === null ? "nothing meets the question" : plan.picks[0]?.layout ?? ""]),
      csv: rows.map(({weeks, plan}) => [weeks, found.find((row) => row.weeks === weeks)?.y ?? null, plan?.picks[0]?.layout ?? ""])},
  });
  const worth = answer.plan.option_value;
  return h("section", {}, h("h3", {}, "Waiting"), chart.element,
    worth.after.length === 0 ? null : table("Deciding later, the API until then: $ per million tokens over the horizon",
      [{name: "Decided after"}, {name: "$/M", numeric: true}, {name: "chance of owning then", numeric: true}, {name: "worth of waiting", numeric: true}],
      [["today: own", figureText(worth.own_today), "–", "–"],
        ...worth.after.map((row) => [`${row.weeks} weeks`, figureText(row.usd_per_million), `${Math.round(100 * row.chance_of_owning)} %`, figureText(row.option_value)])]));
}
