/** Are they still there? What the server's own checks found, and a test of our own. */
import * as answers from "../api/answers.ts";
import type { Answer } from "../api/transport.ts";
import { Source } from "../engine/feed.ts";
import type { Copies as ReportCopies, CopiesView } from "../engine/interface.ts";
import { EngineError } from "../engine/errors.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { reportsOf } from "../vault/index/state.ts";
import { readStructure } from "../vault/report.ts";
import type { Vault } from "./vault.ts";

const MOST_PAGES = 1000;
const PAGE_ITEMS = 500;
const NOTHING: CopiesView = { status: "unknown", items: [], tested: 0, total: 0, error: null };

export class Copies {
  readonly view = new Source<CopiesView>(NOTHING);
  private testing = 0;

  /** Whether a test is under way: the vault does not lock by itself meanwhile. */
  get isBusy(): boolean {
    return this.testing > 0;
  }

  /** Reads what the server's checks have found. */
  async refresh(vault: Vault): Promise<void> {
    this.view.set({ ...this.view.current, status: "loading", error: null });
    try {
      const items = await listCopies(vault);
      this.view.set({ ...this.view.current, status: "ready", items });
    } catch (error) {
      // An older server has no such checks.
      if (isRefusal(error, "not-found")) this.view.set({ ...NOTHING, status: "not-offered" });
      else this.fail(error);
    }
  }

  /** Asks for each report's parts now; a report that no place has is `missing`. */
  async test(vault: Vault): Promise<void> {
    this.testing++;
    try {
      await this.testEach(vault);
    } finally {
      this.testing--;
    }
  }

  private async testEach(vault: Vault): Promise<void> {
    const entries = [...reportsOf(vault.index.state)].filter(({ deleted }) => deleted === null);
    const known = new Map(this.view.current.items.map((item) => [item.report, item]));
    const items = new Map(known);
    for (const [place, { id, cid }] of entries.entries()) {
      this.view.set({ ...this.view.current, status: "loading", tested: place, total: entries.length });
      let isThere = true;
      try {
        const { data } = await readStructure(vault.gateways, cid);
        await vault.gateways.fetch([data.cid]);
      } catch (error) {
        if (!isRefusal(error, "block-missing")) {
          this.fail(error);
          return;
        }
        isThere = false;
      }
      const before = known.get(id);
      if (!isThere) items.set(id, { ...none(id), state: "missing" });
      else if (before === undefined || before.copies === 0) {
        items.set(id, { ...none(id), copies: 1, state: "one", places: [vault.transport.origin] });
      }
    }
    const count = entries.length;
    this.view.set({ status: "ready", items: [...items.values()], tested: count, total: count, error: null });
  }

  close(): void {
    this.view.set(NOTHING);
  }

  private fail(error: unknown): void {
    const known = error instanceof EngineError ? error : refusal("failed", "The copies could not be told.");
    this.view.set({ ...this.view.current, status: "failed", error: known });
  }
}

async function listCopies(vault: Vault): Promise<ReportCopies[]> {
  const items: ReportCopies[] = [];
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { limit: PAGE_ITEMS, after };
    const answer: Answer = await vault.transport.call("GET", "/copies", { query });
    const found = answers.parts(answer, "items");
    // The index is kept and verified like a report, and stands among them as none.
    items.push(...found.filter((item) => item["report"] !== null).map(copiesOf));
    const next = answers.textOrNull(answer, "next");
    if (found.length === 0 || next === null || next === after) break;
    after = next;
  }
  return items;
}

function copiesOf(item: Answer): ReportCopies {
  const copies = answers.number(item, "copies");
  const state = answers.text(item, "state");
  const nodes = answers.parts(item, "nodes");
  const whole = nodes.filter((node) => node["state"] === "whole");
  return {
    report: answers.text(item, "report"),
    copies,
    places: whole.map((node) => answers.text(node, "node")),
    lastChecked: answers.textOrNull(item, "checked"),
    state: stateOf(state, copies),
  };
}

function stateOf(state: string, copies: number): ReportCopies["state"] {
  if (state === "unchecked") return "never";
  if (copies === 0) return "missing";
  if (copies === 1) return "one";
  return state === "safe" ? "good" : "short";
}

function none(report: string): ReportCopies {
  return { report, copies: 0, places: [], lastChecked: new Date().toISOString(), state: "never" };
}
