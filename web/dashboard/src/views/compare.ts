// Two configurations, or one on two days: the ratio at every interactivity that both were measured at.

import {ChartBox, baseAxis} from "../chart.js";
import {selectedRuns, selectionOf, type Context} from "../context.js";
import {check, h, select, table} from "../dom.js";
import {filterBar} from "../filters.js";
import {changeText, dayText, figureText, lowerFirst} from "../format.js";
import {figureOf, loadText, type Run} from "../model.js";
import {ReadoutCurve, drawPoints, groupSeries, type Drawing} from "../series.js";
import {ratioInterval, type Interval} from "../statistics.js";
import {axisControls, drawingOf, readingNote} from "./frontier.js";

interface Subject {
  id: string;
  text: string;
  group: string;
  runs: Run[];
}

/** Each configuration on its newest day, and on every other day. */
function subjectsOf(runs: readonly Run[]): Subject[] {
  const subjects: Subject[] = [];
  for (const series of groupSeries(runs)) {
    const days = new Map<string, Run[]>();
    for (const run of series.runs) {
      const day = dayText(run.created);
      days.set(day, [...(days.get(day) ?? []), run]);
    }
    for (const [day, members] of days) {
      subjects.push({id: (members[0] as Run).id, text: `${series.label} · ${day}`, group: series.thirdParty ? "Third party" : "Measured", runs: members});
    }
  }
  return subjects;
}

export interface TierRatio {
  x: number;
  a: number;
  b: number;
  ratio: number;
  ci: Interval | null;
}

const TIERS = 8;

/** b / a at equal distances on the common range; nothing outside it. */
export function tierRatios(a: ReadoutCurve, b: ReadoutCurve, steps = TIERS): TierRatio[] {
  const [ra, rb] = [a.range, b.range];
  if (ra === null || rb === null) return [];
  const from = Math.max(ra.from, rb.from);
  const to = Math.min(ra.to, rb.to);
  if (!(to > from)) return [];
  const tiers: TierRatio[] = [];
  for (let i = 0; i <= steps; i++) {
    const x = i === steps ? to : from + ((to - from) * i) / steps;
    const [fa, fb] = [a.at(x), b.at(x)];
    if (fa === null || fb === null || !(fa.value > 0) || !(fb.value > 0)) continue;
    const interval = (f: typeof fa): Interval | null => (f.low === null || f.high === null ? null : {low: f.low, high: f.high});
    const [ia, ib] = [interval(fa), interval(fb)];
    tiers.push({x, a: fa.value, b: fb.value, ratio: fb.value / fa.value, ci: ia && ib ? ratioInterval(fa.value, ia, fb.value, ib) : null});
  }
  return tiers;
}

function judged(tier: TierRatio, better: "higher" | "lower"): string {
  if (tier.ci === null) return "no interval";
  if (tier.ci.low <= 1 && tier.ci.high >= 1) return "not shown";
  return (tier.ratio > 1) === (better === "higher") ? "B better" : "A better";
}

const intervalText = (ci: Interval | null): string => (ci === null ? "–" : `${ci.low.toFixed(3)}–${ci.high.toFixed(3)}`);

function matchedLoads(a: Subject, b: Subject, d: Drawing): HTMLElement | null {
  const metrics = ["ttft.first_token/1", "tpot.excl_first/1", "e2e/1", "rate.output_tokens/1", "rate.total_tokens_per_gpu/1"];
  const rows: string[][] = [];
  const pointsOf = (s: Subject): {run: Run; point: Run["points"][number]}[] => s.runs.flatMap((run) => run.points.map((point) => ({run, point})));
  const others = pointsOf(b);
  for (const pa of pointsOf(a)) {
    const pb = others.find((other) => loadText(other.point) === loadText(pa.point) && (other.point.repeat ?? 0) === (pa.point.repeat ?? 0));
    if (pb === undefined) continue;
    for (const id of metrics) {
      const fa = figureOf(pa.run, pa.point, id, d.xStatistic);
      const fb = figureOf(pb.run, pb.point, id, d.xStatistic);
      if (fa === null || fb === null || !(fa.value > 0)) continue;
      const has = fa.low !== null && fa.high !== null && fb.low !== null && fb.high !== null;
      const ci = has ? ratioInterval(fa.value, {low: fa.low as number, high: fa.high as number}, fb.value, {low: fb.low as number, high: fb.high as number}) : null;
      rows.push([loadText(pa.point), id, figureText(fa.value), figureText(fb.value), (fb.value / fa.value).toFixed(3), intervalText(ci)]);
    }
  }
  if (rows.length === 0) return null;
  return h("section", {}, h("h2", {}, "At the same load"),
    table("Figures where both were loaded alike", [{name: "Load"}, {name: "Figure"}, {name: "A", numeric: true}, {name: "B", numeric: true}, {name: "B / A", numeric: true}, {name: "95 %", numeric: true}], rows));
}

export function compareView(context: Context): HTMLElement {
  const selection = selectionOf(context);
  const {d} = drawingOf(context);
  const values = context.state.values;
  const countUnverified = values["unverified"] === "1";
  const subjects = subjectsOf(selectedRuns(context, selection));
  const view = h("div", {class: "view"}, h("h1", {}, "Compare"),
    h("p", {class: "lead"}, `${selection.model || "unknown model"} · ${selection.workload || "unknown workload"} · ratios of ${d.y.short} at equal ${d.x.short}`),
    filterBar(context));
  if (subjects.length < 2) {
    view.append(h("div", {class: "empty"}, h("p", {}, "Two measurements of the same model and workload are needed: of two engines, two machines or two days.")));
    return view;
  }
  const a = subjects.find((s) => s.id === values["a"]) ?? (subjects[1] as Subject);
  const b = subjects.find((s) => s.id === values["b"]) ?? (subjects[0] as Subject);
  const options = subjects.map((s) => ({value: s.id, text: s.text, group: s.group}));
  view.append(h("div", {class: "controls"},
    select("c-a", "A (the measure)", options, a.id, (id) => context.set({a: id})),
    select("c-b", "B", options, b.id, (id) => context.set({b: id})),
    ...axisControls(context, d),
    h("div", {class: "checks"}, check("c-unverified", "Count unverified points", countUnverified, (on) => context.set({unverified: on ? "1" : undefined})))));
  const reading = readingNote(context, d, [...a.runs, ...b.runs]);
  if (reading !== null) {
    view.append(reading);
    return view;
  }
  const curveOf = (s: Subject): ReadoutCurve => new ReadoutCurve(drawPoints(s.runs, d, countUnverified), d);
  const [ca, cb] = [curveOf(a), curveOf(b)];
  const dense = tierRatios(ca, cb, 48);
  const tiers = tierRatios(ca, cb);
  if (dense.length === 0) {
    const range = (curve: ReadoutCurve): string => (curve.range === null ? "nothing on a frontier" : `${figureText(curve.range.from)} to ${figureText(curve.range.to)}`);
    view.append(h("div", {class: "empty"}, h("p", {}, `They have no ${d.x.short} in common: A has ${range(ca)}, B ${range(cb)}. Outside what was measured nothing is compared.`)));
  } else {
    const middle = tiers[Math.floor(tiers.length / 2)] as TierRatio;
    const chart = new ChartBox({
      id: "compare", title: `B over A, ${lowerFirst(d.y.name)}`, height: 340,
      summary: `From ${figureText(dense[0]?.x)} to ${figureText(dense[dense.length - 1]?.x)} ${d.x.unit}; in the middle B is ${middle.ratio.toFixed(2)} times A.`,
      option: (colours) => ({
        grid: {left: 8, right: 24, top: 34, bottom: 34, containLabel: true},
        xAxis: {...baseAxis(colours, {}), name: d.x.short, nameLocation: "middle", nameGap: 30, nameTextStyle: {color: colours.soft, fontSize: 12}},
        yAxis: {...baseAxis(colours, {}), name: "B / A", nameTextStyle: {color: colours.soft, fontSize: 12, align: "left"}, nameGap: 14},
        series: [
          // So that the axis always shows where they are equal.
          {type: "scatter", silent: true, symbolSize: 0, data: [[dense[0]?.x, 1]]},
          {
            type: "custom", silent: true, z: 1, clip: true, data: dense.some((t) => t.ci !== null) ? [[dense[0]?.x, dense[0]?.ratio]] : [],
            renderItem: (_: unknown, api: {coord: (p: number[]) => number[]}) => {
              const with_ = dense.filter((t) => t.ci !== null);
              return {
                type: "polygon", style: {fill: colours.band},
                shape: {points: [...with_.map((t) => api.coord([t.x, (t.ci as Interval).high])), ...with_.map((t) => api.coord([t.x, (t.ci as Interval).low])).reverse()]},
              };
            },
          },
          {
            type: "line", silent: true, showSymbol: false, z: 3, data: dense.map((t) => [t.x, t.ratio]),
            lineStyle: {color: colours.accent, width: 2},
            markLine: {silent: true, symbol: "none", animation: false, label: {show: true, formatter: () => "equal", color: colours.soft, position: "insideStartTop"}, lineStyle: {color: colours.soft, type: "solid", width: 1}, data: [{yAxis: 1}]},
          },
        ],
      }),
      targets: tiers.map((t) => ({
        x: t.x, y: t.ratio, title: `${figureText(t.x)} ${d.x.short}`,
        lines: [`B / A ${t.ratio.toFixed(3)} (${intervalText(t.ci)})`, `A ${figureText(t.a)}, B ${figureText(t.b)} ${d.y.unit}`, judged(t, d.y.better)],
      })),
      data: {
        columns: [{name: d.x.short, numeric: true}, {name: "A", numeric: true}, {name: "B", numeric: true}, {name: "B / A", numeric: true}, {name: "95 %", numeric: true}, {name: "Finding"}],
        rows: tiers.map((t) => [figureText(t.x), figureText(t.a), figureText(t.b), t.ratio.toFixed(3), intervalText(t.ci), judged(t, d.y.better)]),
        csv: tiers.map((t) => [t.x, t.a, t.b, t.ratio, intervalText(t.ci), judged(t, d.y.better)]),
      },
    });
    view.append(h("p", {class: "headline"}, h("strong", {id: "compare-ratio"}, changeText(middle.ratio)),
      ` ${middle.ci === null ? "" : `(${changeText(middle.ci.low)} to ${changeText(middle.ci.high)}: ${judged(middle, d.y.better)}) `}at ${figureText(middle.x)} ${d.x.short}: ${b.text} over ${a.text}`), chart.element,
      h("p", {class: "footnote"}, "Only where both were measured. The band is the 95 % interval of the ratio, from the intervals of both (Zou and Donner); a ratio whose interval holds 1 is not shown to differ. For a judgement free of drift measure both in turns: hadal measure compare."),
      table("Ratio by tier", [{name: d.x.short, numeric: true}, {name: "A", numeric: true}, {name: "B", numeric: true}, {name: "B / A", numeric: true}, {name: "95 %", numeric: true}, {name: "Finding"}],
        tiers.map((t) => [figureText(t.x), figureText(t.a), figureText(t.b), t.ratio.toFixed(3), intervalText(t.ci), judged(t, d.y.better)])));
  }
  const matched = matchedLoads(a, b, d);
  if (matched !== null) view.append(matched);
  if (a.runs[0]?.launch_command || b.runs[0]?.launch_command) {
    view.append(h("h2", {}, "How they were started"), table("Launch commands", [{name: ""}, {name: "Command"}],
      [["A", a.runs[0]?.launch_command ?? "unknown"], ["B", b.runs[0]?.launch_command ?? "unknown"]]));
  }
  return view;
}
