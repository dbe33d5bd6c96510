/** Are they still there? What the server's own checks found, and a test of our own. */
import * as answers from "../api/answers.ts";
import { Gateways } from "../api/gateways.ts";
import type { Answer } from "../api/transport.ts";
import { Source } from "../engine/feed.ts";
import type { Copies as ReportCopies, CopiesView } from "../engine/interface.ts";
import { EngineError } from "../engine/errors.ts";
import type { Cid } from "../ipld/cid.ts";
import { isIntegrity, isRefusal, refusal } from "../refusal.ts";
import { reportsOf } from "../vault/index/state.ts";
import { readStructure } from "../vault/report.ts";
import type { Vault } from "./vault.ts";

const MOST_PAGES = 1000;
const PAGE_ITEMS = 500;
const NOTHING: CopiesView = { status: "unknown", items: [], tested: 0, total: 0, failed: [], error: null };

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
      vault.requireOpen();
      this.view.set({ ...this.view.current, status: "ready", items });
    } catch (error) {
      vault.requireOpen();
      // An older server has no such checks.
      if (isRefusal(error, "not-found")) this.view.set({ ...NOTHING, status: "not-offered" });
      else this.fail(error);
    }
  }

  /**
   * Reads each report's parts now, all of them; one that no place has whole is `missing`. A gateway that
   * lies or does not answer is named in `failed`, and the others go on. Throws `interrupted` when the vault is
   * locked meanwhile.
   */
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
    const total = entries.length;
    // Of its own: who failed here is told of this test alone.
    const source = new Gateways(vault.gateways.records.map(({ url }) => url));
    const failed = failuresOf(source);
    const places = new Set<string>();
    source.onBlock = ({ url }) => places.add(url);
    for (const [tested, { id, cid }] of entries.entries()) {
      this.view.set({ ...this.view.current, status: "loading", tested, total, failed: failed(), error: null });
      places.clear();
      const isThere = await isFound(source, cid, vault.closing).catch((error: unknown) => error);
      vault.requireOpen();
      if (typeof isThere !== "boolean") {
        this.fail(isThere);
        return;
      }
      const before = known.get(id);
      if (!isThere) items.set(id, { ...none(id), state: "missing" });
      else if (before === undefined || before.copies === 0) {
        items.set(id, { ...none(id), copies: 1, state: "one", places: places.size === 1 ? [...places] : [] });
      }
    }
    this.view.set({ status: "ready", items: [...items.values()], tested: total, total, failed: failed(), error: null });
  }

  close(): void {
    this.view.set(NOTHING);
  }

  private fail(error: unknown): void {
    const known = error instanceof EngineError ? error : refusal("failed", "The copies could not be told.");
    this.view.set({ ...this.view.current, status: "failed", error: known });
  }
}

/** Whether the gateways give all of a report as it was stored; throws `unreachable` where none answers. */
async function isFound(source: Gateways, cid: Cid, signal: AbortSignal): Promise<boolean> {
  try {
    const { header, meta, data } = await readStructure(source, cid);
    await source.fetch([header.cid]);
    for (const part of [meta, data]) for await (const octets of source.stream(part, signal)) void octets;
    return true;
  } catch (error) {
    if (isIntegrity(error) || isRefusal(error, "block-missing")) return false;
    throw error;
  }
}

/** Follows what gateways do: those that failed since, by their worst. */
function failuresOf(source: Gateways): () => CopiesView["failed"] {
  const worst = new Map<string, CopiesView["failed"][number]["state"]>();
  source.onChange = () => {
    for (const { url, state } of source.records) {
      const isBad = state === "lied" || state === "down" || state === "busy";
      if (isBad && worst.get(url) !== "lied") worst.set(url, state);
    }
  };
  return () => [...worst].map(([url, state]) => ({ url, state }));
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
