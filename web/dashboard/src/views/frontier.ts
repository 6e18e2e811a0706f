// The efficiency frontier: what a GPU, a dollar or a megawatt gives, against how fast it feels.

import {X_AXES, Y_AXES, axisOf, convert, type Axis} from "../axes.js";
import {isBillMetric, readBillRates} from "../bill_rates.js";
import {ChartBox, baseAxis, type EOption, type Target} from "../chart.js";
import {pricesOf, selectedRuns, selectionOf, statisticOf, type Context} from "../context.js";
import {button, check, facts, h, numberField, select, svg, table, type Option} from "../dom.js";
import {filterBar} from "../filters.js";
import {changeText, dayText, figureText, lowerFirst} from "../format.js";
import {doubtsOf, loadText, type Run} from "../model.js";
import {ReadoutCurve, drawPoints, groupSeries, type DrawnPoint, type Drawing, type Series} from "../series.js";
import {theme, type Theme} from "../theme.js";

const MOST_LABELS = 10;
const SEGMENT_SAMPLES = 16;
const MOST_VERTICES = 8000;  // of all curves together
const MANY_POINTS = 2000;

export interface Drawn {
  series: Series;
  points: DrawnPoint[];
  curve: ReadoutCurve;
}

export const statisticOptions: readonly Option[] = [
  {value: "p50", text: "median"}, {value: "mean", text: "mean"}, {value: "p90", text: "p90"},
  {value: "p95", text: "p95"}, {value: "p99", text: "p99"},
];

export function axisOptions(axes: readonly Axis[]): Option[] {
  return axes.map((axis) => ({value: axis.id, text: axis.name, group: axis.group}));
}

/** Own series have colours of their own; others' stay in the background beside them. */
export function seriesColour(colours: Theme, drawn: readonly Drawn[], i: number): string {
  const muted = drawn[i]?.series.thirdParty === true && drawn.some((entry) => !entry.series.thirdParty);
  return muted ? colours.muted : (colours.series[i % colours.series.length] as string);
}

/** Which series have their name at the end of their line: own ones first, as many as can be read. */
function labelled(drawn: readonly Drawn[]): ReadonlySet<Drawn> {
  const own = drawn.filter((entry) => !entry.series.thirdParty);
  return new Set((own.length > 0 ? own : drawn).slice(0, MOST_LABELS));
}

/** A series through its knots, closely enough that the eye sees the curve that is read off. */
export function sampledCurve(curve: ReadoutCurve, samples: number): [number, number][] {
  const line: [number, number][] = [];
  for (let k = 0; k + 1 < curve.knots.length; k++) {
    const from = (curve.knots[k] as DrawnPoint).x.value;
    const to = (curve.knots[k + 1] as DrawnPoint).x.value;
    for (let i = k === 0 ? 0 : 1; i <= samples; i++) {
      const x = i === samples ? to : from + ((to - from) * i) / samples;
      const y = curve.at(x);
      if (y !== null) line.push([x, y.value]);
    }
  }
  return line;
}

function upperEnd(entry: Drawn): DrawnPoint | undefined {
  const candidates = entry.curve.knots.length > 0 ? entry.curve.knots : entry.points;
  return candidates.reduce<DrawnPoint | undefined>((top, p) => (top === undefined || p.y.value > top.y.value ? p : top), undefined);
}

function tipLines(d: Drawing, p: DrawnPoint): string[] {
  const interval = p.y.low !== null && p.y.high !== null ? ` (${figureText(p.y.low)}–${figureText(p.y.high)})` : "";
  const lines = [
    `${d.y.short}: ${figureText(p.y.value)}${interval}`,
    `${d.x.short} (${p.x.statistic}): ${figureText(p.x.value)}`,
    `${loadText(p.point)} · ${dayText(p.run.created)}${p.run.engine_version ? ` · ${p.run.engine_version}` : ""}`,
    ...doubtsOf(p.run, p.point),
  ];
  if (p.run.origin === "published") lines.push(`third party: ${p.point.source ?? p.run.source ?? "source unknown"}`);
  return lines;
}

const targetOf = (context: Context, d: Drawing, series: Series, p: DrawnPoint): Target => ({
  x: p.x.value, y: p.y.value, title: series.label, lines: () => tipLines(d, p),
  open: () => context.go("run", {run: p.run.id, point: String(p.point.n)}),
});

/**
 * What looks the same is one series to the chart: drawing a thousand of them takes longer than
 * drawing what is in them.
 */
class Strokes {
  readonly series: EOption[] = [];
  private readonly data = new Map<string, [number, number][]>();

  /** `apart`: without a line from what was added before. */
  add(style: EOption, points: readonly [number, number][], apart = false): void {
    if (points.length === 0) return;
    const key = JSON.stringify(style);
    let data = this.data.get(key);
    if (data === undefined) {
      data = [];
      this.data.set(key, data);
      this.series.push({...style, silent: true, data});
    } else if (apart) {
      data.push([NaN, NaN]);
    }
    for (const point of points) data.push(point);
  }
}

export function frontierOption(colours: Theme, d: Drawing, drawn: readonly Drawn[], log: {x: boolean; y: boolean}, all: boolean): EOption {
  const names = labelled(drawn);
  const narrow = document.documentElement.clientWidth < 700;
  const labels: EOption[] = [];
  const [least, most] = drawn.flatMap((entry) => entry.points).reduce(([low, high], p) => [Math.min(low, p.x.value), Math.max(high, p.x.value)], [Infinity, -Infinity]);
  const rightPart = least + 0.75 * (most - least);  // where a name to the right has no room
  const lines = new Strokes();
  const marks = new Strokes();
  const knots = drawn.reduce((sum, entry) => sum + entry.curve.knots.length, 1);
  const samples = Math.max(1, Math.min(SEGMENT_SAMPLES, Math.floor(MOST_VERTICES / knots)));
  const many = drawn.reduce((sum, entry) => sum + entry.points.length, 0) > MANY_POINTS;
  drawn.forEach((entry, i) => {
    const colour = seriesColour(colours, drawn, i);
    const third = entry.series.thirdParty;
    const line = sampledCurve(entry.curve, samples);
    if (line.length > 1) {
      lines.add({
        type: "line", showSymbol: false, z: 2,
        lineStyle: {color: colour, width: many ? 1 : third ? 1.5 : 2.2, type: third ? [5, 4] : "solid"},
      }, line, true);
    }
    // At the upper end, where curves lie apart; towards the right they all come together.
    const top = names.has(entry) && !narrow ? upperEnd(entry) : undefined;
    if (top !== undefined) {
      labels.push({
        type: "scatter", silent: true, z: 6, symbolSize: 1, itemStyle: {color: "transparent", opacity: 1}, data: [[top.x.value, top.y.value]],
        label: {show: true, position: top.x.value > rightPart ? "left" : "right", distance: 9, color: colour, fontSize: 11.5, fontWeight: 600, width: 190, overflow: "truncate",
          textBorderColor: colours.background, textBorderWidth: 3, formatter: () => entry.series.label},
        labelLayout: {hideOverlap: true},
      });
    }
    const mark = (points: readonly DrawnPoint[], symbol: string, filled: boolean, size: number, opacity: number): void => marks.add({
      type: "scatter", z: filled ? 4 : 3, symbol, symbolSize: many ? size * 0.6 : size,
      ...(many ? {large: true, largeThreshold: 0, progressive: 0} : {}),
      itemStyle: filled
        ? {color: colour, opacity, borderColor: colours.background, borderWidth: many ? 0 : 1}
        : {color: colours.background, borderColor: colour, borderWidth: 1.6, opacity},
    }, points.map((p) => [p.x.value, p.y.value]));
    const sure = entry.points.filter((p) => p.standing !== "unverified");
    mark(sure.filter((p) => p.onFrontier), third ? "diamond" : "circle", true, third ? 11 : 9, 1);
    if (all) mark(sure.filter((p) => !p.onFrontier), third ? "diamond" : "circle", true, third ? 7 : 6, 0.45);
    mark(entry.points.filter((p) => p.standing === "unverified"), "circle", false, 9, 1);
  });
  return {
    grid: {left: 8, right: 24, top: 34, bottom: 34, containLabel: true},
    xAxis: {...baseAxis(colours, {log: log.x}), name: d.x.short, nameLocation: "middle", nameGap: 30, nameTextStyle: {color: colours.soft, fontSize: 12}},
    yAxis: {...baseAxis(colours, {log: log.y}), name: d.y.short, nameLocation: "end", nameGap: 14, nameTextStyle: {color: colours.soft, fontSize: 12, align: "left"}},
    series: [...lines.series, ...marks.series, ...labels],
  };
}

export function pointsData(d: Drawing, drawn: readonly Drawn[]): {columns: {name: string; numeric?: boolean}[]; rows: (string | number | null)[][]; csv: (string | number | null)[][]} {
  const columns = [
    {name: "Series"}, {name: "Date"}, {name: "Load"}, {name: `${d.x.short}`, numeric: true}, {name: "Statistic"},
    {name: `${d.y.short}`, numeric: true}, {name: "low (95 %)", numeric: true}, {name: "high (95 %)", numeric: true},
    {name: "On the frontier"}, {name: "Standing"}, {name: "Run"},
  ];
  const rows: (string | number | null)[][] = [];
  const csv: (string | number | null)[][] = [];
  for (const {series, points} of drawn) {
    for (const p of points) {
      const words = [p.onFrontier && p.standing !== "unverified" ? "yes" : "no", p.standing === "unverified" ? doubtsOf(p.run, p.point).join("; ") : p.standing, p.run.id];
      rows.push([series.label, dayText(p.run.created), loadText(p.point), figureText(p.x.value), p.x.statistic,
        figureText(p.y.value), figureText(p.y.low), figureText(p.y.high), ...words]);
      csv.push([series.label, dayText(p.run.created), loadText(p.point), p.x.value, p.x.statistic, p.y.value, p.y.low, p.y.high, ...words]);
    }
  }
  return {columns, rows, csv};
}

/** The runs that stand for a series: its newest that has points, or all. */
export function runsShown(series: Series, all: boolean): Series["runs"] {
  if (all) return series.runs;
  const newest = series.runs.find((run) => run.points.length > 0);
  return newest === undefined ? [] : series.runs.filter((run) => dayText(run.created) === dayText(newest.created));
}

export function drawingOf(context: Context): {d: Drawing; unknown: string[]} {
  const values = context.state.values;
  const unknown: string[] = [];
  const pick = (axes: readonly Axis[], key: string): Axis => {
    const id = values[key];
    const axis = axisOf(axes, id);
    if (id !== undefined && axis === undefined) unknown.push(id);
    return axis ?? (axes[0] as Axis);
  };
  return {
    d: {x: pick(X_AXES, "x"), y: pick(Y_AXES, "y"), xStatistic: statisticOf(context), prices: pricesOf(context)},
    unknown,
  };
}

/** While an axis reads samples; the view is made again when they are there. */
export function readingNote(context: Context, d: Drawing, runs: readonly Run[]): HTMLElement | null {
  const reading = isBillMetric(d.y.metric) ? readBillRates(context.source, runs) : null;
  if (reading === null) return null;
  const note = h("p", {class: "soft reading", role: "status"}, `Reading the samples of ${reading.points + reading.left} points …`);
  void reading.done.then(() => {
    if (note.isConnected) context.set({});
  });
  return note;
}

export function axisControls(context: Context, d: Drawing, withX = true): HTMLElement[] {
  return [
    select("c-y", "Show", axisOptions(Y_AXES), d.y.id, (y) => context.set({y})),
    ...(withX ? [select("c-x", "Against", axisOptions(X_AXES), d.x.id, (x) => context.set({x}))] : []),
    select("c-p", "Of requests", statisticOptions, d.xStatistic, (p) => context.set({p})),
  ];
}

export function markerLegend(counts: {verified: number; thirdParty: number; unverified: number}): HTMLElement {
  const mark = (shape: SVGElement): SVGElement => svg("svg", {width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true"}, shape);
  const entry = (shape: SVGElement, text: string): HTMLElement => h("li", {}, mark(shape), text);
  return h("ul", {class: "markers"},
    counts.verified > 0 && entry(svg("circle", {cx: 7, cy: 7, r: 4.5, class: "mark-full"}), `${counts.verified} verified`),
    counts.thirdParty > 0 && entry(svg("path", {d: "M7 1.5 12.5 7 7 12.5 1.5 7z", class: "mark-full"}), `${counts.thirdParty} third-party, as published`),
    counts.unverified > 0 && entry(svg("circle", {cx: 7, cy: 7, r: 4.2, class: "mark-hollow"}), `${counts.unverified} hollow: ungated, client-limited or partial; never on a frontier`));
}

export function countStanding(drawn: readonly Drawn[]): {verified: number; thirdParty: number; unverified: number} {
  const all = drawn.flatMap((entry) => entry.points);
  const of = (standing: string): number => all.filter((p) => p.standing === standing).length;
  return {verified: of("verified"), thirdParty: of("third-party"), unverified: of("unverified")};
}

function readoutPanel(context: Context, d: Drawing, drawn: readonly Drawn[]): {element: HTMLElement; show: (x: number | null) => void} {
  const colours = theme();
  const list = h("ul", {class: "readout"});
  const title = h("h2", {});
  const pinned = context.state.values["at"];
  const field = numberField("c-at", "Read off at", pinned ?? "", (at) => context.set({at}), {unit: d.x.unit, min: "0"});
  const show = (x: number | null): void => {
    const at = x ?? (pinned === undefined ? null : Number(pinned));
    title.textContent = at === null ? "Move over the chart to read it off" : `At ${figureText(at)} ${d.x.short}`;
    const entries = drawn.map((entry, i) => ({entry, i, figure: at === null ? null : entry.curve.at(at)}));
    const sign = d.y.better === "higher" ? -1 : 1;
    if (at !== null) entries.sort((a, b) => (a.figure === null ? 1 : 0) - (b.figure === null ? 1 : 0) || sign * ((a.figure?.value ?? 0) - (b.figure?.value ?? 0)));
    const best = entries[0]?.figure?.value;
    list.replaceChildren(...entries.slice(0, 40).map(({entry, i, figure}) => {
      const swatch = h("span", {class: "swatch", "aria-hidden": "true"});
      swatch.style.backgroundColor = seriesColour(colours, drawn, i);
      const range = entry.curve.range;
      const note = at === null
        ? range === null ? "no frontier" : `${figureText(range.from)}–${figureText(range.to)}`
        : figure === null ? "out of range" : figureText(figure.value);
      const ratio = figure !== null && best !== undefined && figure.value !== best ? changeText(figure.value / best) : "";
      return h("li", {}, swatch, h("span", {class: "readout-name"}, entry.series.label,
        h("small", {}, dayText(entry.series.runs[0]?.created))),
        h("span", {class: figure === null ? "readout-value none" : "readout-value", "data-value": figure === null ? undefined : figure.value},
          note, ratio === "" ? null : h("small", {}, ratio)));
    }));
    if (entries.length > 40) list.append(h("li", {class: "soft"}, `and ${entries.length - 40} more`));
  };
  show(null);
  return {element: h("aside", {class: "panel", "aria-label": "Values on the curves"}, title, list, field), show};
}

export function frontierView(context: Context): HTMLElement {
  const selection = selectionOf(context);
  const {d, unknown} = drawingOf(context);
  const values = context.state.values;
  const allRuns = values["runs"] === "all";
  const allPoints = values["opt"] !== "1";
  const log = {x: values["lx"] === "1", y: values["ly"] === "1"};
  const series = groupSeries(selectedRuns(context, selection));
  const drawn = series.map((entry): Drawn => {
    const points = drawPoints(runsShown(entry, allRuns), d);
    return {series: entry, points, curve: new ReadoutCurve(points.filter((p) => p.standing !== "unverified"), d)};
  }).filter((entry) => entry.points.length > 0);
  const counts = countStanding(drawn);
  const hidden = series.length - drawn.length;

  const controls = h("div", {class: "controls"}, ...axisControls(context, d),
    h("div", {class: "checks"},
      check("c-opt", "Optimal points only", !allPoints, (on) => context.set({opt: on ? "1" : undefined})),
      check("c-lx", "Log x", log.x, (on) => context.set({lx: on ? "1" : undefined})),
      check("c-ly", "Log y", log.y, (on) => context.set({ly: on ? "1" : undefined})),
      check("c-runs", "All dates", allRuns, (on) => context.set({runs: on ? "all" : undefined}), "Without: each configuration's newest day")));
  const view = h("div", {class: "view"},
    h("h1", {}, `${d.y.name} against ${lowerFirst(d.x.name)}`),
    h("p", {class: "lead"}, `${selection.model || "unknown model"} · ${selection.workload || "unknown workload"} · ${drawn.length} ${drawn.length === 1 ? "configuration" : "configurations"}`),
    filterBar(context), controls);
  for (const id of unknown) view.append(h("p", {class: "notice", role: "alert"}, `This link asks for ${id}, which this version does not know; the default is shown.`));
  const reading = readingNote(context, d, series.flatMap((entry) => runsShown(entry, allRuns)));
  if (reading !== null) {
    view.append(reading);
    return view;
  }
  if (drawn.length === 0) {
    const means = d.xStatistic === "mean" ? 0
      : series.flatMap((entry) => drawPoints(runsShown(entry, allRuns), {...d, xStatistic: "mean"})).length;
    view.append(means > 0 ? fewSamplesNote(context, d, means) : emptyNote(d, hidden));
    return view;
  }
  const readout = readoutPanel(context, d, drawn);
  const shownTargets = drawn.flatMap((entry) => entry.points
    .filter((p) => allPoints || p.onFrontier || p.standing === "unverified")
    .map((p) => targetOf(context, d, entry.series, p)));
  const best = drawn.flatMap((entry) => entry.points.filter((p) => p.onFrontier && p.standing !== "unverified").map((p) => ({p, entry})))
    .sort((a, b) => (d.y.better === "higher" ? b.p.y.value - a.p.y.value : a.p.y.value - b.p.y.value))[0];
  const chart = new ChartBox({
    id: "frontier",
    title: `${d.y.name} against ${d.x.name}`,
    summary: `${drawn.length} series, ${shownTargets.length} points.${best ? ` The best is ${figureText(best.p.y.value)} ${d.y.unit} of ${best.entry.series.label} at ${figureText(best.p.x.value)} ${d.x.unit}.` : ""}`,
    option: (colours) => frontierOption(colours, d, drawn, log, allPoints),
    targets: shownTargets,
    data: () => pointsData(d, drawn),
    cursor: readout.show,
    pin: (x) => context.set({at: String(Number(x.toPrecision(4)))}),
  });
  view.append(h("div", {class: "with-panel"}, h("div", {class: "main-column"}, chart.element, markerLegend(counts)), readout.element));
  const notes: string[] = [`${d.y.about} ${d.x.about}`];
  if (d.y.convert !== null) notes.push(`Costs and power follow from the interpolated throughput: ${d.prices.about()}; ${d.prices.settings.scope} power of era ${d.prices.settings.era}.`);
  notes.push("Curves are Steffen's monotone interpolation through the points that no other beats, and end with them.");
  if (hidden > 0) notes.push(`${hidden} more ${hidden === 1 ? "configuration has" : "configurations have"} no such figures.`);
  view.append(h("p", {class: "footnote"}, notes.join(" ")));
  if (counts.verified === 0 && counts.unverified > 0) {
    view.append(h("p", {class: "notice"}, "Nothing here is verified yet. Check answers against a reference while measuring: ",
      h("code", {}, "hadal measure run --url … --reference FILE"), "."));
  }
  const pinned = values["at"];
  if (pinned !== undefined && Number.isFinite(Number(pinned))) view.append(tierTable(d, drawn, Number(pinned)));
  return view;
}

/** Of few requests a percentile is not told, and a mean is. */
function fewSamplesNote(context: Context, d: Drawing, means: number): HTMLElement {
  const name = statisticOptions.find((option) => option.value === d.xStatistic)?.text ?? d.xStatistic;
  return h("div", {class: "empty"},
    h("p", {}, `No point has enough requests for its ${name} of ${lowerFirst(d.x.name)} to be told; ${means} ${means === 1 ? "has" : "have"} a mean.`),
    button("Show means", () => context.set({p: "mean"}), {id: "show-means"}));
}

function emptyNote(d: Drawing, hidden: number): HTMLElement {
  const why = isBillMetric(d.y.metric)
    ? "No point has samples that tell of time for these tokens alone: by the bill they cost nothing of their own, or nobody knows what they cost."
    : hidden > 0
    ? `${hidden} configurations are selected, but none has both ${lowerFirst(d.y.name)} and ${lowerFirst(d.x.name)}` +
      (d.y.convert !== null ? "; costs and power need the hardware's name and the number of GPUs (hadal measure runs annotate --field hardware)." : ".")
    : "No run fits these filters.";
  return h("div", {class: "empty"}, h("p", {}, why));
}

/** All units of one operating point side by side, each from the interpolated throughput. */
function tierTable(d: Drawing, drawn: readonly Drawn[], at: number): HTMLElement {
  const axes = Y_AXES.filter((axis) => axis.metric === d.y.metric && axis.id !== d.y.id && axis.convert !== null);
  const rows = drawn.flatMap(({series, curve, points}) => {
    const figure = curve.at(at);
    const run = points[0]?.run;
    if (figure === null || run === undefined) return [];
    const raw = curve.rawAt(at);
    return [[series.label, figureText(figure.value), ...axes.map((axis) => figureText(raw === null ? null : convert(axis, raw, run, d.prices)))]];
  });
  if (rows.length === 0) return facts([]);
  return table(`At ${figureText(at)} ${d.x.short}`, [{name: "Series"}, {name: d.y.short, numeric: true}, ...axes.map((axis) => ({name: axis.short, numeric: true}))], rows);
}
