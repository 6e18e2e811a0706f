// A chart with everything around it that a picture alone lacks: a name and a summary for who cannot
// see it, values under the cursor and under the arrow keys, a table of its data, CSV and PNG. Drawn
// by ECharts on a canvas; whatever text it shows is drawn, never parsed.

import {BarChart, CustomChart, LineChart, ScatterChart} from "echarts/charts";
import {GridComponent, MarkAreaComponent, MarkLineComponent} from "echarts/components";
import {init, use, type EChartsType} from "echarts/core";
import {CanvasRenderer} from "echarts/renderers";
import {csvText, type Cell} from "./csv.js";
import {button, download, h, table, type Column, type TableCell} from "./dom.js";
import {theme, type Theme} from "./theme.js";
import {tickText} from "./format.js";

use([BarChart, CustomChart, LineChart, ScatterChart, GridComponent, MarkAreaComponent, MarkLineComponent, CanvasRenderer]);

export type EOption = Record<string, unknown>;

/** Something that can be pointed at, in the units of the axes. */
export interface Target {
  x: number;
  y: number;
  title: string;
  /** Worked out when it is looked at: of ten thousand points few are. */
  lines: readonly string[] | (() => readonly string[]);
  open?: () => void;
  openText?: string;
}

export interface ChartData {
  columns: readonly Column[];
  rows: readonly (readonly TableCell[])[];
  /** The same for a file: full precision. */
  csv: readonly (readonly Cell[])[];
}

export interface ChartSpec {
  id: string;
  title: string;
  summary: string;
  height?: number;
  option: (colours: Theme) => EOption;
  targets?: readonly Target[];
  data: ChartData | (() => ChartData);
  /** While the cursor is at some x of the first axis; null: it left. */
  cursor?: (x: number | null) => void;
  pin?: (x: number) => void;
}

export function baseAxis(colours: Theme, options: {name?: string; log?: boolean; inverse?: boolean}): EOption {
  return {
    type: options.log ? "log" : "value",
    inverse: options.inverse ?? false,
    scale: true,
    axisLine: {show: true, lineStyle: {color: colours.line}},
    axisTick: {show: false},
    splitLine: {lineStyle: {color: colours.grid}},
    minorSplitLine: {show: false},
    axisLabel: {color: colours.soft, fontSize: 12, formatter: tickText, hideOverlap: true},
  };
}

const linesOf = (target: Target): readonly string[] => (typeof target.lines === "function" ? target.lines() : target.lines);

const NEAR_PIXELS = 28;
const live = new Set<ChartBox>();

/** Charts of a view that is left are given back. */
export function disposeCharts(): void {
  for (const box of live) box.dispose();
  live.clear();
}

export function redrawCharts(): void {
  for (const box of live) box.redraw();
}

export class ChartBox {
  readonly element: HTMLElement;
  private readonly host: HTMLElement;
  private readonly tip: HTMLElement;
  private readonly rule: HTMLElement;
  private readonly spoken: HTMLElement;
  private chart: EChartsType | null = null;
  private readonly observer: ResizeObserver;
  private pixels: {x: number; y: number}[] | null = null;
  private order: number[] | null = null;  // of the targets, for the arrow keys
  private current = -1;

  constructor(private readonly spec: ChartSpec) {
    const targets = spec.targets ?? [];
    const hint = targets.length > 0 ? " Arrow keys go through the points, Enter opens one." : "";
    this.host = h("div", {
      class: "chart-host", id: spec.id, role: "application", tabindex: 0,
      "aria-roledescription": "chart", "aria-label": `${spec.title}. ${spec.summary}${hint}`,
    });
    this.host.style.height = `${spec.height ?? 460}px`;
    this.tip = h("div", {class: "tip", hidden: true});
    this.rule = h("div", {class: "rule", hidden: true});
    this.spoken = h("div", {class: "visually-hidden", "aria-live": "polite"});
    const details = h("details", {class: "data"}, h("summary", {}, "Data as a table"));
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) {
        const {columns, rows} = this.data();
        details.append(table(spec.title, columns, rows));
      }
    });
    this.element = h("figure", {class: "chart"},
      h("div", {class: "chart-frame"}, this.host, this.rule, this.tip),
      this.spoken,
      h("figcaption", {class: "chart-tools"}, details,
        h("span", {class: "spacer"}),
        button("CSV", () => download(`${spec.id}.csv`, "text/csv", this.csv()), {"aria-label": `${spec.title} as CSV`}),
        button("PNG", () => this.savePicture(), {"aria-label": `${spec.title} as PNG`})));
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.host);
    this.listen();
    live.add(this);
  }

  private data(): ChartData {
    return typeof this.spec.data === "function" ? this.spec.data() : this.spec.data;
  }

  csv(): string {
    const {columns, csv} = this.data();
    return csvText(columns.map((column) => column.name), csv);
  }

  private resize(): void {
    if (this.host.clientWidth === 0) return;
    if (this.chart === null) {
      this.chart = init(this.host, null, {renderer: "canvas"});
      this.redraw();
    } else {
      this.chart.resize();
    }
    this.pixels = null;
  }

  redraw(): void {
    if (this.chart === null) return;
    const colours = theme();
    this.chart.setOption({
      animation: false,
      textStyle: {fontFamily: getComputedStyle(document.body).fontFamily, color: colours.text},
      ...this.spec.option(colours),
    }, {notMerge: true});
    this.pixels = null;
  }

  private positions(): {x: number; y: number}[] {
    if (this.pixels === null && this.chart !== null) {
      this.pixels = (this.spec.targets ?? []).map((target) => {
        const at = this.chart?.convertToPixel({xAxisIndex: 0, yAxisIndex: 0}, [target.x, target.y]) as number[] | undefined;
        return {x: at?.[0] ?? NaN, y: at?.[1] ?? NaN};
      });
    }
    return this.pixels ?? [];
  }

  private listen(): void {
    // At most once a frame: a mouse reports more often than anything can be drawn.
    let waiting: {x: number; y: number} | null = null;
    this.host.addEventListener("mousemove", (event) => {
      const box = this.host.getBoundingClientRect();
      if (waiting === null) {
        requestAnimationFrame(() => {
          if (waiting !== null && this.host.matches(":hover")) this.pointAt(waiting.x, waiting.y);
          waiting = null;
        });
      }
      waiting = {x: event.clientX - box.left, y: event.clientY - box.top};
    });
    this.host.addEventListener("mouseleave", () => this.leave());
    this.host.addEventListener("click", (event) => {
      const box = this.host.getBoundingClientRect();
      const x = event.clientX - box.left;
      const near = this.nearest(x, event.clientY - box.top);
      const target = near < 0 ? undefined : this.spec.targets?.[near];
      if (target?.open) target.open();
      else if (this.spec.pin && this.chart?.containPixel({gridIndex: 0}, [x, event.clientY - box.top])) {
        const value = (this.chart.convertFromPixel({xAxisIndex: 0, yAxisIndex: 0}, [x, 0]) as number[])[0];
        if (value !== undefined) this.spec.pin(value);
      }
    });
    this.host.addEventListener("keydown", (event) => this.key(event));
    this.host.addEventListener("blur", () => this.leave());
  }

  private nearest(x: number, y: number): number {
    let best = -1;
    let distance = NEAR_PIXELS * NEAR_PIXELS;
    this.positions().forEach((at, i) => {
      const d = (at.x - x) ** 2 + (at.y - y) ** 2;
      if (d < distance) {
        distance = d;
        best = i;
      }
    });
    return best;
  }

  private pointAt(x: number, y: number): void {
    if (this.chart === null) return;
    const inside = this.chart.containPixel({gridIndex: 0}, [x, y]);
    if (inside && this.spec.cursor) {
      const value = (this.chart.convertFromPixel({xAxisIndex: 0, yAxisIndex: 0}, [x, y]) as number[])[0];
      this.rule.hidden = false;
      this.rule.style.left = `${x}px`;
      this.spec.cursor(value ?? null);
    }
    const near = this.nearest(x, y);
    this.host.classList.toggle("pointing", near >= 0);
    if (near < 0) this.tip.hidden = true;
    else this.show(near);
  }

  private show(i: number): void {
    const target = this.spec.targets?.[i];
    const at = this.positions()[i];
    if (target === undefined || at === undefined) return;
    this.tip.replaceChildren(h("strong", {}, target.title), ...linesOf(target).map((line) => h("div", {}, line)),
      ...(target.open ? [h("div", {class: "tip-hint"}, target.openText ?? "Click or Enter: open the run")] : []));
    this.tip.hidden = false;
    const width = this.host.clientWidth;
    const left = at.x > width / 2 ? at.x - this.tip.offsetWidth - 14 : at.x + 14;
    this.tip.style.left = `${Math.max(4, Math.min(left, width - this.tip.offsetWidth - 4))}px`;
    this.tip.style.top = `${Math.max(4, at.y - this.tip.offsetHeight / 2)}px`;
  }

  private leave(): void {
    this.tip.hidden = true;
    this.rule.hidden = true;
    this.spec.cursor?.(null);
  }

  private ordered(): number[] {
    const targets = this.spec.targets ?? [];
    this.order ??= targets.map((_, i) => i).sort((a, b) =>
      (targets[a] as Target).x - (targets[b] as Target).x || (targets[a] as Target).y - (targets[b] as Target).y);
    return this.order;
  }

  private key(event: KeyboardEvent): void {
    const count = this.spec.targets?.length ?? 0;
    if (event.key === "Escape") {
      this.leave();
      return;
    }
    if (count === 0) return;
    const steps: Record<string, number> = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10};
    const step = steps[event.key];
    if (step !== undefined) this.current = Math.max(0, Math.min(count - 1, this.current + step));
    else if (event.key === "Home") this.current = 0;
    else if (event.key === "End") this.current = count - 1;
    else if (event.key === "Enter" && this.current >= 0) {
      this.spec.targets?.[this.ordered()[this.current] as number]?.open?.();
      return;
    } else return;
    event.preventDefault();
    const i = this.ordered()[this.current] as number;
    const target = this.spec.targets?.[i] as Target;
    this.show(i);
    this.spec.cursor?.(target.x);
    const at = this.positions()[i];
    if (at !== undefined && this.spec.cursor) {
      this.rule.hidden = false;
      this.rule.style.left = `${at.x}px`;
    }
    this.spoken.textContent = `${target.title}. ${linesOf(target).join(". ")}`;
  }

  private savePicture(): void {
    if (this.chart === null) return;
    const address = this.chart.getDataURL({pixelRatio: 2, backgroundColor: theme().background});
    const bytes = atob(address.slice(address.indexOf(",") + 1));
    const data = new Uint8Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) data[i] = bytes.charCodeAt(i);
    download(`${this.spec.id}.png`, "image/png", new Blob([data], {type: "image/png"}));
  }

  dispose(): void {
    this.observer.disconnect();
    this.chart?.dispose();
    this.chart = null;
  }
}
