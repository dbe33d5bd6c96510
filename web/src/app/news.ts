// What others have done meanwhile is looked for while the page is seen, without a word.

import type { Engine } from "../engine/interface.ts";

const everyMilliseconds = 4 * 60_000;
/** Who goes back and forth between windows asks the server no more often. */
const apartMilliseconds = 60_000;

/** Look again when she comes back to the page, and now and then while she is on it. Returns what stops it. */
export function lookForNews(engine: Pick<Engine, "lookAgain">): () => void {
  let last = performance.now();
  const look = (): void => {
    if (document.visibilityState !== "visible" || performance.now() - last < apartMilliseconds) return;
    last = performance.now();
    engine.lookAgain().catch(() => undefined); // the next look may do
  };
  const timer = setInterval(look, everyMilliseconds);
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", look);
    removeEventListener("focus", look);
  };
}
