// Where nothing was measured yet: what others published, and how to stand beside it.

import {h} from "../dom.js";
import {ownRuns, type Context} from "../context.js";
import {frontierView} from "./frontier.js";

function step(number: string, title: string, command: string, after: string): HTMLElement {
  return h("li", {}, h("span", {class: "step-number", "aria-hidden": "true"}, number), h("div", {}, h("h3", {}, title), h("code", {class: "block"}, command), h("p", {class: "soft"}, after)));
}

export function startView(context: Context): HTMLElement {
  const own = ownRuns(context).length;
  const points = context.overview.published.reduce((sum, run) => sum + run.points.length, 0);
  const days = context.overview.published.map((run) => run.date ?? "").filter((date) => date.length === 10).sort();
  const view = h("div", {class: "view start"},
    h("h1", {}, own === 0 ? "Nothing of yours is here yet" : "Measure more"),
    h("p", {class: "lead"}, own === 0
      ? `Below are ${points} points that others published of DeepSeek V4, from ${days[0] ?? ""} to ${days[days.length - 1] ?? ""}, each with its source. One command puts your server beside them.`
      : `${own} runs of yours are here. Every further one draws itself in.`),
    h("ol", {class: "steps"},
      step("1", "Measure a server, in about a minute", "hadal measure quick --url http://127.0.0.1:8000", "Any server of OpenAI's interface: hadal, vLLM, SGLang, TensorRT-LLM, llama.cpp, a rented API."),
      step("2", "Measure it properly, and check its answers", "hadal measure run --url http://127.0.0.1:8000 -w 8k1k -c 1,4,16,64,256 \\\n  --gpus 8 --hardware b200 --reference model.reference", "With the number of GPUs and the hardware there are costs and power; with a reference the points may stand on a frontier."),
      step("3", "Share it", "hadal dashboard --export dashboard.html", "One file with everything in it, which works from disk and without a network.")));
  const others: Context = {...context, runs: context.runs.filter((run) => run.origin === "published")};
  const frontier = frontierView(others);
  frontier.querySelector("h1")?.replaceWith(h("h2", {}, "What others published"));
  view.append(frontier);
  return view;
}
