/** Who the vault belongs to, whether it is open, and its recovery kit, for the screens. */

/** Who the vault belongs to; known only while it is open. */
export interface Person {
  readonly email: string;
  readonly name: string;
  readonly account: string;
  /** OpenPGP v4 fingerprint, for display under Verify only. */
  readonly fingerprint: string;
  readonly keyId: string;
  readonly ipnsName: string;
  readonly sharedComputer: boolean;
}

export type LockReason = "reload" | "asked" | "quiet" | "session-ended";

export type VaultState =
  /** The worker is starting: show nothing yet. */
  | { readonly kind: "starting" }
  /** No account is known in this browser: sign in or sign up. */
  | { readonly kind: "none"; readonly notice: "signed-out" | "deleted" | null }
  /** An account is known and closed. */
  | { readonly kind: "locked"; readonly email: string; readonly reason: LockReason }
  /** Open, but the recovery kit has not been proven yet (also after a reload): `pendingKit()`. */
  | { readonly kind: "kit"; readonly person: Person; readonly isFirst: boolean }
  | { readonly kind: "open"; readonly person: Person };

/** Part `step` of making keys; `percent` 0…100 is of the whole. */
export interface KeyProgress {
  readonly step: "password" | "keys" | "kit" | "account" | "index";
  readonly percent: number;
}

export interface PasswordJudgement {
  readonly acceptable: boolean;
  /** zxcvbn's 0…4; 3 is needed. */
  readonly score: 0 | 1 | 2 | 3 | 4;
  readonly rule: "ok" | "empty" | "too-long" | "characters" | "weak";
}

/** A recovery kit just made: two things that are kept apart. */
export interface Kit {
  /** `hygieia-kit.json`, locked; save it as it is. */
  readonly file: Uint8Array<ArrayBuffer>;
  readonly fileName: string;
  /** The code as printed, dashes included: 8 groups of 4 characters. Secret. */
  readonly code: string;
  readonly groups: readonly string[];
  readonly email: string;
  readonly server: string;
  readonly ipnsName: string;
  readonly created: string;
  /** Lines for a shell that open the vault without us; for the printed page. */
  readonly byHand: readonly string[];
}

export type KitProof =
  /** At least two different groups, read off the paper. `number` is 1…8. */
  | { readonly kind: "groups"; readonly groups: readonly { number: number; text: string }[] }
  /** The whole code, as scanned or pasted. */
  | { readonly kind: "code"; readonly text: string }
  /** The kit file as saved. */
  | { readonly kind: "file"; readonly bytes: Uint8Array };

export interface CodeCheck {
  readonly isComplete: boolean;
  /** Groups (1…8) whose check character does not fit. */
  readonly wrongGroups: readonly number[];
}

export interface DeviceSession {
  readonly id: string;
  readonly label: string;
  readonly address: string;
  readonly created: string;
  readonly lastUsed: string;
  readonly expires: string;
  readonly isCurrent: boolean;
  /** It is another than this browser's own, and she has not said here that it is hers. */
  readonly isUnknown: boolean;
}

export interface Quota {
  readonly usedBytes: number;
  readonly limitBytes: number;
}
