// Every point as a row: filters, columns, order; what is shown can be taken away as CSV.

import {selectedRuns, selectionOf, type Context} from "../context.js";
import {csvText, type Cell} from "../csv.js";
import {button, check, download, h} from "../dom.js";
import {filterBar} from "../filters.js";
import {dayText, figureText} from "../format.js";
import {figureOf, loadText, standingOf, type Point, type Run, type Statistic} from "../model.js";
import {joined, listOf} from "../state.js";

interface TableColumn {
  id: string;
  name: string;
  numeric: boolean;
  value: (run: Run, point: Point) => Cell;
}

const text = (id: string, name: string, value: (run: Run, point: Point) => Cell): TableColumn => ({id, name, numeric: false, value});

const FIXED: readonly TableColumn[] = [
  text("date", "Date", (run) => dayText(run.created)),
  text("model", "Model", (run) => run.model),
  text("workload", "Workload", (run) => run.workload),
  text("hardware", "Hardware", (run) => run.hardware),
  {id: "gpus", name: "GPUs", numeric: true, value: (run) => run.gpus},
  text("engine", "Engine", (run) => run.engine),
  text("version", "Version", (run) => run.engine_version),
  text("precision", "Precision", (run) => run.precision),
  text("speculation", "Speculation", (run) => run.speculation),
  text("load", "Load", (_, point) => loadText(point)),
  text("standing", "Standing", (run, point) => standingOf(run, point)),
  text("gate", "Gate", (run) => run.gate),
  text("state", "State", (run) => run.state),
  text("label", "Label", (run) => run.label),
];
const LAST = text("run", "Run", (run) => run.id);
const DEFAULT = ["date", "hardware", "engine", "version", "load", "standing",
  "interactivity.tpot/1:p50", "rate.total_tokens_per_gpu/1:mean", "rate.output_tokens_per_gpu/1:mean", "ttft.first_token/1:p50", "tpot.excl_first/1:p50", "run"];

function metricColumns(context: Context): TableColumn[] {
  const columns: TableColumn[] = [];
  for (const metric of context.overview.metrics) {
    const statistics: Statistic[] = metric.level === "point" ? ["mean"] : ["p50", "mean", "p90", "p95", "p99"];
    for (const statistic of statistics) {
      columns.push({
        id: `${metric.id}:${statistic}`, name: `${metric.id} ${statistic} (${metric.unit})`, numeric: true,
        value: (run, point) => figureOf(run, point, metric.id, statistic)?.value ?? null,
      });
    }
  }
  return columns;
}

function compare(a: Cell, b: Cell): number {
  const empty = (cell: Cell): boolean => cell === null || cell === undefined || cell === "";
  if (empty(a) || empty(b)) return Number(empty(a)) - Number(empty(b));
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", {numeric: true});
}

const ROWS_AT_ONCE = 200;

export function tableView(context: Context): HTMLElement {
  const selection = selectionOf(context);
  const values = context.state.values;
  const everything = values["all"] === "1";
  const all = [...FIXED, ...metricColumns(context), LAST];
  const chosen = values["cols"] === undefined ? DEFAULT : listOf(values["cols"]);
  const columns = all.filter((column) => chosen.includes(column.id));
  const sort = values["sort"] ?? "date-";
  const [sortId, down] = [sort.replace(/[+-]$/, ""), sort.endsWith("-")];
  const needle = (values["q"] ?? "").toLowerCase();
  const runs = everything ? context.runs : selectedRuns(context, {...selection, text: ""});
  let rows = runs.flatMap((run) => run.points.map((point) => ({run, point})));
  if (needle !== "") {
    rows = rows.filter(({run, point}) => [...FIXED.map((column) => column.value(run, point) ?? ""), run.launch_command ?? "", run.source ?? ""].join(" ").toLowerCase().includes(needle));
  }
  const by = all.find((column) => column.id === sortId);
  if (by !== undefined) {
    rows.sort((a, b) => {
      const [va, vb] = [by.value(a.run, a.point), by.value(b.run, b.point)];
      const order = compare(va, vb);
      const missing = va === null || va === undefined || va === "" || vb === null || vb === undefined || vb === "";
      return missing ? order : down ? -order : order;
    });
  }
  const search = h("input", {id: "c-q", type: "search", value: values["q"] ?? "", placeholder: "Search", "aria-label": "Search in all points", onchange: () => context.set({q: search.value})});
  const chooser = h("details", {class: "columns"}, h("summary", {}, `Columns (${columns.length})`),
    h("div", {class: "column-list"}, ...all.map((column, i) => check(`col-${i}`, column.name, chosen.includes(column.id), (on) => context.set({
      cols: joined(all.map((other) => other.id).filter((id) => (id === column.id ? on : chosen.includes(id)))),
    })))));
  chooser.open = values["choose"] === "1";
  chooser.addEventListener("toggle", () => {
    if (chooser.open !== (values["choose"] === "1")) context.set({choose: chooser.open ? "1" : undefined});
  });
  const csv = (): string => csvText(columns.map((column) => column.name), rows.map(({run, point}) => columns.map((column) => column.value(run, point))));
  const body = h("tbody");
  const add = (from: number, to: number): void => {
    for (const {run, point} of rows.slice(from, to)) {
      body.append(h("tr", {}, ...columns.map((column) => {
        const value = column.value(run, point);
        const shown = value === null || value === undefined || value === "" ? "–" : typeof value === "number" ? figureText(value) : String(value);
        if (column.id === "run") {
          return h("td", {class: "nowrap"}, button(run.id.startsWith("published:") ? "open" : run.id.slice(0, 10), () => context.go("run", {run: run.id, point: String(point.n)}), {class: "linklike", "aria-label": `Open run ${run.id}`}));
        }
        return h("td", {class: column.numeric ? "num" : shown.length <= 16 ? "nowrap" : undefined, "data-value": typeof value === "number" ? value : undefined}, shown);
      })));
    }
  };
  add(0, ROWS_AT_ONCE);
  const headers = columns.map((column) => h("th", {
    scope: "col", class: column.numeric ? "num" : undefined, "aria-sort": column.id === sortId ? (down ? "descending" : "ascending") : undefined,
  }, button(column.name, () => context.set({sort: `${column.id}${column.id === sortId && !down ? "-" : column.id === sortId ? "+" : column.numeric ? "-" : "+"}`}), {class: "sorter", id: `sort-${column.id}`})));
  const box = h("div", {class: "table-box tall", tabindex: 0, role: "region", "aria-label": "All points"},
    h("table", {id: "points"}, h("caption", {class: "visually-hidden"}, "All points that fit the filters"), h("thead", {}, h("tr", {}, ...headers)), body));
  if (rows.length > ROWS_AT_ONCE) {
    const more = button(`Show all ${rows.length} rows`, () => {
      add(ROWS_AT_ONCE, rows.length);
      more.remove();
    }, {class: "more"});
    box.append(more);
  }
  return h("div", {class: "view"}, h("h1", {}, "All points"),
    h("p", {class: "lead", id: "row-count"}, `${rows.length} points of ${new Set(rows.map((row) => row.run.id)).size} runs`),
    everything ? null : filterBar(context),
    h("div", {class: "controls"}, search, check("c-all", "All models and workloads", everything, (on) => context.set({all: on ? "1" : undefined})), chooser, h("span", {class: "spacer"}),
      button("CSV", () => download("points.csv", "text/csv", csv()))),
    rows.length === 0 ? h("div", {class: "empty"}, h("p", {}, "No point fits.")) : box);
}
