// The row of filters above the views that show many runs: what was served and asked (one of each,
// because figures of different work are not comparable), and on what.

import {button, check, h, select, type Option} from "./dom.js";
import {selectionOf, type Context} from "./context.js";
import {FILTERS, UNKNOWN} from "./series.js";
import {joined} from "./state.js";

const NAMES: Record<(typeof FILTERS)[number], string> = {
  hardware: "Hardware",
  engine: "Engine",
  precision: "Precision",
  speculation: "Speculation",
};

export function filterBar(context: Context): HTMLElement {
  const selection = selectionOf(context);
  const counted = (values: (string | undefined)[]): Option[] => {
    const counts = new Map<string, number>();
    for (const value of values) counts.set(value ?? "", (counts.get(value ?? "") ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .map(([value]) => ({value, text: value === "" ? UNKNOWN : value}));
  };
  const models = counted(context.runs.map((run) => run.model));
  const ofModel = context.runs.filter((run) => (run.model ?? "") === selection.model);
  const workloads = counted(ofModel.map((run) => run.workload));
  const subject = ofModel.filter((run) => (run.workload ?? "") === selection.workload);
  if (!models.some((option) => option.value === selection.model)) models.push({value: selection.model, text: `${selection.model} (not here)`});
  const none: Record<string, undefined> = {hardware: undefined, engine: undefined, precision: undefined, speculation: undefined};
  const bar = h("div", {class: "filters", role: "group", "aria-label": "Filters"},
    select("f-model", "Model", models, selection.model,
      (model) => context.set({...none, model, workload: undefined})),
    select("f-workload", "Workload", workloads, selection.workload,
      (workload) => context.set({...none, model: selection.model, workload})));
  if (subject.some((run) => run.origin === "published") && subject.some((run) => run.origin !== "published")) {
    bar.append(check("f-others", "Third-party points", selection.published,
      (on) => context.set({others: on ? undefined : "0"})));
  }
  const active = FILTERS.reduce((sum, filter) => sum + selection.filters[filter].length, 0);
  const more = h("details", {class: "more-filters"}, h("summary", {id: "f-more"}, active === 0 ? "More filters" : `More filters (${active} on)`));
  more.open = context.state.values["filters"] === "1" || active > 0;
  more.addEventListener("toggle", () => {
    if (more.open !== (context.state.values["filters"] === "1") && active === 0) context.set({filters: more.open ? "1" : undefined});
  });
  for (const filter of FILTERS) {
    const values = [...new Set(subject.map((run) => run[filter] ?? UNKNOWN))].sort();
    if (values.length < 2) continue;
    const chosen = selection.filters[filter];
    const chips = h("div", {class: "chips", role: "group", "aria-label": NAMES[filter]}, h("span", {class: "chips-name"}, NAMES[filter]));
    values.forEach((value, i) => {
      const on = chosen.includes(value);
      chips.append(button(value, () => context.set({
        [filter]: joined(on ? chosen.filter((other) => other !== value) : [...chosen, value]),
      }), {class: "chip", id: `chip-${filter}-${i}`, "aria-pressed": on ? "true" : "false"}));
    });
    more.append(chips);
  }
  if (more.childElementCount > 1) bar.append(more);
  return bar;
}
