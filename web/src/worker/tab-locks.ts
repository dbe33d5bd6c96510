/** What one tab of a browser does at a time (Web Locks). A tab that ends, whatever way, gives way. */
import { refusal } from "../refusal.ts";

const CHANGES = "hygieia-changes";

/** Undefined where a browser knows no locks, or in tests under Node. */
export function locksOf(): LockManager | undefined {
  return typeof navigator === "undefined" ? undefined : (navigator as { locks?: LockManager }).locks;
}

/**
 * Runs a change once no other tab makes one: each finds what the others have left waiting. Once
 * `closing` is aborted, the others wait no longer for this one. Throws `interrupted` when it was
 * aborted before its turn.
 */
export async function inTurnOfTabs(closing: AbortSignal, run: () => Promise<void>): Promise<void> {
  const locks = locksOf();
  if (locks === undefined) return run();
  let running: Promise<void> | undefined;
  const begin = async (): Promise<void> => {
    running = run();
    await Promise.race([running, aborted(closing)]);
  };
  try {
    await locks.request(CHANGES, { signal: closing }, begin);
  } catch (error) {
    if (running === undefined && closing.aborted) throw refusal("interrupted", "The vault was locked.");
    throw error;
  }
  await running;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
