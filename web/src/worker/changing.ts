/**
 * Changes to stored reports: labels, trash (FORMATS §5). Every change says which state it is based
 * on. What cannot reach the server waits, sealed, and is sent in order when it is back.
 */
import { formatTime, nowSeconds } from "../crypto/times.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { editReport, nextMeta } from "../vault/report-build.ts";
import { checkCategory, checkTitle } from "../vault/words.ts";
import { joiningReaders } from "./recipients.ts";
import { editAnew } from "./rekeying.ts";
import { commitRevision, currentOf } from "./revisions.ts";
import { BatchSender, withUpload } from "./sending.ts";
import type { Vault } from "./vault.ts";

export const CONTEXT = "waiting change 1";

/** A change that a person asked for, by report ids. */
export type Wish =
  | {
      readonly kind: "edit";
      readonly report: string;
      readonly title?: string;
      readonly category?: string;
    }
  | { readonly kind: "trash" | "restore" | "purge"; readonly reports: readonly string[] };

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
    // Of before a password that was set elsewhere: nobody can open it any more.
    const kept = await this.kept((id) => this.vault.store.dropChange(id));
    this.waiting = kept.map(({ wish }) => wish);
  }

  /** Oldest first, without those that this password does not open. */
  private async kept(onClosed: (id: number) => Promise<void> = async () => {}): Promise<{ id: number; wish: Wish }[]> {
    const { session, store } = this.vault;
    const found: { id: number; wish: Wish }[] = [];
    for (const { id, sealed } of await store.changes()) {
      try {
        found.push({ id: id!, wish: (await session.stateKey.open(CONTEXT, sealed)) as Wish });
      } catch (error) {
        if (!isRefusal(error, "credentials-refused")) throw error;
        await onClosed(id!);
      }
    }
    return found;
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
      for (const { id, wish } of await this.kept()) {
        try {
          await this.apply(wish);
        } catch (error) {
          if (isRefusal(error, "unreachable", "unavailable", "too-many-attempts", "not-signed-in")) return;
          // It cannot be done any more (the report is gone, the labels are as wished): let it go.
        }
        await this.vault.store.dropChange(id);
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
    // First of all: another device may have taken somebody off, who still has the session key.
    await vault.index.refresh();
    const entry = requireReport(vault.index.state, wish.report);
    const isSame =
      (wish.title ?? entry.title) === entry.title && (wish.category ?? entry.category) === entry.category;
    if (isSame) return;
    const current = await currentOf(vault, entry);
    const meta = nextMeta(current.report, vault.key.keyId, formatTime(nowSeconds()), wish);
    const joining = await joiningReaders(vault, current.report, meta);
    if (joining === null) return editAnew(vault, current, wish);
    const built = await editReport(current.report, meta, vault.key, joining.header);
    await withUpload(vault.transport, (upload) => {
      const sender = new BatchSender(vault.transport, upload);
      return commitRevision(vault, built, current, { upload, sender, change: "edit", ...joining });
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
