// One run: what was asked, on what, whether it may be believed, and what happened second by second.

import {disposeCharts} from "../chart.js";
import {repeatCommand} from "../command.js";
import {runById, type Context} from "../context.js";
import {button, download, facts, h, link, select, table, type TableCell} from "../dom.js";
import {dayText, figureText, timeText} from "../format.js";
import {STATISTICS, doubtsOf, figureOf, loadText, type Point, type Run} from "../model.js";
import {detailCharts} from "./run_charts.js";

type Json = Record<string, unknown>;

function badge(kind: "good" | "bad" | "open", text: string): HTMLElement {
  return h("span", {class: `badge ${kind}`}, text);
}

function badges(run: Run): HTMLElement {
  const list = h("p", {class: "badges"});
  if (run.origin === "published") list.append(badge("open", "third party, as published"));
  else {
    list.append(run.state === "complete" ? badge("good", "complete") : badge("bad", run.state + (run.abandoned ? ", its writer is gone" : "")));
    list.append(run.gate === "passed" ? badge("good", "gate passed") : run.gate === "failed" ? badge("bad", "gate failed") : badge("open", "ungated"));
    list.append(run.limited ? badge("bad", "client-limited") : badge("good", "client kept up"));
    if (run.origin !== "measured") list.append(badge("open", run.origin));
  }
  return list;
}

function flatten(value: unknown, path: string, out: [string, string][], depth = 0): void {
  if (value === null || value === undefined || value === "") return;
  if (Array.isArray(value) && value.every((item) => typeof item !== "object" || item === null)) {
    if (value.length > 0) out.push([path, value.map(String).join(", ")]);
  } else if (typeof value === "object" && depth < 6) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, path === "" ? key : `${path}.${key}`, out, depth + 1);
  } else out.push([path, String(value)]);
}

function documentSection(name: string, value: unknown): HTMLElement | null {
  const pairs: [string, string][] = [];
  flatten(value, "", pairs);
  if (pairs.length === 0) return null;
  return h("details", {class: "document"}, h("summary", {}, name), facts(pairs.slice(0, 400)));
}

function gateSection(report: unknown): HTMLElement | null {
  if (typeof report !== "object" || report === null) return null;
  const checks = (report as Json)["checks"];
  const rows = Array.isArray(checks) ? checks.map((entry): TableCell[] => {
    const check = entry as Json;
    return [String(check["id"] ?? ""), String(check["outcome"] ?? ""),
      typeof check["value"] === "number" ? figureText(check["value"]) : "–", typeof check["bound"] === "number" ? figureText(check["bound"]) : "–", String(check["text"] ?? "")];
  }) : [];
  const diagnosis = (report as Json)["diagnosis"];
  return h("section", {}, h("h2", {}, "Gate"),
    Array.isArray(diagnosis) && diagnosis.length > 0 && h("p", {}, diagnosis.map(String).join(" ")),
    rows.length > 0 ? table("Checks of the gate", [{name: "Check"}, {name: "Outcome"}, {name: "Value", numeric: true}, {name: "Bound", numeric: true}, {name: "In words"}], rows) : documentSection("Report", report));
}

function figuresTable(run: Run, point: Point): HTMLElement {
  const rows = Object.keys(point.metrics).map((id): TableCell[] => {
    const count = point.metrics[id]?.[0] ?? 0;
    return [id, count === 0 ? "–" : String(count), ...STATISTICS.map((statistic) => {
      const value = figureOf(run, {...point, other: []}, id, statistic);
      return value === null || value.statistic !== statistic ? null : figureText(value.value);
    }), intervalOf(run, point, id)];
  });
  for (const other of point.other ?? []) rows.push([`${other.id} (${other.statistic})`, "–", figureText(other.value), null, null, null, null, "–"]);
  return table(`Figures at ${loadText(point)}`, [{name: "Figure"}, {name: "Samples", numeric: true}, ...STATISTICS.map((name) => ({name, numeric: true})), {name: "95 % of the median, or mean", numeric: true}], rows);
}

function intervalOf(run: Run, point: Point, id: string): string {
  const f = figureOf(run, point, id, "p50") ?? figureOf(run, point, id, "mean");
  return f === null || f.low === null || f.high === null ? "–" : `${figureText(f.low)}–${figureText(f.high)}`;
}

function downloads(context: Context, run: Run, point: Point | undefined, document: Json | null): HTMLElement {
  const box = h("p", {class: "buttons"});
  if (document !== null) box.append(button("Run as JSON", () => download(`${run.id}.json`, "application/json", JSON.stringify(document, null, 1))));
  if (context.source.kind === "api" && run.origin !== "published") {
    const raw = (text: string, address: string, name: string): void => {
      box.append(button(text, () => {
        context.source.raw(address).then((blob) => {
          if (blob !== null) download(name, blob.type, blob);
        }).catch((error: unknown) => box.append(h("span", {class: "bad"}, String(error))));
      }));
    };
    raw("Points as CSV", `api/v1/runs/${run.id}.csv`, `${run.id}.csv`);
    if (point !== undefined) raw("Requests as JSONL", `api/v1/runs/${run.id}/points/${point.n}.jsonl`, `${run.id}-${point.n}.jsonl`);
  }
  return box;
}

function commandBox(command: string): HTMLElement {
  const copied = h("span", {class: "soft", role: "status"});
  return h("section", {}, h("h2", {}, "Measure it again"), h("code", {class: "block", id: "repeat-command"}, command),
    h("p", {class: "buttons"}, button("Copy", () => {
      navigator.clipboard.writeText(command).then(() => {
        copied.textContent = "copied";
      }).catch(() => {
        copied.textContent = "select and copy it by hand";
      });
    }), copied));
}

export function runView(context: Context): HTMLElement {
  const id = context.state.values["run"] ?? "";
  const run = runById(context, id);
  if (run === undefined) {
    return h("div", {class: "view"}, h("h1", {}, "Run"), h("div", {class: "empty"}, h("p", {}, id === "" ? "No run is named." : `No run ${id} is here.`)));
  }
  const number = Number(context.state.values["point"] ?? run.points[0]?.n ?? 0);
  const point = run.points.find((entry) => entry.n === number) ?? run.points[0];
  const title = [run.hardware, run.engine, run.engine_version].filter(Boolean).join(" · ") || run.model || "Run";
  const view = h("div", {class: "view run"}, h("h1", {}, run.label ?? title), badges(run),
    facts([
      ["Run", run.id], ["Measured", run.origin === "published" ? `${run.date ?? dayText(run.created)}, by others` : timeText(run.created)],
      ["Model", run.model ?? ""], ["Workload", run.workload ?? ""], ["Engine", [run.engine, run.engine_version].filter(Boolean).join(" ")],
      ["Hardware", [run.hardware, run.gpus ? `×${run.gpus}` : ""].filter(Boolean).join(" ")],
      ["Prefill and decode GPUs", run.prefill_gpus && run.decode_gpus ? `${run.prefill_gpus} + ${run.decode_gpus}` : ""],
      ["Precision", run.precision ?? ""], ["Speculation", run.speculation ?? ""], ["Endpoint", run.url ?? ""],
      ["Source", run.source ? link(run.source, run.source) : ""], ["Why it ended", run.reason ?? ""], ["Launch command", run.launch_command ?? ""],
    ]));
  const notes = run.notes.map((note): TableCell[] => [timeText(note.created), note.author ?? "", note.field ? `${note.field} = ${note.value ?? ""}` : "note", note.reason ?? ""]);
  if (notes.length > 0) view.append(table("Notes and corrections", [{name: "When"}, {name: "Who"}, {name: "What"}, {name: "Why"}], notes));
  if (point === undefined) {
    view.append(h("div", {class: "empty"}, h("p", {}, "This run has no points.")));
    return view;
  }
  view.append(h("div", {class: "controls"}, select("c-point", "Point of load", run.points.map((entry) => ({
    value: String(entry.n), text: loadText(entry) + (entry.repeat ? `, repeat ${entry.repeat}` : ""),
  })), String(point.n), (value) => context.set({point: value}))));
  const doubts = [...doubtsOf(run, point), ...(point.reasons ?? []), ...(point.warnings ?? [])];
  if (doubts.length > 0) view.append(h("ul", {class: "warnings"}, ...doubts.map((doubt) => h("li", {}, doubt))));
  if (point.attempted !== undefined) {
    view.append(facts([["Requests", `${point.ok ?? 0} of ${point.attempted} ok`], ["Failed", String(point.failed ?? 0)], ["Cancelled", point.cancelled ? String(point.cancelled) : ""], ["Window", `${point.window ?? "full"}, ${figureText(point.seconds)} s`]]));
  }
  view.append(figuresTable(run, point));
  const place = h("div", {id: "detail"}, run.origin === "published"
    ? h("p", {class: "soft"}, [point.notes, point.source].filter(Boolean).join(" · "))
    : h("p", {class: "soft", role: "status"}, "Reading the samples …"));
  const documents = h("div", {});
  view.append(place, documents);
  if (run.origin === "published") return view;

  Promise.all([context.source.runDocument(run), context.source.pointDetail(run, point.n)]).then(([document, detail]) => {
    if (!place.isConnected) return;
    place.replaceChildren(...(detail === null ? [h("p", {class: "soft"}, "This page carries no samples of this run; the dashboard that was exported has them.")] : detailCharts(detail, point)));
    documents.replaceChildren(downloads(context, run, point, document));
    if (document === null) return;
    const command = repeatCommand(document);
    for (const part of [gateSection(document["gate_report"]), command === "" ? null : commandBox(command),
      documentSection("Plan", document["plan"]), documentSection("Provenance", document["provenance"])]) {
      if (part !== null) documents.append(part);
    }
  }).catch((error: unknown) => {
    disposeCharts();
    place.replaceChildren(h("p", {class: "notice bad", role: "alert"}, `The samples cannot be read: ${error instanceof Error ? error.message : String(error)}`));
  });
  return view;
}
