/**
 * Changes to stored reports: labels, trash (FORMATS §5). Every change says which state it is based
 * on. What cannot reach the server waits, sealed, and is sent in order when it is back.
 */
import * as answers from "../api/answers.ts";
import { pkeskDigest } from "../crypto/rewrap.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import { parseCid } from "../ipld/cid.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { editReport, nextMeta, type BuiltReport } from "../vault/report-build.ts";
import { entryOf, type ReportEntry } from "../vault/report-entry.ts";
import { readHeader, readReport, type Report } from "../vault/report.ts";
import { readersOf, type Noted } from "../vault/sharing.ts";
import { checkCategory, checkTitle } from "../vault/words.ts";
import { BatchSender, readBack, withUpload } from "./sending.ts";
import type { Vault } from "./vault.ts";

const CONTEXT = "waiting change 1";

/** A change that a person asked for, by report ids. */
export type Wish =
  | {
      readonly kind: "edit";
      readonly report: string;
      readonly title?: string;
      readonly category?: string;
    }
  | { readonly kind: "trash" | "restore" | "purge"; readonly reports: readonly string[] };

/** A report as the server has it now, verified: what a change is based on. */
export interface Current {
  readonly report: Report;
  readonly rev: number;
}

/**
 * The report that the server has now, held against the index. `gone` are packets that its owner is
 * about to take off anyway. Throws `rollback`, also for a header that lacks readers which only this
 * user could have taken off, and `meta-mismatch`.
 */
export async function currentOf(
  vault: Vault,
  entry: ReportEntry,
  gone: readonly string[] = [],
): Promise<Current> {
  const answer = await vault.transport.call("GET", `/reports/${entry.id}`);
  const root = parseCid(answers.text(answer, "root"));
  const report = await readReport(vault.gateways, root, vault.key, vault.people(), { entry });
  if (await lacksReaders(vault, entry, report, gone)) {
    // Another device may have taken them off since the index was read.
    await vault.index.refresh();
    const now = requireReport(vault.index.state, entry.id);
    if (await lacksReaders(vault, now, report, gone)) {
      throw refusal("rollback", "The server shows older readers of this report than this vault knows.");
    }
  }
  return { report, rev: answers.number(answer, "rev") };
}

/** A root over the same payloads only ever gains readers, unless the owner herself takes one off. */
async function lacksReaders(
  vault: Vault,
  entry: ReportEntry,
  { meta, encrypted, packets }: Report,
  gone: readonly string[],
): Promise<boolean> {
  if (encrypted.root === entry.cid || meta.revision > entry.revision) return false;
  if (!vault.people().isMe(meta.owner)) return false;
  const known = await readHeader(vault.gateways, entry.cid);
  const there = new Set([...gone, ...(await Promise.all(packets.map(pkeskDigest)))]);
  for (const packet of known) if (!there.has(await pkeskDigest(packet))) return true;
  return false;
}

/** The line in the index of a report as it was just read. */
export function entryNow({ meta, encrypted }: Report): ReportEntry {
  return entryOf(meta, encrypted.root, encrypted.meta.cid);
}

/** What a report moves on to, and the server's word for why. */
export interface NextRoot {
  readonly entry: ReportEntry;
  readonly change: "edit" | "update" | "readers" | "rekey";
  /** Notes for recipients that the new root adds. */
  readonly shares?: readonly string[];
}

/** Has the server move a report from `current` to a root whose blocks it has; throws `stale-revision`. */
export async function replaceRoot(
  { transport }: Vault,
  { entry, change, shares = [] }: NextRoot,
  current: Current,
  upload: string,
): Promise<void> {
  const path = `/reports/${entry.id}`;
  const body = { upload, root: entry.cid, change, shares };
  try {
    await transport.call("PUT", path, { body, ifMatch: current.rev });
  } catch (error) {
    if (!isRefusal(error, "stale-revision")) throw error;
    // It may be our own change that won, whose answer was lost on the way.
    if ((await transport.call("GET", path))["root"] !== entry.cid) throw error;
  }
}

/** Commits a later revision, and enters it in the index; new readers where the session key is new. */
export async function commitRevision(
  vault: Vault,
  built: BuiltReport,
  current: Current,
  { upload, sender, noted }: { upload: string; sender: BatchSender; noted?: Noted },
): Promise<void> {
  await sender.addAll(built.blocks);
  await sender.flush();
  const { entry } = built;
  const change = noted === undefined ? "edit" : "update";
  await replaceRoot(vault, { entry, change, shares: noted?.notes ?? [] }, current, upload);
  await readBack(vault.gateways, sender.sample, entry.cid);
  const readers = noted === undefined ? {} : { readers: readersOf(entry.id, noted) };
  await vault.index.change([{ kind: "put-report", entry, ...readers }]);
}

/** Sends changes, or keeps those that cannot be sent. */
export class Changer {
  /** Those that wait, oldest first. */
  waiting: readonly Wish[] = [];
  private readonly vault: Vault;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(vault: Vault) {
    this.vault = vault;
  }

  /** Reads what waits since an earlier page. */
  async load(): Promise<void> {
    const kept = await this.vault.store.changes();
    this.waiting = await Promise.all(
      kept.map(async ({ sealed }) => (await this.vault.session.stateKey.open(CONTEXT, sealed)) as Wish),
    );
  }

  /** Resolves once the change is durable, or once it waits for the server. */
  async wish(wish: Wish): Promise<void> {
    this.check(wish);
    await this.inTurn(async () => {
      if (this.waiting.length === 0) {
        try {
          await this.apply(wish);
          return;
        } catch (error) {
          if (!isRefusal(error, "unreachable", "unavailable")) throw error;
        }
      }
      await this.vault.store.addChange(await this.vault.session.stateKey.seal(CONTEXT, wish));
      this.waiting = [...this.waiting, wish];
      this.vault.onWaiting();
    });
  }

  /** Sends what waits; stops at the first that still cannot reach the server. */
  async sendWaiting(): Promise<void> {
    await this.inTurn(async () => {
      for (const { id, sealed } of await this.vault.store.changes()) {
        const wish = (await this.vault.session.stateKey.open(CONTEXT, sealed)) as Wish;
        try {
          await this.apply(wish);
        } catch (error) {
          if (isRefusal(error, "unreachable", "unavailable", "too-many-attempts", "not-signed-in")) return;
          // It cannot be done any more (the report is gone, the labels are as wished): let it go.
        }
        await this.vault.store.dropChange(id!);
        this.waiting = this.waiting.slice(1);
        this.vault.onWaiting();
      }
    });
  }

  private check(wish: Wish): void {
    const { state } = this.vault.index;
    if (wish.kind !== "edit") {
      for (const id of wish.reports) requireReport(state, id);
      return;
    }
    const entry = requireReport(state, wish.report);
    if (wish.title !== undefined) checkTitle(wish.title);
    if (wish.category !== undefined) checkCategory(wish.category);
    if (!this.vault.people().isMe(entry.owner)) {
      throw refusal("forbidden", "Only the owner of a report can change what it says.");
    }
  }

  private apply(wish: Wish): Promise<void> {
    if (wish.kind === "edit") return this.edit(wish);
    if (wish.kind === "trash") return this.trash(wish.reports);
    return wish.kind === "restore" ? this.restore(wish.reports) : this.purge(wish.reports);
  }

  private async edit(wish: Wish & { kind: "edit" }): Promise<void> {
    const { vault } = this;
    const entry = requireReport(vault.index.state, wish.report);
    const isSame =
      (wish.title ?? entry.title) === entry.title && (wish.category ?? entry.category) === entry.category;
    if (isSame) return;
    const current = await currentOf(vault, entry);
    if ((await vault.index.readersOf(entry.id)).removed.length > 0) {
      throw refusal("failed", "Someone was taken off this report's readers; its labels change with its content.");
    }
    const meta = nextMeta(current.report, vault.key.keyId, formatTime(nowSeconds()), wish);
    const built = await editReport(current.report, meta, vault.key);
    await withUpload(vault.transport, (upload) => {
      const sender = new BatchSender(vault.transport, upload);
      return commitRevision(vault, built, current, { upload, sender });
    });
  }

  private async trash(ids: readonly string[]): Promise<void> {
    const { transport, index } = this.vault;
    const live = ids.filter((id) => requireReport(index.state, id).deleted === null);
    for (const id of live) await transport.call("DELETE", `/reports/${id}`);
    const time = formatTime(nowSeconds());
    await index.change(live.map((id) => ({ kind: "set-deleted", id, time })));
  }

  private async restore(ids: readonly string[]): Promise<void> {
    const { transport, index } = this.vault;
    for (const id of ids) {
      await transport.call("POST", `/reports/${id}/restore`, { body: {}, isRepeatable: true });
    }
    await index.change(ids.map((id) => ({ kind: "set-deleted", id, time: null })));
  }

  private async purge(ids: readonly string[]): Promise<void> {
    const { transport, index } = this.vault;
    if (ids.some((id) => requireReport(index.state, id).deleted === null)) {
      throw refusal("conflict", "Only what is in the trash can be deleted for good.");
    }
    for (const id of ids) {
      try {
        await transport.call("DELETE", `/reports/${id}/purge`);
      } catch (error) {
        if (!isRefusal(error, "not-found")) throw error; // gone already
      }
    }
    await index.change(ids.map((id) => ({ kind: "purge", id })));
  }

  private inTurn(run: () => Promise<void>): Promise<void> {
    const result = this.turn.then(run);
    this.turn = result.catch(() => {});
    return result;
  }
}
