/** The trail of what was done in a vault, for the screens (docs/spec/18-activity.md). */
import type { EngineError } from "./errors.ts";
import type { Named } from "./named.ts";

export interface ActivityEntry {
  readonly number: number;
  readonly time: string;
  /** A word of spec 18.2: `shared`, `fetched`, `unshared`, `signed-in`, … or a later one. */
  readonly action: string;
  readonly by: Named | null;
  /** Ids of the reports it was done to. */
  readonly reports: readonly string[];
  /** For whom, or to whom, it was done; `more` were left out of the list. */
  readonly people: readonly Named[];
  readonly more: number;
  /** Empty where the server's host did it. */
  readonly address: string;
  /** Empty where there was no session. */
  readonly device: string;
}

export interface ActivityPage {
  /** Newest first. */
  readonly items: readonly ActivityEntry[];
  /** For the page after this one. */
  readonly next: string | null;
  /** Why the last change of the index did not sign the trail as it is now: it has to be shown. */
  readonly unsigned: EngineError | null;
}

/** Whether the trail hangs together, and agrees with what this vault's index last anchored. */
export interface ActivityCheck {
  readonly state: "whole" | "gap" | "altered" | "never-anchored";
  readonly entries: number;
  /** The last entry that is proven by the signed index. */
  readonly anchored: number | null;
  /** The first entry that does not fit. */
  readonly firstBad: number | null;
}
