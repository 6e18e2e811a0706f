#!/usr/bin/env node
// Makes data/published.json, what others measured and published, from a collection of such
// measurements: a JSON array, one object a row, unknown fields null.
//
//   tools/published-points.mjs points.json data/published.json
//
// Only figures and where they stand are taken. Rows without a source that others can look up are
// left out, and so is what a licence leaves open. data/README.md explains the fields.
import { readFileSync, writeFileSync } from "node:fs";

const [input, output, ...rest] = process.argv.slice(2);
if (!input || !output || rest.length > 0) {
  console.error("usage: published-points.mjs POINTS.json OUTPUT.json");
  process.exit(2);
}

// Sources of which nobody has looked at the licence, with tables of some size.
const leftOut = [/^0xSero\/local-ai-registry/];

// "(notes.md 6.1)" or "notes.md 6.1/6.3": a page of whoever collected the rows, which is not public.
const privateNote = /\s*\(?\b[a-z]+\.md \d[\d./]*\)?/g;

const fields = [
  "id", "group", "quality", "model", "weights", "precision", "sku", "n_gpu", "topology", "engine",
  "engine_version", "date", "workload", "isl", "osl", "range_ratio", "context", "concurrency",
  "concurrency_scope", "spec", "total_tok_s", "output_tok_s", "total_tok_s_per_gpu",
  "output_tok_s_per_gpu", "output_tok_s_per_decode_gpu", "prefill_tok_s", "tpot_ms", "itl_ms",
  "interactivity", "ttft_s", "e2el_s", "power_w_per_gpu", "joules_per_total_token", "prefix_hit",
  "requests", "duration_s", "accuracy", "tok_s_per_mw", "derived", "flags", "notes", "source",
];

// Without what is unknown or empty; nothing at all where nothing is left.
function known(value) {
  if (value === null || value === "") return undefined;
  if (Array.isArray(value)) return value.length > 0 ? value : undefined;
  if (typeof value !== "object") return value;
  const kept = Object.entries(value)
    .map(([key, inner]) => [key, known(inner)])
    .filter(([, inner]) => inner !== undefined);
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

function publicSource(source) {
  const clean = (text) => (text ?? "").replaceAll(privateNote, "").trim();
  return { name: clean(source.name), ref: clean(source.ref), commit: source.commit, url: source.url };
}

// A row without a day of its own: the year, or what else the name of its curve ends with.
function dateOf(row) {
  return row.date ?? /\|(\d{4}(-\d\d){0,2})$/.exec(row.group)?.[1] ?? null;
}

const sources = [];
const places = new Map();
function placeOf(source) {
  const text = JSON.stringify(source);
  if (!places.has(text)) places.set(text, sources.push(source) - 1);
  return places.get(text);
}

const points = [];
const dropped = { licence: 0, source: 0 };
for (const row of JSON.parse(readFileSync(input, "utf8"))) {
  const strange = Object.keys(row).filter((key) => !fields.includes(key));
  if (strange.length > 0) throw new Error(`${row.id}: fields not known here: ${strange.join(", ")}`);
  const { name, ref, commit, url } = publicSource(row.source);
  if (name === "") {
    dropped.source += 1;
    continue;
  }
  if (leftOut.some((pattern) => pattern.test(name))) {
    dropped.licence += 1;
    continue;
  }
  const date = dateOf(row);
  if (date === null) throw new Error(`${row.id}: no date`);
  const notes = row.notes?.replace(" in our notes", "");
  points.push(known({ ...row, date, notes: notes ?? null, ref, source: placeOf(known({ name, commit, url })) }));
}

const about =
  "Third-party figures: what others measured and published of DeepSeek V4, restated with its source " +
  "and its date. Nothing here was measured by this project. An absent field is unknown. " +
  "data/README.md explains the fields.";
const lines = (rows) => rows.map((row) => JSON.stringify(row)).join(",\n");
writeFileSync(
  output,
  `{"schema":"hadal.published/1",\n"about":${JSON.stringify(about)},\n` +
    `"sources":[\n${lines(sources)}\n],\n"points":[\n${lines(points)}\n]}\n`,
);
console.log(
  `${points.length} points of ${sources.length} sources; left out: ${dropped.licence} for their ` +
    `licence, ${dropped.source} without a public source`,
);
