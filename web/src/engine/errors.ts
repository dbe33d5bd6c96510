/**
 * The one kind of error that crosses from the engine to the screens.
 *
 * `code` is a stable word, the same as the command line's and the API's (hygieia/errors.py): the
 * screens choose their words by it. `message` is one English sentence for logs and for codes that a
 * screen does not know; neither holds secrets, titles or names.
 */
export type ErrorCode =
  // the caller or the person
  | "usage"
  | "invalid-input"
  | "credentials-refused"
  | "not-signed-in"
  | "forbidden"
  | "not-found"
  | "block-missing"
  | "conflict"
  | "stale-revision"
  | "content-changed"
  | "duplicate"
  // something does not verify; nothing was released
  | "integrity"
  | "kdf-refused"
  | "key-mismatch"
  | "sealed-key-refused"
  | "certificate-refused"
  | "certificate-changed"
  | "recipient-refused"
  | "delegation-refused"
  | "activity-altered"
  | "activity-gap"
  | "envelope-refused"
  | "limit-exceeded"
  | "note-refused"
  | "meta-mismatch"
  | "block-refused"
  | "dag-refused"
  | "record-refused"
  | "kit-refused"
  | "not-saved"
  | "rollback"
  | "fork"
  // it cannot be done now
  | "unreachable"
  | "unavailable"
  | "too-many-attempts"
  | "quota-exceeded"
  | "storage-full"
  | "read-only"
  | "failed"
  // this app's own
  | "interrupted"
  | "device-full"
  | "too-large"
  | "not-supported";

/** What more an error can tell; each field belongs to the codes named. */
export interface ErrorFacts {
  /** note-refused: it is of a time to come by this clock; later it may be found sound. */
  readonly isEarly?: true;
  /** too-many-attempts, unavailable: how long to wait. */
  readonly retryAfterSeconds?: number;
  /** invalid-input: which field of a form (`email`, `name`, `password`, `code`, `title`, …). */
  readonly field?: string;
  /** invalid-input: the rule that was broken (`too-long`, `weak`, `characters`, `empty`, …). */
  readonly rule?: string;
  /** invalid-input on a recovery code: groups that are mistyped, 1…8. */
  readonly groups?: readonly number[];
  /** duplicate: the report that is the same. */
  readonly report?: string;
  /** certificate-changed, certificate-refused, forbidden: whose key it is, by email. */
  readonly person?: string;
}

export class EngineError extends Error {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message);
    this.name = "EngineError";
    this.code = code;
    this.facts = facts;
  }
}
