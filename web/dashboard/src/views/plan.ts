// What a deployment would give and cost before anybody has one: the question by sliders, the answers
// of the planner as curves under what was measured, what binds along them, money and time. Everything
// predicted comes from the program; prices and powers are those of the page.

import {X_AXES, Y_AXES, axisOf} from "../axes.js";
import {pricesOf, type Context} from "../context.js";
import {button, check, h, numberField, select, slider, textField} from "../dom.js";
import {figureText} from "../format.js";
import {
  DAYS, LOAD, MOST_CURVES, SEASON_PUE, TARIFF, commandOf, numbersOf, optionsOf, pairsOf, queryOf, readQuestion, settingsOf, writeFactors,
  type ListRange, type Pair, type Plan, type PlanQuestion, type PlannerChoices,
} from "../planner.js";
import {Prices} from "../prices.js";
import {joined} from "../state.js";
import {inputs} from "./cost.js";
import {
  answerTable, billSection, bindsChart, bindsOfAll, breakEvenChart, curveChart, memoryTable, sensitivityChart, waitingChart, yearTable, type Answer, type PlanDrawing,
} from "./plan_charts.js";

const PLAN_AXES = Y_AXES.filter((axis) => axis.metric === "rate.total_tokens_per_gpu/1" || axis.metric === "rate.output_tokens_per_gpu/1");
const WAITING_WEEKS = [0, 2, 4, 8, 16, 26, 52];

type Set = (key: string) => (value: string) => void;

const logSlider = (
  id: string, label: string, value: number, range: {min: number; max: number; text: (value: number) => string; title?: string},
  change: (value: number) => void,
): HTMLElement => {
  const of = (position: number): number => Number((10 ** position).toPrecision(3));
  return slider(id, label, Math.log10(value), {
    min: Math.log10(range.min), max: Math.log10(range.max), step: 0.01, text: (position) => range.text(of(position)),
    ...(range.title === undefined ? {} : {title: range.title}),
  }, (position) => change(of(position)));
};

function chips(context: Context, key: string, name: string, all: readonly {value: string; title?: string}[], chosen: readonly string[]): HTMLElement {
  const row = h("div", {class: "chips", role: "group", "aria-label": name}, h("span", {class: "chips-name"}, name));
  for (const {value, title} of all) {
    const on = chosen.includes(value);
    row.append(button(value, () => context.set({[key]: joined(on ? chosen.filter((other) => other !== value) : [...chosen, value])}),
      {class: "chip", id: `chip-${key}-${value}`, title, "aria-pressed": on ? "true" : "false"}));
  }
  return row;
}

function workloadFields(q: PlanQuestion, choices: PlannerChoices, set: Set): HTMLElement[] {
  const own = !choices.workloads.includes(q.workload);
  const fields = [select("plan-workload", "Workload",
    [...choices.workloads.map((value) => ({value, text: value})), {value: "own", text: "my lengths"}], own ? "own" : q.workload,
    (value) => set("plan.workload")(value === "own" ? "8192:1024:0.5" : value))];
  if (!own) return fields;
  const [input = 8192, output = 1024, hit = 0] = q.workload.split(":").map(Number);
  const write = (i: number, o: number, c: number): void => set("plan.workload")(`${i}:${o}:${c}`);
  const tokens = (value: number): string => `${figureText(value)} tokens`;
  fields.push(
    logSlider("plan-input", "Input", input || 8192, {min: 1, max: 1e6, text: tokens}, (value) => write(Math.max(1, Math.round(value)), output, hit)),
    logSlider("plan-output", "Output", output || 1024, {min: 1, max: 1e5, text: tokens}, (value) => write(input, Math.max(1, Math.round(value)), hit)),
    slider("plan-hit", "Of the input from a cache", hit || 0, {min: 0, max: 0.99, step: 0.01, text: (value) => `${Math.round(100 * value)} %`}, (value) => write(input, output, value)));
  return fields;
}

function questionFields(context: Context, q: PlanQuestion, choices: PlannerChoices): HTMLElement {
  const set: Set = (key) => (value) => context.set({[key]: value});
  const number = (key: string) => (value: number): void => context.set({[key]: String(value)});
  const drafts = ["none", ...["mtp", "dspark"].flatMap((kind) => [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `${kind}${n}`))];
  const fields = [
    select("plan-model", "Model", choices.models.map((value) => ({value, text: value})), q.model, set("plan.model")),
    ...workloadFields(q, choices, set),
    logSlider("plan-speed", "A user gets at least", q.interactivity, {min: 1, max: 1000, text: (value) => `${figureText(value)} tok/s`}, number("plan.speed")),
    check("plan-waits", "Limit the first token", q.ttft !== null, (on) => context.set({"plan.ttft": on ? "5" : undefined})),
  ];
  if (q.ttft !== null) fields.push(logSlider("plan-ttft", "First token within", q.ttft, {min: 0.1, max: 100, text: (value) => `${figureText(value)} s`}, number("plan.ttft")));
  fields.push(check("plan-gapped", "Limit gaps between tokens", q.gap !== null, (on) => context.set({"plan.gap": on ? "0.2" : undefined})));
  if (q.gap !== null) fields.push(logSlider("plan-gap", "Longest gap", q.gap, {min: 0.01, max: 10, text: (value) => `${figureText(value)} s`}, number("plan.gap")));
  fields.push(
    slider("plan-devices", "Devices at most", q.devices, {min: 1, max: choices.most_devices, step: 1, text: String}, number("plan.devices")),
    slider("plan-weeks", "Engine's age", q.weeks, {min: 0, max: 104, step: 1, text: (value) => `${value} weeks`}, number("plan.weeks")),
    select("plan-drafts", "Speculation", drafts.map((value) => ({value, text: value})), q.drafts, (value) => context.set({"plan.drafts": value === "none" ? undefined : value, "plan.tokens": undefined})));
  if (q.drafts !== "none") {
    fields.push(slider("plan-tokens", "Tokens a step", q.tokensPerStep ?? 1, {min: 1, max: 9, step: 0.05, text: (value) => (value === 1 ? "as published" : figureText(value))},
      (value) => context.set({"plan.tokens": value === 1 ? undefined : String(value)})));
  }
  fields.push(numberField("plan-users", "Users at a time", q.users === null ? "" : String(q.users), set("plan.users"), {min: "1", unit: "or one deployment"}));
  return h("div", {class: "controls inputs", role: "group", "aria-label": "The question"}, ...fields);
}

/** A slider for each of the planner's constants, as a factor within the range that is plausible. */
function constantFields(context: Context, q: PlanQuestion, choices: PlannerChoices): HTMLElement {
  const family = choices.hardware.find((device) => device.key === q.hardware[0])?.family ?? "other";
  const changed = Object.values(q.factors).filter((factor) => factor !== 1).length;
  const box = h("details", {class: "document"}, h("summary", {id: "plan-constants"},
    `What is assumed of machines and engines (${choices.constants.length} constants${changed > 0 ? `, ${changed} changed` : ""})`));
  box.open = context.state.values["plan.constants"] === "1";
  box.addEventListener("toggle", () => {
    if (box.open !== (context.state.values["plan.constants"] === "1")) context.set({"plan.constants": box.open ? "1" : undefined});
  });
  const grid = h("div", {class: "controls constants"});
  for (const constant of choices.constants) {
    const value = constant.values[family] ?? 0;
    const factor = q.factors[constant.name] ?? 1;
    const low = Math.min(constant.low_factor, factor, 0.99);
    const high = Math.max(constant.high_factor, factor, 1.01);
    grid.append(logSlider(`plan-c-${constant.name}`, constant.name, factor, {
      min: low, max: high, title: `${constant.meaning} Source: ${constant.source}`,
      text: (f) => `${figureText(value * f)} ${constant.unit}${f === 1 ? "" : ` (× ${figureText(f)})`}`,
    }, (f) => context.set({"plan.factors": writeFactors({...q.factors, [constant.name]: Math.abs(f - 1) < 0.015 ? 1 : f})})));
  }
  box.append(h("p", {class: "soft"}, `Ranges are those that are plausible; values are those of ${family} devices, and the same factor holds for the others.`), grid);
  if (changed > 0) box.append(button("All as they were", () => context.set({"plan.factors": undefined}), {id: "plan-reset"}));
  return box;
}

function moneyFields(context: Context): HTMLElement {
  const prices = pricesOf(context);
  const box = h("details", {class: "document"}, h("summary", {id: "plan-money"}, `Prices and power: ${prices.about()}`), inputs(context, prices));
  box.open = context.state.values["plan.money"] === "1";
  box.addEventListener("toggle", () => {
    if (box.open !== (context.state.values["plan.money"] === "1")) context.set({"plan.money": box.open ? "1" : undefined});
  });
  return box;
}

/** A field of numbers, which says what it wants where the link has something else. */
function listField(context: Context, key: string, label: string, range: ListRange, placeholder: string): HTMLElement {
  const text = context.state.values[key] ?? "";
  const wrong = numbersOf(text, range) !== null ? undefined
    : `Not used: give ${range.counts.join(" or ")} numbers from ${range.least} to ${range.most}, one above 0.`;
  return textField(`plan-${key.slice(5)}`, label, text.replaceAll("~", ", "), (value) => context.set({[key]: value.split(/[\s,]+/).join("~") || undefined}), {placeholder, wrong});
}

/** How the day goes, what a kWh costs at which hour, and the cooling by season. */
function yearFields(context: Context, q: PlanQuestion): HTMLElement {
  const text = context.state.values["plan.load"] ?? "";
  const day = Object.keys(DAYS).find((name) => DAYS[name]?.join() === q.load.join());
  const chosen = text === "" ? "same" : day ?? "own";
  const box = h("details", {class: "document"}, h("summary", {id: "plan-year"},
    `Over a day and a year: ${q.load.length === 0 ? "the same at all hours" : day ?? "a load of one's own"}${q.tariff.length > 0 ? ", a tariff" : ""}${q.seasonPue.length > 0 ? ", PUE by season" : ""}`));
  box.open = context.state.values["plan.year"] === "1";
  box.addEventListener("toggle", () => {
    if (box.open !== (context.state.values["plan.year"] === "1")) context.set({"plan.year": box.open ? "1" : undefined});
  });
  const days = [{value: "same", text: "the same at all hours"}, ...Object.keys(DAYS).map((value) => ({value, text: value})), {value: "own", text: "my own"}];
  const fields = [select("plan-day", "What is asked for", days, chosen,
    (value) => context.set({"plan.load": value === "same" ? undefined : (DAYS[value] ?? Array.from({length: 24}, () => 1)).join("~")}))];
  if (chosen !== "same") fields.push(listField(context, "plan.load", "Load by hour (UTC), any unit", LOAD, "24 numbers"));
  fields.push(
    listField(context, "plan.tariff", "$/kWh, one or by hour (UTC)", TARIFF, "in the price"),
    listField(context, "plan.pue", "PUE by season or month", SEASON_PUE, "that of the prices"));
  box.append(h("p", {class: "soft"}, "Machines are enough for the greatest hour, and how busy they are follows; an API's peak hours count by it."),
    h("div", {class: "controls inputs"}, ...fields));
  return box;
}

// While answers are on their way the page keeps its height, or it would jump under the slider.
let lastHeight = 600;

function answers(context: Context, q: PlanQuestion, choices: PlannerChoices): HTMLElement {
  const prices = new Prices(settingsOf(q, pricesOf(context).settings), context.overview.hardware);
  const y = axisOf(PLAN_AXES, context.state.values["y"]) ?? PLAN_AXES[0];
  const x = X_AXES[0];
  if (x === undefined || y === undefined) throw new RangeError("axes have entries");
  const d: PlanDrawing = {x, y, xStatistic: "p50", prices};
  const place = h("div", {class: "answers"}, h("p", {class: "soft", role: "status"}, "Searching …"));
  place.style.minHeight = `${lastHeight}px`;
  const pairs = pairsOf(q);
  const plan = (pair: Pair, weeks?: number): Promise<Plan> =>
    context.source.plan(queryOf(optionsOf(q, pair, prices.settings, choices, weeks)));
  const asked = pairs.map(async (pair): Promise<Answer | {pair: Pair; why: string}> => {
    try {
      return {pair, label: q.engines.length > 1 ? `${pair.hardware} · ${pair.engine}` : pair.hardware, plan: await plan(pair)};
    } catch (error) {
      return {pair, why: error instanceof Error ? error.message : String(error)};
    }
  });
  void Promise.all(asked).then((results) => {
    if (!place.isConnected) return;
    const found = results.filter((result): result is Answer => "plan" in result);
    const parts: (HTMLElement | null)[] = [];
    const controls = h("div", {class: "controls"}, select("c-y", "Show", PLAN_AXES.map((axis) => ({value: axis.id, text: axis.name, group: axis.group})), y.id, (value) => context.set({y: value})));
    const first = found.find((answer) => `${answer.pair.hardware}/${answer.pair.engine}` === context.state.values["plan.of"]) ?? found[0];
    if (first !== undefined) {
      parts.push(controls, curveChart(context, q, d, found, first), answerTable(d, found), found.length > 1 ? bindsOfAll(found) : null);
    }
    for (const result of results) {
      if ("why" in result) parts.push(h("p", {class: "notice", "data-pair": `${result.pair.hardware}/${result.pair.engine}`}, `${result.pair.hardware} with ${result.pair.engine}: ${result.why}`));
    }
    if (first !== undefined) {
      const waiting = h("div", {}, h("p", {class: "soft", role: "status"}, "Searching at other ages …"));
      parts.push(
        h("h2", {}, "One of them, closer"),
        h("div", {class: "controls"}, select("plan-of", "Of", found.map((answer) => ({value: `${answer.pair.hardware}/${answer.pair.engine}`, text: `${answer.pair.hardware} · ${answer.pair.engine}`})),
          `${first.pair.hardware}/${first.pair.engine}`, (value) => context.set({"plan.of": value}))),
        bindsChart(first), sensitivityChart(first), memoryTable(first),
        billSection(d, first), yearTable(first, q), h("div", {class: "grid"}, breakEvenChart(d, first), waiting));
      void Promise.all(WAITING_WEEKS.map((weeks) => plan(first.pair, weeks).then((at) => ({weeks, plan: at}), () => ({weeks, plan: null}))))
        .then((rows) => {
          if (place.isConnected) waiting.replaceChildren(waitingChart(d, first, rows));
        });
      const band = first.plan.error;
      parts.push(
        h("p", {class: "footnote", id: "plan-error"}, band.points === 0 ? `How wrong this may be: ${band.of}.`
          : `How wrong this may be: of ${band.points} measured points of ${band.of} the median error is ${Math.round(100 * band.median)} %; the truth lay between ${figureText(band.low_factor)} and ${figureText(band.high_factor)} times the prediction in eight cases of ten. That is the band around a curve (hadal plan validate).`),
        h("h2", {}, "The same question to the command"),
        h("code", {class: "block", id: "plan-command"}, commandOf(optionsOf(q, first.pair, prices.settings, choices))),
        h("h3", {}, "Assumed"), h("ul", {class: "plain"}, ...first.plan.assumptions.map((line) => h("li", {}, line))),
        h("h3", {}, "What to settle next"), h("ul", {class: "plain"}, ...first.plan.next_questions.map((line) => h("li", {}, line))));
    }
    place.replaceChildren(...parts.filter((part): part is HTMLElement => part !== null));
    place.style.minHeight = "";
    place.dataset["ready"] = "yes";
    requestAnimationFrame(() => {
      if (place.isConnected) lastHeight = place.offsetHeight;
    });
  });
  return place;
}

function needsProgram(context: Context): HTMLElement {
  const words = Object.entries(context.state.values).some(([key]) => key.startsWith("plan."));
  return h("div", {class: "empty"}, h("p", {}, "This page was written to a file, and planning needs the running program:"),
    h("code", {class: "block"}, "hadal dashboard"),
    h("p", {}, words ? "The same link works there." : "Or in a terminal: hadal plan --model pro --users 50"));
}

export function planView(context: Context): HTMLElement {
  const view = h("div", {class: "view"}, h("h1", {}, "What would it take?"),
    h("p", {class: "lead"}, "Predicted from data sheets and the model's configuration; nothing is run. Curves lie under what was measured of the same."));
  if (context.source.kind !== "api") {
    view.append(needsProgram(context));
    return view;
  }
  const focused = document.activeElement?.id ?? "";  // still that of the view which this one replaces
  const place = h("div", {}, h("p", {class: "soft", role: "status"}, "Reading what can be planned …"));
  place.style.minHeight = `${lastHeight}px`;
  view.append(place);
  context.source.planner().then((choices) => {
    if (choices === null || !place.isConnected) return;
    const q = readQuestion(context.state.values, choices);
    const left = q.hardware.length * q.engines.length - MOST_CURVES;
    place.replaceChildren(
      questionFields(context, q, choices),
      chips(context, "plan.hardware", "Hardware", choices.hardware.filter((device) => device.cannot === null).map((device) => ({value: device.key, title: device.name})), q.hardware),
      chips(context, "plan.engine", "Engine", choices.engines.map((engine) => ({value: engine})), q.engines),
      left > 0 ? h("p", {class: "notice"}, `The first ${MOST_CURVES} pairs are shown, and ${left} are not.`) : "",
      moneyFields(context),
      yearFields(context, q),
      constantFields(context, q, choices),
      answers(context, q, choices));
    place.style.minHeight = "";
    if (focused !== "") document.getElementById(focused)?.focus({preventScroll: true});
  }).catch((error: unknown) => place.replaceChildren(h("p", {class: "notice bad", role: "alert"}, String(error instanceof Error ? error.message : error))));
  return view;
}
