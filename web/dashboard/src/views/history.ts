// One figure day by day: its noise, its changes, and what was different when it changed.

import {ChartBox, baseAxis, type Target} from "../chart.js";
import {selectedRuns, selectionOf, type Context} from "../context.js";
import {historyDays, usualValue, type HistoryDay} from "../days.js";
import {button, check, h, numberField, select, table} from "../dom.js";
import {filterBar} from "../filters.js";
import {changeText, dayText, figureText} from "../format.js";
import {FEWEST_DAYS, findChanges, type HistoryFindings} from "../history.js";
import {groupSeries, type Drawing, type Series} from "../series.js";
import {reducedMotion} from "../theme.js";
import {axisControls, drawingOf, readingNote} from "./frontier.js";
import type {Run} from "../model.js";

const DAY = 86400;

/** Of third parties' runs the same configuration may have been published under changing names. */
function historySeries(runs: readonly Run[]): Series[] {
  const series = groupSeries(runs);
  const merged = new Map<string, Series>();
  for (const entry of series) {
    const run = entry.runs[0] as Run;
    const key = entry.thirdParty
      ? JSON.stringify(["published", run.hardware, run.engine, run.gpus, run.layout, run.speculation ?? ""])
      : entry.key;
    const known = merged.get(key);
    if (known === undefined) merged.set(key, {...entry, key, runs: [...entry.runs]});
    else known.runs.push(...entry.runs);
  }
  const list = [...merged.values()];
  for (const entry of list) entry.runs.sort((a, b) => (b.created ?? 0) - (a.created ?? 0));
  const days = (entry: Series): number => new Set(entry.runs.map((run) => dayText(run.created))).size;
  return list.filter((entry) => days(entry) >= 2)
    .sort((a, b) => Number(a.thirdParty) - Number(b.thirdParty) || days(b) - days(a));
}

interface Shown {
  days: HistoryDay[];
  known: HistoryDay[];
  findings: HistoryFindings;
}

function timeAxis(known: readonly HistoryDay[], all: readonly HistoryDay[]): {min: number; max: number} {
  const times = (all.length > 0 ? all : known).map((day) => day.time);
  const span = Math.max(DAY, Math.max(...times) - Math.min(...times));
  return {min: (Math.min(...times) - span * 0.02) * 1000, max: (Math.max(...times) + span * 0.04) * 1000};
}

function historyChart(context: Context, d: Drawing, series: Series, shown: Shown, at: number, log: boolean): ChartBox {
  const {days, known, findings} = shown;
  const valueOf = (day: HistoryDay): number => day.figure?.value as number;
  const changes = new Map(findings.changes.map((change) => [change.at, change]));
  const notes = days.filter((day) => day.differences.length > 0);
  const gaps = days.filter((day) => day.figure === null);
  const targets = known.map((day, i): Target => {
    const change = changes.get(i);
    return {
      x: day.time * 1000, y: valueOf(day), title: day.day,
      lines: [
        `${d.y.short}: ${figureText(valueOf(day))}${day.figure?.held ? " (faster than asked; its best)" : ""}`,
        ...(change ? [`changed by ${changeText(change.ratio)}, more than the noise`] : []),
        ...day.differences,
      ],
      open: () => context.go("run", {run: (day.runs[day.runs.length - 1] as Run).id}),
    };
  });
  const floor = findings.noiseRatio ?? 1;
  const told = findings.noiseRatio !== null;
  return new ChartBox({
    id: "history",
    title: `${d.y.name} by day`,
    summary: `${known.length} days of ${series.label} at ${figureText(at)} ${d.x.unit}; ${told ? `${findings.changes.length} changes beyond the noise of ${changeText(floor)} between days.` : "Too few days to tell noise from change."}`,
    height: 420,
    option: (colours) => ({
      grid: {left: 8, right: 24, top: 40, bottom: 24, containLabel: true},
      xAxis: {
        type: "time", ...timeAxis(known, days),
        axisLine: {lineStyle: {color: colours.line}}, axisTick: {show: false}, splitLine: {show: false},
        axisLabel: {color: colours.soft, fontSize: 12, hideOverlap: true, formatter: (value: number) => dayText(value / 1000).slice(5)},
      },
      yAxis: {...baseAxis(colours, {log}), name: d.y.short, nameTextStyle: {color: colours.soft, fontSize: 12, align: "left"}, nameGap: 14},
      series: [
        // The noise around each level, as a polygon: stacked areas do not work on logarithmic axes.
        {
          type: "custom", silent: true, z: 1, clip: true, data: told ? [[(known[0] as HistoryDay).time * 1000, findings.level[0]]] : [],
          renderItem: (_: unknown, api: {coord: (p: number[]) => number[]}) => {
            const edge = (factor: number): number[][] => known.map((day, i) =>
              api.coord([day.time * 1000, (findings.level[i] as number) * factor]));
            return {
              type: "polygon",
              shape: {points: [...edge(Math.sqrt(floor)), ...edge(1 / Math.sqrt(floor)).reverse()]},
              style: {fill: colours.band},
            };
          },
        },
        {
          type: "line", silent: true, z: 2, data: told ? known.map((day, i) => [day.time * 1000, findings.level[i]]) : [],
          step: "end", showSymbol: false, lineStyle: {color: colours.soft, width: 1, type: [3, 3]},
        },
        {
          type: "line", silent: true, z: 3, data: known.map((day) => [day.time * 1000, valueOf(day)]),
          symbol: series.thirdParty ? "diamond" : "circle", symbolSize: 7, showAllSymbol: true,
          lineStyle: {color: colours.accent, width: 2, type: series.thirdParty ? [5, 4] : "solid"},
          itemStyle: {color: colours.accent},
          markLine: {
            silent: true, symbol: "none", animation: false, precision: 12,
            lineStyle: {color: colours.line, type: "solid", width: 1},
            label: {show: false},
            data: notes.map((day) => ({xAxis: day.time * 1000})),
          },
        },
        {
          type: "scatter", silent: true, z: 5, symbol: "circle", symbolSize: 13,
          itemStyle: {color: "transparent", borderWidth: 2, borderColor: colours.text, opacity: 1},
          data: findings.changes.map((change) => {
            const day = known[change.at] as HistoryDay;
            const good = (change.ratio > 1) === (d.y.better === "higher");
            return {
              value: [day.time * 1000, valueOf(day)],
              label: {
                show: true, position: good ? "top" : "bottom", color: good ? colours.good : colours.bad,
                fontSize: 12, fontWeight: 600, formatter: () => changeText(change.ratio),
              },
            };
          }),
        },
        {
          type: "scatter", silent: true, z: 4, symbol: "path://M0 0L10 10M10 0L0 10", symbolSize: 8,
          itemStyle: {color: "transparent", borderColor: colours.bad, borderWidth: 2, opacity: 1},
          data: known.length > 0 ? gaps.map((day) => [day.time * 1000, Math.min(...known.map(valueOf))]) : [],
        },
      ],
    }),
    targets,
    data: {
      columns: [{name: "Day"}, {name: d.y.short, numeric: true}, {name: "low (95 %)", numeric: true}, {name: "high (95 %)", numeric: true}, {name: "Level", numeric: true}, {name: "Change"}, {name: "What was different"}, {name: "Gap"}],
      rows: days.map((day) => rowOf(day, shown, changes, figureText)),
      csv: days.map((day) => rowOf(day, shown, changes, (value) => value ?? null)),
    },
  });
}

function rowOf<Number>(day: HistoryDay, shown: Shown, changes: ReadonlyMap<number, {ratio: number}>, number: (value: number | null | undefined) => Number): (string | Number)[] {
  const i = shown.known.indexOf(day);
  const change = changes.get(i);
  return [day.day, number(day.figure?.value), number(day.figure?.low), number(day.figure?.high),
    number(i < 0 ? null : shown.findings.level[i]), change ? changeText(change.ratio) : "", day.differences.join("; "), day.gap];
}

function changedTable(context: Context, d: Drawing, series: Series, days: readonly HistoryDay[], at: number, noise: number | null): HTMLElement {
  const known = days.filter((day) => day.figure !== null);
  const first = known[0];
  const last = known[known.length - 1];
  if (first === undefined || last === undefined || first === last) return h("div");
  const from = known.find((day) => day.day === context.state.values["a"]) ?? first;
  const to = known.find((day) => day.day === context.state.values["b"]) ?? last;
  const options = known.map((day) => ({value: day.day, text: day.day}));
  const ratio = (to.figure?.value as number) / (from.figure?.value as number);
  const verdict = noise === null ? "too few days to tell"
    : Math.abs(Math.log(ratio)) > Math.log(noise) ? "yes, more than the noise between days" : "not shown: within the noise between days";
  const between = days.filter((day) => day.time > from.time && day.time <= to.time && day.differences.length > 0);
  const rows = between.map((day) => [day.day, day.differences.join("; ")]);
  return h("section", {"aria-label": "What changed"},
    h("h2", {}, "What changed"),
    h("div", {class: "controls"},
      select("c-a", "Between", options, from.day, (a) => context.set({a})),
      select("c-b", "and", options, to.day, (b) => context.set({b}))),
    table(`${series.label} at ${figureText(at)} ${d.x.short}`, [{name: "Figure"}, {name: from.day, numeric: true}, {name: to.day, numeric: true}, {name: "Change", numeric: true}, {name: "Is it real?"}],
      [[d.y.name, figureText(from.figure?.value), figureText(to.figure?.value), changeText(ratio), verdict]]),
    rows.length > 0 ? table("What was different", [{name: "Day"}, {name: "Difference"}], rows)
      : h("p", {class: "soft"}, "Nothing that runs tell of (version, launch command, notes) was different."));
}

let playing = 0;

function replay(context: Context, days: readonly HistoryDay[], until: string): HTMLElement {
  clearTimeout(playing);
  const all = days.map((day) => day.day);
  const place = Math.max(0, all.indexOf(until) < 0 ? all.length - 1 : all.indexOf(until));
  const slider = h("input", {
    id: "c-until", type: "range", min: 0, max: all.length - 1, step: 1, value: String(place),
    "aria-label": "Show history until", "aria-valuetext": all[place],
    onchange: () => context.set({until: Number(slider.value) === all.length - 1 ? undefined : all[Number(slider.value)]}),
  });
  const step = (i: number): void => {
    context.set({until: i >= all.length - 1 ? undefined : all[i]});
    if (i < all.length - 1) playing = window.setTimeout(() => step(i + 1), reducedMotion() ? 1500 : 350);
  };
  return h("div", {class: "replay"}, button("Replay", () => step(0), {id: "c-replay"}), slider, h("output", {for: "c-until"}, all[place] ?? ""));
}

function noiseText(findings: HistoryFindings): string {
  if (findings.noiseRatio === null) return `With fewer than ${FEWEST_DAYS} days nobody can tell noise from change: nothing is marked.`;
  const many = findings.changes.length;
  return `Noise between days: ${changeText(findings.noiseRatio)} (two days differ by less in 95 of 100 cases where nothing changed). ${many} ${many === 1 ? "change exceeds it and is marked" : "changes exceed it and are marked"}.`;
}

export function historyView(context: Context): HTMLElement {
  clearTimeout(playing);
  const selection = selectionOf(context);
  const {d} = drawingOf(context);
  const values = context.state.values;
  const countUnverified = values["unverified"] === "1";
  const orFaster = values["orfaster"] === "1";
  const log = values["ly"] === "1";
  const list = historySeries(selectedRuns(context, selection));
  const view = h("div", {class: "view"},
    h("h1", {}, `${d.y.name} by day`),
    h("p", {class: "lead"}, `${selection.model || "unknown model"} · ${selection.workload || "unknown workload"}`),
    filterBar(context));
  if (list.length === 0) {
    view.append(h("div", {class: "empty"}, h("p", {}, "No configuration was measured on two days yet. A history draws itself when the same measurement is repeated:"),
      h("code", {class: "block"}, "hadal measure track plan.toml")));
    return view;
  }
  const reading = readingNote(context, d, list.flatMap((entry) => entry.runs));
  if (reading !== null) {
    view.append(reading);
    return view;
  }
  const wanted = Number(values["series"] ?? "0");
  const series = list[wanted] ?? (list[0] as Series);
  const at = values["at"] === undefined ? usualValue(series, d, countUnverified) : Number(values["at"]);
  const days = historyDays(series, d, {at, orFaster, countUnverified});
  const until = values["until"] ?? "";
  const visible = until === "" ? days : days.filter((day) => day.day <= until);
  const known = visible.filter((day) => day.figure !== null && day.figure.value > 0);
  const findings = findChanges(known.map((day) => ({time: day.time, value: day.figure?.value as number})));
  view.append(h("div", {class: "controls"},
    select("c-series", "Configuration", list.map((entry, i) => ({value: String(i), text: entry.label})), String(list.indexOf(series)),
      (choice) => context.set({series: choice, a: undefined, b: undefined, until: undefined})),
    ...axisControls(context, d),
    numberField("c-at", "At", String(at), (value) => context.set({at: value}), {unit: d.x.unit, min: "0"}),
    h("div", {class: "checks"},
      check("c-orfaster", "or faster", orFaster, (on) => context.set({orfaster: on ? "1" : undefined}), "Where everything measured is faster than asked, its best counts"),
      check("c-ly", "Log y", log, (on) => context.set({ly: on ? "1" : undefined})),
      check("c-unverified", "Count unverified points", countUnverified, (on) => context.set({unverified: on ? "1" : undefined})))));
  if (known.length === 0) {
    const gaps = new Set(visible.map((day) => day.gap));
    view.append(h("div", {class: "empty"}, h("p", {}, `No day can be read at ${figureText(at)} ${d.x.unit}: ${[...gaps].slice(0, 3).join("; ")}.`)));
    return view;
  }
  const shown: Shown = {days: visible, known, findings};
  const chart = historyChart(context, d, series, shown, at, log);
  const first = known[0] as HistoryDay;
  const last = known[known.length - 1] as HistoryDay;
  view.append(
    h("p", {class: "headline"}, h("strong", {id: "history-total"}, changeText((last.figure?.value as number) / (first.figure?.value as number))),
      ` from ${first.day} to ${last.day} at ${figureText(at)} ${d.x.short}${orFaster ? " or faster" : ""}`),
    chart.element,
    replay(context, days, until),
    h("p", {class: "footnote", id: "history-noise"}, `${noiseText(findings)} Thin vertical lines: something about the runs was different. Crosses: days without a figure, whose reason is in the table.${countUnverified ? " Unverified points are counted." : ""}`),
    changedTable(context, d, series, days, at, findings.noiseRatio));
  return view;
}
