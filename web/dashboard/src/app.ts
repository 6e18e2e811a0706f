// The page from its beginning: reads the data, keeps the address and the state in step, shows the
// view that the state names.

import {disposeCharts, redrawCharts} from "./chart.js";
import type {Context} from "./context.js";
import {Source} from "./data.js";
import {h, select} from "./dom.js";
import type {Overview, Run} from "./model.js";
import {isOfOneView, readState, writeState, type PageState, type View} from "./state.js";
import {chooseTheme, themeChoice} from "./theme.js";
import {compareView} from "./views/compare.js";
import {costView} from "./views/cost.js";
import {frontierView} from "./views/frontier.js";
import {historyView} from "./views/history.js";
import {planView} from "./views/plan.js";
import {runView} from "./views/run.js";
import {startView} from "./views/start.js";
import {tableView} from "./views/table.js";

const TABS: readonly [View, string][] = [
  ["frontier", "Frontier"], ["history", "History"], ["compare", "Compare"],
  ["cost", "Cost and power"], ["plan", "Plan"], ["table", "Table"], ["start", "Start"],
];

const VIEWS: Record<View, (context: Context) => HTMLElement> = {
  frontier: frontierView, history: historyView, compare: compareView, cost: costView, plan: planView,
  table: tableView, run: runView, start: startView,
};

class Page {
  private state: PageState;
  private runs: Run[];
  private shown = "";
  private readonly main = h("main", {id: "main", tabindex: -1});
  private readonly nav = h("nav", {"aria-label": "Views"});
  private readonly status = h("p", {class: "store", role: "status"});

  constructor(private readonly source: Source, private readonly overview: Overview) {
    this.runs = [...overview.page.runs, ...overview.published];
    this.state = readState(location.hash);
    if (location.hash === "" && overview.page.total === 0) this.state = {view: "start", values: {}};
    const choice = themeChoice();
    chooseTheme(choice);
    const themes = select("theme", "Theme",
      [{value: "auto", text: "Auto"}, {value: "light", text: "Light"}, {value: "dark", text: "Dark"}], choice,
      (value) => {
        chooseTheme(value === "light" || value === "dark" ? value : "auto");
        this.render();
      });
    const root = document.getElementById("app");
    root?.replaceChildren(
      h("header", {}, h("a", {class: "brand", href: "#/frontier"}, "hadal"), this.nav, h("span", {class: "spacer"}), themes),
      this.main,
      h("footer", {}, this.status));
    addEventListener("hashchange", () => this.follow());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.render());
    addEventListener("beforeprint", redrawCharts);
  }

  start(): void {
    this.tellStatus();
    this.render();
    // Only after the first chart: reading thousands of runs would hold it up.
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => this.readOn(), 50)));
  }

  private readOn(): void {
    this.source.furtherRuns(this.overview, (page) => {
      const known = new Set(this.runs.map((run) => run.id));
      const fresh = page.runs.filter((run) => !known.has(run.id));
      const own = this.runs.length - this.overview.published.length;
      this.runs.splice(own, 0, ...fresh);
      this.overview.page.damaged.push(...page.damaged);
      this.tellStatus();
    }).then(() => {
      if (this.runs.length > this.overview.page.runs.length + this.overview.published.length) this.render();
      document.documentElement.dataset["loaded"] = "all";
    }).catch((error: unknown) => this.tellStatus(error));
  }

  private tellStatus(error?: unknown): void {
    const own = this.runs.length - this.overview.published.length;
    const total = Math.max(this.overview.page.total, own);
    const parts = [`${own === total ? own : `${own} of ${total}`} ${total === 1 ? "run" : "runs"} from ${this.overview.store}`, `hadal ${this.overview.hadal}`];
    if (this.overview.page.damaged.length > 0) parts.push(`${this.overview.page.damaged.length} damaged`);
    if (error !== undefined) parts.push(`reading stopped: ${error instanceof Error ? error.message : String(error)}`);
    this.status.textContent = parts.join(" · ");
  }

  private follow(): void {
    if (location.hash === this.shown) return;
    Source.takeToken();
    this.shown = location.hash;
    this.state = readState(location.hash);
    this.render();
    this.main.focus({preventScroll: true});
    scrollTo(0, 0);
  }

  private change(state: PageState, push: boolean): void {
    this.state = state;
    this.shown = writeState(state);
    if (push) history.pushState(null, "", this.shown);
    else history.replaceState(null, "", this.shown);
    const focused = document.activeElement?.id;
    const scroll = scrollY;
    this.render();
    if (push) {
      this.main.focus({preventScroll: true});
      scrollTo(0, 0);
    } else {
      if (focused) document.getElementById(focused)?.focus({preventScroll: true});
      scrollTo(0, scroll);
    }
  }

  private merged(values: Readonly<Record<string, string | undefined>>, base: Readonly<Record<string, string>>): Record<string, string> {
    const result: Record<string, string> = {...base};
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined || value === "") delete result[key];
      else result[key] = value;
    }
    return result;
  }

  private addressOf(view: View): string {
    const kept = Object.fromEntries(Object.entries(this.state.values).filter(([key]) => !isOfOneView(key)));
    return writeState({view, values: kept});
  }

  private render(): void {
    disposeCharts();
    const context: Context = {
      source: this.source,
      overview: this.overview,
      runs: this.runs,
      state: this.state,
      set: (values) => this.change({view: this.state.view, values: this.merged(values, this.state.values)}, false),
      go: (view, values = {}) => {
        const kept = Object.fromEntries(Object.entries(this.state.values).filter(([key]) => !isOfOneView(key)));
        this.change({view, values: this.merged(values, kept)}, true);
      },
    };
    this.nav.replaceChildren(...TABS.map(([view, name]) =>
      h("a", {href: this.addressOf(view), "aria-current": view === this.state.view ? "page" : undefined}, name)));
    const begin = performance.now();
    const notices: HTMLElement[] = [];
    if (this.overview.problem !== null) {
      notices.push(h("p", {class: "notice bad", role: "alert"}, `The store cannot be read: ${this.overview.problem.message}`));
    }
    for (const damaged of this.overview.page.damaged.slice(0, 3)) {
      notices.push(h("p", {class: "notice bad"}, `Run ${damaged.id} is damaged and left out: ${damaged.why}`));
    }
    if (readState(location.hash).newer) notices.push(h("p", {class: "notice"}, "This link was made by a newer hadal; what it asks for beyond this version is left out."));
    this.main.replaceChildren(...notices, VIEWS[this.state.view](context));
    document.title = `hadal · ${TABS.find(([view]) => view === this.state.view)?.[1] ?? "Run"}`;
    // Charts are drawn when the layout is known, in the first frame; the second comes after them.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const now = performance.now();
      document.documentElement.dataset["drawn"] = String(Math.round(now - begin));
      document.documentElement.dataset["first"] ??= String(Math.round(now));
    }));
  }
}

async function begin(): Promise<void> {
  Source.takeToken();
  const source = new Source();
  try {
    new Page(source, await source.overview()).start();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    document.getElementById("app")?.replaceChildren(h("p", {class: "notice bad", role: "alert"}, `The data cannot be read: ${message}`));
  }
}

void begin();
