// The samples of one point as pictures: slices on one clock, lanes of requests, distributions.

import {ChartBox, baseAxis, type EOption} from "../chart.js";
import {h, table} from "../dom.js";
import {figureText, secondsText} from "../format.js";
import type {Distribution, Lane, Point, PointDetail} from "../model.js";
import type {Theme} from "../theme.js";

interface Panel {
  name: string;
  series: readonly [string, string][];  // id and label
}

const PANELS: readonly Panel[] = [
  {name: "tokens/s", series: [["output_rate", "output"]]},
  {name: "tokens/s, when first tokens come", series: [["input_rate", "input"]]},
  {name: "requests", series: [["running", "answering"], ["waiting", "waiting"]]},
  {name: "s", series: [["ttft", "TTFT"]]},
  {name: "share of input from cache", series: [["hit_share", "actual"], ["expected_hit_share", "endless cache"]]},
  {name: "an event: above 1 where drafts are accepted", series: [["tokens_per_event", "tokens"]]},
  {name: "requests, as the engine says", series: [["engine_running", "running"], ["engine_waiting", "waiting"]]},
  {name: "share of the cache in use, and of looked-up tokens found, as the engine says", series: [["engine_cache_use", "cache in use"], ["engine_hit_share", "found"]]},
  {name: "tokens a draft, as the engine says", series: [["engine_acceptance", "acceptance length"]]},
  {name: "W, measured", series: [["power", "power"]]},
];
const PANEL_HEIGHT = 104;

function slicesChart(detail: PointDetail): ChartBox | null {
  const slices = detail.slices;
  if (slices === undefined) return null;
  const panels = PANELS.map((panel) => ({...panel, series: panel.series.filter(([id]) => slices.series[id] !== undefined)})).filter((panel) => panel.series.length > 0);
  const time = (i: number): number => slices.begin + (i + 0.5) * slices.width;
  const ids = panels.flatMap((panel) => panel.series);
  const rows = (number: (v: number | null) => string | number | null): (string | number | null)[][] =>
    Array.from({length: slices.count}, (_, i) => [number(time(i)), ...ids.map(([id]) => number(slices.series[id]?.values[i] ?? null))]);
  return new ChartBox({
    id: "slices", title: "The point on one clock", height: 30 + panels.length * PANEL_HEIGHT,
    summary: `${slices.count} slices of ${secondsText(slices.width)}: ${panels.map((panel) => panel.name).join("; ")}.`,
    option: (colours) => ({
      grid: panels.map((_, k) => ({left: 56, right: 24, top: 32 + k * PANEL_HEIGHT, height: PANEL_HEIGHT - 52})),
      xAxis: panels.map((_, k) => ({
        ...baseAxis(colours, {}), gridIndex: k, scale: false, min: 0, max: slices.begin + slices.width * slices.count, splitLine: {show: false},
        axisLabel: {show: k === panels.length - 1, color: colours.soft, fontSize: 11, formatter: (v: number) => `${Number(v.toPrecision(3))} s`},
      })),
      yAxis: panels.map((panel, k) => ({
        ...baseAxis(colours, {}), scale: false, gridIndex: k, splitNumber: 2,
        // The names of the lines in their colours, where a legend would stand.
        name: panel.series.map(([, label], j) => `{c${j}|${label}}`).join("  ") + `  {unit|${panel.name}}`,
        nameTextStyle: {
          color: colours.soft, fontSize: 11, align: "left", padding: [0, 0, 0, -40],
          rich: {
            c0: {color: colours.series[0], fontSize: 11, fontWeight: 600}, c1: {color: colours.series[1], fontSize: 11, fontWeight: 600},
            unit: {color: colours.soft, fontSize: 11},
          },
        },
        nameGap: 13,
      })),
      series: panels.flatMap((panel, k) => panel.series.map(([id], j): EOption => ({
        type: "line", silent: true, xAxisIndex: k, yAxisIndex: k, showSymbol: false, connectNulls: !id.endsWith("_rate"),
        data: (slices.series[id]?.values ?? []).map((value, i) => [time(i), value]),
        lineStyle: {width: 1.5, color: colours.series[j]},
      }))),
    }),
    data: {
      columns: [{name: "Time, s", numeric: true}, ...ids.map(([id, label]) => ({name: `${label} (${slices.series[id]?.unit ?? ""})`, numeric: true}))],
      rows: rows((v) => figureText(v)), csv: rows((v) => v),
    },
  });
}

const LANE_HEIGHT = 7;

function laneColour(lane: Lane, colours: Theme, part: "waiting" | "answering"): string {
  if (lane.outcome === "failed") return colours.bad;
  if (lane.outcome === "cancelled" || lane.phase === "warm_up") return colours.line;
  return part === "waiting" ? (colours.series[1] as string) : (colours.series[0] as string);
}

function lanesChart(detail: PointDetail): ChartBox | null {
  const lanes = [...detail.lanes].filter((lane) => Number.isFinite(lane.sent) && Number.isFinite(lane.ended)).sort((a, b) => a.sent - b.sent);
  if (lanes.length === 0) return null;
  // Requests of a session share a lane; others take the first that is free.
  const ends: number[] = [];
  const ofSession = new Map<number, number>();
  const rowOf = lanes.map((lane) => {
    let row = lane.session === undefined ? -1 : ofSession.get(lane.session) ?? -1;
    if (row < 0) row = ends.findIndex((end) => end <= lane.sent);
    if (row < 0) row = ends.push(0) - 1;
    if (lane.session !== undefined) ofSession.set(lane.session, row);
    ends[row] = Math.max(ends[row] ?? 0, lane.ended);
    return row;
  });
  const textOf = (lane: Lane): string[] => [
    `sent ${figureText(lane.sent)} s, ended ${figureText(lane.ended)} s`,
    ...(lane.first_token === undefined ? [] : [`first token after ${secondsText(lane.first_token - lane.sent)}`]),
    `${lane.input ?? "?"} in${lane.cached ? `, ${lane.cached} cached` : ""}, ${lane.output ?? "?"} out`,
    ...(lane.outcome === "ok" ? [] : [[lane.outcome, lane.failure, lane.failure_text].filter(Boolean).join(": ")]),
  ];
  const last = Math.max(...lanes.map((lane) => lane.ended));
  return new ChartBox({
    id: "lanes", title: "Requests, one bar each", height: Math.min(560, 70 + ends.length * (LANE_HEIGHT + 3)),
    summary: `${lanes.length} of ${detail.requests} requests in ${ends.length} lanes.`,
    option: (colours) => ({
      grid: {left: 20, right: 16, top: 12, bottom: 26},
      xAxis: {...baseAxis(colours, {}), scale: false, min: 0, max: last, axisLabel: {color: colours.soft, fontSize: 11, formatter: (v: number) => `${Number(v.toPrecision(3))} s`}},
      yAxis: {type: "value", min: -0.5, max: ends.length - 0.5, inverse: true, show: false},
      series: [{
        type: "custom", silent: true, clip: true,
        data: lanes.map((lane, i) => [lane.sent, rowOf[i], lane.first_token ?? lane.ended, lane.ended, i]),
        renderItem: (_: unknown, api: {value: (i: number) => number; coord: (p: number[]) => number[]}) => {
          const lane = lanes[api.value(4)] as Lane;
          const row = api.value(1);
          const bar = (from: number, to: number, fill: string): EOption => {
            const [x0, y] = api.coord([from, row]);
            const [x1] = api.coord([to, row]);
            return {type: "rect", shape: {x: x0, y: (y as number) - LANE_HEIGHT / 2, width: Math.max(1, (x1 as number) - (x0 as number)), height: LANE_HEIGHT}, style: {fill}};
          };
          return {type: "group", children: [
            bar(api.value(0), api.value(2), laneColour(lane, colours, "waiting")),
            bar(api.value(2), api.value(3), laneColour(lane, colours, "answering")),
          ]};
        },
      }],
    }),
    targets: lanes.map((lane, i) => ({x: (lane.sent + lane.ended) / 2, y: rowOf[i] as number, title: `Request ${lane.index}${lane.session === undefined ? "" : `, session ${lane.session}, turn ${lane.turn ?? 0}`}`, lines: () => textOf(lane)})),
    data: {
      columns: [{name: "Request", numeric: true}, {name: "Sent, s", numeric: true}, {name: "First token, s", numeric: true}, {name: "Ended, s", numeric: true}, {name: "Input", numeric: true}, {name: "Cached", numeric: true}, {name: "Output", numeric: true}, {name: "Outcome"}],
      rows: lanes.map((lane) => [lane.index, figureText(lane.sent), figureText(lane.first_token), figureText(lane.ended), lane.input ?? null, lane.cached ?? null, lane.output ?? null, [lane.outcome, lane.failure].filter(Boolean).join(": ")]),
      csv: lanes.map((lane) => [lane.index, lane.sent, lane.first_token ?? null, lane.ended, lane.input ?? null, lane.cached ?? null, lane.output ?? null, [lane.outcome, lane.failure, lane.failure_text].filter(Boolean).join(": ")]),
    },
  });
}

const DISTRIBUTION_NAMES: Record<string, string> = {
  ttft: "Time to first token", tpot: "Time per output token", itl: "Time between events", e2e: "End to end",
};

function distributionChart(id: string, d: Distribution): ChartBox {
  const width = (d.high - d.low) / d.counts.length;
  const marks: [string, number][] = [];
  for (const name of ["p50", "p90", "p99"] as const) {
    const value = d[name];
    if (value !== null) marks.push([name, value]);
  }
  const bars = d.counts.map((count, i) => [d.low + (i + 0.5) * width, count]);
  return new ChartBox({
    id: `distribution-${id}`, title: DISTRIBUTION_NAMES[id] ?? id, height: 210,
    summary: `${d.samples} samples from ${secondsText(d.low)} to ${secondsText(d.high)}; mean ${secondsText(d.mean)}${marks.map(([name, value]) => `, ${name} ${secondsText(value)}`).join("")}.`,
    option: (colours) => ({
      grid: {left: 8, right: 30, top: 50, bottom: 6, containLabel: true},
      xAxis: {...baseAxis(colours, {}), splitLine: {show: false}, axisLabel: {color: colours.soft, fontSize: 11, hideOverlap: true, formatter: secondsText}},
      yAxis: {...baseAxis(colours, {}), scale: false, splitNumber: 3},
      series: [{
        type: "custom", silent: true, data: bars,
        renderItem: (_: unknown, api: {value: (i: number) => number; coord: (p: number[]) => number[]}) => {
          const [x0, y] = api.coord([api.value(0) - width / 2, api.value(1)]);
          const [x1, zero] = api.coord([api.value(0) + width / 2, 0]);
          return {type: "rect", shape: {x: x0, y, width: Math.max(1, (x1 as number) - (x0 as number) - 1), height: (zero as number) - (y as number)}, style: {fill: colours.accent, opacity: 0.75}};
        },
      }, {
        type: "line", data: [[d.low, 0]], showSymbol: false, silent: true,
        markLine: {
          silent: true, symbol: "none", animation: false, precision: 12, lineStyle: {color: colours.text, type: "solid", width: 1},
          data: marks.map(([name, value], i) => ({xAxis: value, label: {formatter: `${name} ${secondsText(value)}`, color: colours.text, fontSize: 11, position: "end", distance: 2 + 13 * i}})),
        },
      }],
    }),
    data: {
      columns: [{name: "From, s", numeric: true}, {name: "To, s", numeric: true}, {name: "Samples", numeric: true}],
      rows: d.counts.map((count, i) => [figureText(d.low + i * width), figureText(d.low + (i + 1) * width), count]),
      csv: d.counts.map((count, i) => [d.low + i * width, d.low + (i + 1) * width, count]),
    },
  });
}

export function detailCharts(detail: PointDetail, point: Point): HTMLElement[] {
  const parts: HTMLElement[] = [];
  const slices = slicesChart(detail);
  if (slices !== null) parts.push(h("h2", {}, "On one clock"), slices.element);
  const lanes = lanesChart(detail);
  if (lanes !== null) {
    parts.push(h("h2", {}, "Requests"), lanes.element,
      h("p", {class: "footnote"}, `Orange waits for the first token, blue answers; grey was warm-up or cut short, red failed.${detail.lanes.length < detail.requests ? ` The first ${detail.lanes.length} of ${detail.requests} requests.` : ""}`));
  }
  const distributions = Object.entries(detail.distributions);
  if (distributions.length > 0) {
    parts.push(h("h2", {}, "Distributions"), h("div", {class: "grid"}, ...distributions.map(([id, d]) => h("section", {}, h("h3", {}, DISTRIBUTION_NAMES[id] ?? id), distributionChart(id, d).element))));
  }
  if (detail.failures.length > 0) {
    parts.push(h("h2", {}, "Failures"), table("Failures by class", [{name: "Class"}, {name: "Requests", numeric: true}, {name: "One of them"}], detail.failures.map((f) => [f.failure, f.count, f.example])));
  } else if ((point.failed ?? 0) === 0) parts.push(h("p", {class: "soft"}, "No request failed."));
  return parts;
}
