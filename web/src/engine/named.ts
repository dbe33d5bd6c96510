/** Whose a key is, for the screens. */

/** How far the owner of this vault trusts that a key is this person's (spec 15.1). */
export type Trust = "unverified" | "verified" | "changed";

/** Whoever a key belongs to, as far as this vault knows. */
export interface Named {
  /** A key id, or `person:…` for somebody without an account. */
  readonly key: string;
  /** Null for a stranger's key, and for people without an account. */
  readonly email: string | null;
  readonly name: string;
  /** `subject`: somebody without an account, whose record this vault keeps. */
  readonly trust: Trust | "me" | "stranger" | "subject";
}
