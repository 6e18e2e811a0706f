// Elements from code. Text goes in as text and never as markup: what runs say of themselves comes
// from servers, files and other people.

export type Child = Node | string | null | undefined | false;
type Handler = (event: Event) => void;
export type Attributes = Record<string, string | number | boolean | Handler | undefined>;

const SVG = "http://www.w3.org/2000/svg";

function apply(element: Element, attributes: Attributes, children: readonly Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value" && element instanceof HTMLInputElement) element.value = String(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  apply(element, attributes, children);
  return element;
}

export function svg(name: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS(SVG, name);
  apply(element, attributes, children);
  return element;
}

/** Only addresses that lead to a page, whatever a document claims to be a link. */
export function link(address: string, text: string): HTMLElement {
  return /^https?:\/\//.test(address)
    ? h("a", {href: address, rel: "noreferrer noopener", target: "_blank"}, text)
    : h("span", {}, text);
}

export interface Option {
  value: string;
  text: string;
  group?: string;
}

export function select(
  id: string, label: string, options: readonly Option[], value: string, change: (value: string) => void,
): HTMLElement {
  const groups = new Map<string, HTMLElement>();
  const element = h("select", {id, onchange: () => change(element.value)});
  for (const option of options) {
    const entry = h("option", {value: option.value, selected: option.value === value}, option.text);
    if (option.group === undefined) {
      element.append(entry);
      continue;
    }
    let group = groups.get(option.group);
    if (group === undefined) {
      group = h("optgroup", {label: option.group});
      groups.set(option.group, group);
      element.append(group);
    }
    group.append(entry);
  }
  return h("label", {class: "field", for: id}, h("span", {}, label), element);
}

export function check(
  id: string, label: string, checked: boolean, change: (checked: boolean) => void, title?: string,
): HTMLElement {
  const box = h("input", {id, type: "checkbox", checked, onchange: () => change(box.checked)});
  return h("label", {class: "check", for: id, title}, box, h("span", {}, label));
}

export function numberField(
  id: string, label: string, value: string, change: (value: string) => void,
  options: {step?: string; min?: string; max?: string; unit?: string} = {},
): HTMLElement {
  const input = h("input", {
    id, type: "number", inputmode: "decimal", value, step: options.step ?? "any",
    min: options.min, max: options.max, onchange: () => change(input.value),
  });
  return h("label", {class: "field number", for: id}, h("span", {}, label),
    h("span", {class: "with-unit"}, input, options.unit ? h("small", {}, options.unit) : null));
}

/** `wrong`: what the text would have to be, where it is not. */
export function textField(
  id: string, label: string, value: string, change: (value: string) => void,
  options: {placeholder?: string; wrong?: string | undefined} = {},
): HTMLElement {
  const input = h("input", {
    id, type: "text", value, placeholder: options.placeholder, "aria-invalid": options.wrong === undefined ? undefined : "true",
    onchange: () => change(input.value.trim()),
  });
  return h("label", {class: "field", for: id}, h("span", {}, label), input,
    options.wrong === undefined ? null : h("small", {class: "wrong", role: "alert"}, options.wrong));
}

/** A slider whose figure follows while it is moved; the change is told when it is let go. */
export function slider(
  id: string, label: string, value: number,
  options: {min: number; max: number; step: number; text: (value: number) => string; title?: string},
  change: (value: number) => void,
): HTMLElement {
  const shown = h("output", {for: id}, options.text(value));
  const input = h("input", {id, type: "range", min: options.min, max: options.max, step: options.step, "aria-valuetext": options.text(value)});
  input.value = String(value);
  input.addEventListener("input", () => {
    shown.textContent = options.text(Number(input.value));
    input.setAttribute("aria-valuetext", options.text(Number(input.value)));
  });
  input.addEventListener("change", () => change(Number(input.value)));
  return h("label", {class: "field slider", for: id, title: options.title}, h("span", {}, label, shown), input);
}

export const button = (text: string, click: () => void, attributes: Attributes = {}): HTMLButtonElement =>
  h("button", {type: "button", onclick: click, ...attributes}, text);

export interface Column {
  name: string;
  numeric?: boolean;
}

export type TableCell = string | number | Node | null;

const MOST_ROWS = 200;
const SHORT = 16;  // characters that are not broken into lines

/** A table of at most some hundred rows at first; the rest on request. */
export function table(
  caption: string, columns: readonly Column[], rows: readonly (readonly TableCell[])[], className = "",
): HTMLElement {
  const body = h("tbody");
  const add = (from: number, to: number): void => {
    for (const row of rows.slice(from, to)) {
      body.append(h("tr", {}, ...row.map((cell, i) => {
        const content = cell === null ? "–" : cell instanceof Node ? cell : String(cell);
        const short = typeof cell === "string" && cell.length <= SHORT;
        const attributes = {class: columns[i]?.numeric ? "num" : short ? "nowrap" : undefined};
        return i === 0 ? h("th", {scope: "row", ...attributes}, content) : h("td", attributes, content);
      })));
    }
  };
  add(0, MOST_ROWS);
  const box = h("div", {class: `table-box ${className}`, tabindex: 0, role: "region", "aria-label": caption},
    h("table", {}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, ...columns.map((column) =>
        h("th", {scope: "col", class: column.numeric ? "num" : undefined}, column.name)))),
      body));
  if (rows.length > MOST_ROWS) {
    const more = button(`Show all ${rows.length} rows`, () => {
      add(MOST_ROWS, rows.length);
      more.remove();
    }, {class: "more"});
    box.append(more);
  }
  return box;
}

export function facts(pairs: readonly (readonly [string, TableCell])[]): HTMLElement {
  const list = h("dl", {class: "facts"});
  for (const [name, value] of pairs) {
    if (value === null || value === "") continue;
    list.append(h("div", {}, h("dt", {}, name), h("dd", {}, value instanceof Node ? value : String(value))));
  }
  return list;
}

export function download(name: string, type: string, content: string | Blob): void {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], {type}));
  const anchor = h("a", {href: address, download: name});
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
