/**
 * Changes to stored reports: labels, trash (docs/spec/12). Every change says which state it is based
 * on. What cannot reach the server waits, sealed, and is sent in order when it is back.
 */
import { formatTime, nowSeconds } from "../crypto/times.ts";
import { isRefusal, refusal, type ErrorCode } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { editReport, nextMeta } from "../vault/report-build.ts";
import { checkCategory, checkTitle } from "../vault/words.ts";
import { tellLeftOut } from "./naming.ts";
import { joiningReaders } from "./recipients.ts";
import { commitRevision, currentOf } from "./revisions.ts";
import { BatchSender, withUpload } from "./sending.ts";
import { inTurnOfTabs } from "./tab-locks.ts";
import type { Vault } from "./vault.ts";

export const CONTEXT = "waiting change 1";

/** What they are about is gone, or is no longer hers to change: they can never be made. */
const NEVER: readonly ErrorCode[] = ["not-found", "forbidden", "invalid-input", "conflict"];

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
  /** How many of those that waited could not be made, since the last change that was asked for. */
  dropped = 0;
  /** Told when a change begins or ceases to wait. */
  onWaiting: () => void = () => {};
  private readonly vault: Vault;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(vault: Vault) {
    this.vault = vault;
  }

  /** Reads what waits since an earlier page. */
  async load(): Promise<void> {
    // Of before a password that was set elsewhere: nobody can open it any more, and she is told.
    const kept = await this.kept(async (id) => {
      await this.vault.store.dropChange(id);
      this.dropped++;
    });
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
    const isBehind = (): boolean => this.waiting.some((each) => touch(each, wish));
    await this.inTurn(async () => {
      const wasBehind = isBehind();
      await this.readAgain();
      if (this.dropped > 0) this.told(this.waiting, 0);
      const isBehindOther = !wasBehind && isBehind();
      if (!isBehind()) {
        try {
          await this.apply(wish);
          return;
        } catch (error) {
          if (!isRefusal(error, "unreachable", "unavailable")) throw error;
        }
      }
      await this.vault.store.addChange(await this.vault.session.stateKey.seal(CONTEXT, wish));
      this.told([...this.waiting, wish]);
      // Another tab left one before it, and this tab may reach the server.
      if (isBehindOther) void this.sendWaiting().catch(() => {});
    });
  }

  /**
   * Sends what waits; stops at the first that still cannot reach the server. One that cannot be made now
   * goes on waiting, with those on the same reports; one that never can is dropped, and counted.
   */
  async sendWaiting(): Promise<void> {
    await this.inTurn(async () => {
      const kept = await this.readAgain();
      const stuck: Wish[] = [];
      for (const { id, wish } of kept) {
        if (stuck.some((each) => touch(each, wish))) continue;
        let lost: number;
        try {
          lost = await this.applyAll(wish).catch((error: unknown) => {
            if (!isRefusal(error, "stale-revision")) throw error;
            return this.applyAll(wish); // another device was first; it is made upon what that one made
          });
        } catch (error) {
          if (isRefusal(error, "unreachable", "unavailable", "too-many-attempts", "not-signed-in")) return;
          stuck.push(wish);
          continue;
        }
        await this.vault.store.dropChange(id);
        this.told(this.waiting.filter((each) => each !== wish), this.dropped + lost);
      }
    });
  }

  /** What waits as the other tabs have left it: they add to it, and send from it. */
  private async readAgain(): Promise<{ id: number; wish: Wish }[]> {
    const kept = await this.kept();
    if (kept.length + this.waiting.length > 0) this.told(kept.map(({ wish }) => wish));
    return kept;
  }

  private told(waiting: readonly Wish[], dropped = this.dropped): void {
    this.waiting = waiting;
    this.dropped = dropped;
    this.onWaiting();
  }

  /** Makes it for each report that it can still be made for; for how many it never can. */
  private async applyAll(wish: Wish): Promise<number> {
    try {
      await this.apply(wish);
      return 0;
    } catch (error) {
      if (!isRefusal(error, ...NEVER)) throw error;
      if (wish.kind === "edit" || wish.reports.length === 1) return 1;
    }
    let lost = 0;
    for (const id of wish.reports) lost += await this.applyAll({ kind: wish.kind, reports: [id] });
    return lost;
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
    if (joining === null) {
      const { editAnew } = await import("./rekeying.ts");
      return editAnew(vault, current, wish);
    }
    const built = await editReport(current.report, meta, vault.key, joining.header);
    await withUpload(vault.transport, (upload) => {
      const sender = new BatchSender(vault.transport, upload);
      return commitRevision(vault, built, current, { upload, sender, change: "edit", ...joining });
    });
    tellLeftOut(vault, wish.report, joining.leftOut);
  }

  /** What somebody else shared goes from this user's own list alone. */
  private async trash(ids: readonly string[]): Promise<void> {
    const { transport, index } = this.vault;
    const live = ids.filter((id) => requireReport(index.state, id).deleted === null);
    for (const id of this.own(live)) await transport.call("DELETE", `/reports/${id}`);
    const time = formatTime(nowSeconds());
    await index.change(live.map((id) => ({ kind: "set-deleted", id, time })));
  }

  private async restore(ids: readonly string[]): Promise<void> {
    const { transport, index } = this.vault;
    for (const id of this.own(ids)) {
      await transport.call("POST", `/reports/${id}/restore`, { body: {}, isRepeatable: true });
    }
    await index.change(ids.map((id) => ({ kind: "set-deleted", id, time: null })));
  }

  private async purge(ids: readonly string[]): Promise<void> {
    const { transport, index } = this.vault;
    if (ids.some((id) => requireReport(index.state, id).deleted === null)) {
      throw refusal("conflict", "Only what is in the trash can be deleted for good.");
    }
    for (const id of this.own(ids)) {
      try {
        await transport.call("DELETE", `/reports/${id}/purge`);
      } catch (error) {
        if (!isRefusal(error, "not-found")) throw error; // gone already
      }
    }
    await index.change(ids.map((id) => ({ kind: "purge", id })));
  }

  private own(ids: readonly string[]): string[] {
    const { state } = this.vault.index;
    const people = this.vault.people();
    return ids.filter((id) => people.isMe(requireReport(state, id).owner));
  }

  private inTurn(run: () => Promise<void>): Promise<void> {
    const result = this.turn.then(() => inTurnOfTabs(this.vault.closing, run));
    this.turn = result.catch(() => {});
    return result;
  }
}

/** Whether both are about a same report: then they are made in their order. */
function touch(one: Wish, other: Wish): boolean {
  const of = (wish: Wish): readonly string[] => (wish.kind === "edit" ? [wish.report] : wish.reports);
  return of(one).some((id) => of(other).includes(id));
}
