// One go at many reports: how far it is, and what became of each of them.

import type { EngineError, ShareOutcome, ShareProgress } from "../../engine/interface.ts";
import type { MessageKey } from "../../i18n/language.svelte.ts";
import { errorWords } from "../../ui/error-words.ts";

type Work = (onProgress: (progress: ShareProgress) => void) => Promise<readonly ShareOutcome[]>;

/** The words of codes that mean something of their own where people and readers are changed. */
export const sharingErrors: Partial<Record<EngineError["code"], MessageKey>> = {
  "certificate-changed": "share.error-changed",
  "certificate-refused": "share.error-unusable",
  forbidden: "share.error-unverified",
  "limit-exceeded": "share.error-limit",
  conflict: "share.error-trash",
  "note-refused": "share.error-note",
  "recipient-refused": "share.error-recipients",
  "delegation-refused": "share.error-delegation",
};

export class Run {
  isWorking = $state(false);
  progress: ShareProgress | undefined = $state.raw();
  outcomes: readonly ShareOutcome[] | undefined = $state.raw();
  /** Why nothing was begun. */
  failure: string | undefined = $state();

  /** Begin `work`; false when it was refused as a whole, or one is under way. */
  async start(work: Work): Promise<boolean> {
    if (this.isWorking) return false;
    this.isWorking = true;
    this.failure = undefined;
    this.progress = undefined;
    try {
      const outcomes = await work((progress) => (this.progress = progress));
      this.outcomes = merge(this.outcomes ?? [], outcomes);
      return true;
    } catch (error) {
      this.failure = errorWords(error, sharingErrors);
      return false;
    } finally {
      this.isWorking = false;
    }
  }

  /** Whether all of it is done, or was so before. */
  get isDone(): boolean {
    return this.outcomes !== undefined && this.outcomes.every(({ state }) => state === "done" || state === "unchanged");
  }

  /** Reports to try again. */
  get open(): readonly string[] {
    return (this.outcomes ?? []).filter(({ state }) => state !== "done" && state !== "unchanged").map(({ report }) => report);
  }
}

/** What a second try says takes the place of what the first one said. */
function merge(before: readonly ShareOutcome[], now: readonly ShareOutcome[]): readonly ShareOutcome[] {
  const known = new Set(now.map(({ report }) => report));
  return [...before.filter(({ report }) => !known.has(report)), ...now];
}
