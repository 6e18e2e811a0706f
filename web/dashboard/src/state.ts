// What the page shows, as the part of its address after "#". Links are kept and shared, so the form
// has a version, figures are named by ids that carry the version of their definition, and what a
// link does not say has the default that it had when its version was current.

export const VIEWS = ["frontier", "history", "compare", "cost", "plan", "table", "run", "start"] as const;
export type View = (typeof VIEWS)[number];

export interface PageState {
  view: View;
  /** Everything else by its key; lists are joined by "~", which no id contains. */
  values: Readonly<Record<string, string>>;
}

export const STATE_VERSION = 1;

export interface ReadState extends PageState {
  /** Of a link from a newer hadal, which may mean what this one does not know. */
  newer: boolean;
}

export function readState(hash: string): ReadState {
  const text = hash.replace(/^#\/?/, "");
  const mark = text.indexOf("?");
  const name = mark < 0 ? text : text.slice(0, mark);
  const parameters = new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1));
  const version = Number(parameters.get("v") ?? "1");
  const values: Record<string, string> = {};
  for (const [key, value] of parameters) if (key !== "v" && key !== "token") values[key] = value;
  const view = VIEWS.find((known) => known === name) ?? "frontier";
  return {view, values, newer: !(version <= STATE_VERSION)};
}

/** Keys in order, so that the same state is the same address. */
export function writeState(state: PageState): string {
  const parameters = new URLSearchParams({v: String(STATE_VERSION)});
  for (const key of Object.keys(state.values).sort()) {
    const value = state.values[key];
    if (value !== undefined && value !== "") parameters.append(key, value);
  }
  return `#/${state.view}?${parameters.toString()}`;
}

/** What belongs to one view and not to what is looked at. */
const OF_ONE_VIEW = ["run", "point", "sort", "cols", "a", "b", "until", "series"];
export const isOfOneView = (key: string): boolean => OF_ONE_VIEW.includes(key) || key.startsWith("plan.");

export const listOf = (value: string | undefined): string[] =>
  value === undefined || value === "" ? [] : value.split("~");
export const joined = (list: readonly string[]): string => list.join("~");
