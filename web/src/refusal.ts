/** Raising the errors of `engine/errors.ts` from below. */
import { EngineError, type ErrorCode, type ErrorFacts } from "./engine/errors.ts";

export { EngineError, type ErrorCode };

/** The error for `code`; `throw` it. */
export function refusal(code: ErrorCode, message: string, facts: ErrorFacts = {}): EngineError {
  return new EngineError(code, message, facts);
}

/** A value of a form breaks its rule. */
export function invalid(field: string, rule: string, message: string): EngineError {
  return new EngineError("invalid-input", message, { field, rule });
}

export function isRefusal(error: unknown, ...codes: readonly ErrorCode[]): error is EngineError {
  return error instanceof EngineError && (codes.length === 0 || codes.includes(error.code));
}

const INTEGRITY: ReadonlySet<ErrorCode> = new Set([
  "integrity",
  "kdf-refused",
  "key-mismatch",
  "sealed-key-refused",
  "certificate-refused",
  "certificate-changed",
  "recipient-refused",
  "delegation-refused",
  "activity-altered",
  "activity-gap",
  "envelope-refused",
  "limit-exceeded",
  "note-refused",
  "meta-mismatch",
  "block-refused",
  "dag-refused",
  "record-refused",
  "kit-refused",
  "not-saved",
  "rollback",
  "fork",
]);

/** Whether something did not verify: the branch `IntegrityError` of hygieia/errors.py. */
export function isIntegrity(error: unknown): error is EngineError {
  return error instanceof EngineError && INTEGRITY.has(error.code);
}
