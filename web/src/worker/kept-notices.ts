/** Notices that no later look at the server brings back: they stand in this browser until she has seen them. */
import type { Notice } from "../engine/interface.ts";
import { makeId } from "../vault/words.ts";
import { keep, keptOf, letGo } from "./kept.ts";
import type { Vault } from "./vault.ts";

export class KeptNotices {
  private readonly vault: Vault;
  /** By the notice's id, which names persons: what stands in clear is made up. */
  private readonly names = new Map<string, string>();
  private turn: Promise<unknown> = Promise.resolve();

  constructor(vault: Vault) {
    this.vault = vault;
  }

  /** Of earlier pages, oldest first. */
  all(): Promise<Notice[]> {
    return this.inTurn(async () => {
      const found: Notice[] = [];
      for (const { name, value } of await keptOf(this.vault, "notice")) {
        const notice = value as Notice;
        if (!this.names.has(notice.id)) this.names.set(notice.id, name);
        found.push(notice);
      }
      return found;
    });
  }

  /** Keeps a notice in the place of what was kept under the same id. */
  keep(notice: Notice): Promise<void> {
    return this.inTurn(async () => {
      const name = this.names.get(notice.id) ?? makeId();
      this.names.set(notice.id, name);
      await keep(this.vault, "notice", name, notice);
    });
  }

  drop(ids: readonly string[]): Promise<void> {
    return this.inTurn(async () => {
      for (const { name, value } of await keptOf(this.vault, "notice")) {
        if (ids.includes((value as Notice).id)) await letGo(this.vault, "notice", name);
      }
    });
  }

  private inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.turn.then(run);
    this.turn = done.catch(() => {});
    return done;
  }
}
