// What every view gets: the data, the state of the page with its setter, and what is derived of both.

import type {Source} from "./data.js";
import type {Overview, Run, Statistic} from "./model.js";
import {STATISTICS} from "./model.js";
import {Prices, readCosts} from "./prices.js";
import {isSelected, readSelection, type Selection} from "./series.js";
import type {PageState, View} from "./state.js";

export interface Context {
  source: Source;
  overview: Overview;
  runs: readonly Run[];  // own and published, the newest first
  state: PageState;
  /** Changes values of the state; undefined or "" takes one out. */
  set: (values: Readonly<Record<string, string | undefined>>) => void;
  go: (view: View, values?: Readonly<Record<string, string | undefined>>) => void;
}

export const ownRuns = (context: Context): Run[] => context.runs.filter((run) => run.origin !== "published");

export const selectionOf = (context: Context): Selection => readSelection(context.state.values, context.runs);

export const selectedRuns = (context: Context, selection: Selection): Run[] =>
  context.runs.filter((run) => isSelected(run, selection));

export const pricesOf = (context: Context): Prices =>
  new Prices(readCosts(context.state.values, context.overview.hardware), context.overview.hardware);

export const statisticOf = (context: Context): Statistic =>
  STATISTICS.find((name) => name === context.state.values["p"]) ?? "p50";

export const runById = (context: Context, id: string): Run | undefined =>
  context.runs.find((run) => run.id === id) ??
  (id.length >= 6 ? context.runs.find((run) => run.id.startsWith(id)) : undefined);
