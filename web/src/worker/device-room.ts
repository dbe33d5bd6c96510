/** Whether it is this device that has no room left (https://storage.spec.whatwg.org/#quota-exceeded-error). */
import { refusal } from "../refusal.ts";

/** What could not be kept, in the engine's words: `device-full`, or `error` as it is. */
export function fullOr(error: unknown): unknown {
  const isFull = error instanceof DOMException && error.name === "QuotaExceededError";
  return isFull ? deviceFull() : error;
}

export function deviceFull(): Error {
  return refusal("device-full", "There is no room left on this device.");
}
