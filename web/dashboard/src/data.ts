// Where the page's data comes from: hadal's own server, the page itself (a single file), or files
// beside it (a static site). The rest of the page does not know which.

import type {Overview, PointDetail, Run, RunsPage} from "./model.js";
import type {Plan, PlannerChoices} from "./planner.js";

export type SourceKind = "api" | "embedded" | "static";

export class SourceError extends Error {}

const TOKEN_KEY = "hadal-token";
const PAGE_RUNS = 500;

export class Source {
  readonly kind: SourceKind;
  private details: Record<string, unknown> = {};
  private readonly cache = new Map<string, Promise<unknown>>();

  constructor() {
    const meta = document.querySelector("meta[name=hadal-data]");
    const kind = meta?.getAttribute("content");
    this.kind = kind === "embedded" || kind === "static" ? kind : "api";
  }

  /** A token in the address is taken out of it, so that it is not shared with the link. */
  static takeToken(): void {
    const found = /[#&?]token=([^&]+)/.exec(location.hash);
    if (found === null) return;
    sessionStorage.setItem(TOKEN_KEY, decodeURIComponent(found[1] as string));
    history.replaceState(null, "", location.pathname + location.hash.replace(/[#&?]token=[^&]+/, ""));
  }

  private async get(address: string): Promise<unknown> {
    const token = sessionStorage.getItem(TOKEN_KEY);
    const response = await fetch(address, token === null ? {} : {headers: {Authorization: `Bearer ${token}`}});
    const text = await response.text();
    let json: unknown = null;
    try {
      json = JSON.parse(text);
    } catch {
      throw new SourceError(`${address}: no JSON (status ${response.status})`);
    }
    if (!response.ok) {
      const error = (json as {error?: {message?: string}} | null)?.error;
      throw new SourceError(error?.message ?? `${address}: status ${response.status}`);
    }
    return json;
  }

  private once(address: string): Promise<unknown> {
    let answer = this.cache.get(address);
    if (answer === undefined) {
      answer = this.get(address);
      answer.catch(() => this.cache.delete(address));
      this.cache.set(address, answer);
    }
    return answer;
  }

  async overview(): Promise<Overview> {
    if (this.kind !== "embedded") {
      return (await this.get(this.kind === "api" ? "api/v1/overview" : "data/overview.json")) as Overview;
    }
    const element = document.getElementById("hadal-data");
    const overview = JSON.parse(element?.textContent ?? "null") as Overview;
    element?.remove();
    this.details = overview.details ?? {};
    return overview;
  }

  /** The runs after those of the overview, page by page, until all are there. */
  async furtherRuns(overview: Overview, use: (page: RunsPage) => void): Promise<void> {
    if (this.kind === "embedded") {
      for (const page of overview.pages ?? []) use(page);
      return;
    }
    let next = overview.page.next;
    while (next !== null) {
      const page = (await this.get(this.kind === "api"
        ? `api/v1/runs?offset=${next}&most=${PAGE_RUNS}`
        : `data/runs-${next}.json`)) as RunsPage;
      use(page);
      next = page.next;
    }
  }

  /** hadal.run/1; null where the page was made without it. */
  async runDocument(run: Run): Promise<Record<string, unknown> | null> {
    if (run.origin === "published") return null;
    if (this.kind === "embedded") return (this.details[run.id] as Record<string, unknown> | undefined) ?? null;
    const id = encodeURIComponent(run.id);
    return (await this.once(this.kind === "api" ? `api/v1/runs/${id}` : `data/runs/${id}.json`)) as Record<string, unknown>;
  }

  async pointDetail(run: Run, point: number): Promise<PointDetail | null> {
    if (run.origin === "published") return null;
    if (this.kind === "embedded") return (this.details[`${run.id}/${point}`] as PointDetail | undefined) ?? null;
    const id = encodeURIComponent(run.id);
    return (await this.once(this.kind === "api"
      ? `api/v1/runs/${id}/points/${point}`
      : `data/runs/${id}-${point}.json`)) as PointDetail;
  }

  /** null where no program runs that could plan. */
  async planner(): Promise<PlannerChoices | null> {
    return this.kind === "api" ? ((await this.once("api/v1/planner")) as PlannerChoices) : null;
  }

  async plan(query: string): Promise<Plan> {
    return (await this.once(`api/v1/plan?${query}`)) as Plan;
  }

  /** Of raw data; null where there is no server to give it. */
  async raw(address: string): Promise<Blob | null> {
    if (this.kind !== "api") return null;
    const token = sessionStorage.getItem(TOKEN_KEY);
    const response = await fetch(address, token === null ? {} : {headers: {Authorization: `Bearer ${token}`}});
    if (!response.ok) throw new SourceError(`${address}: status ${response.status}`);
    return response.blob();
  }
}
