// Any sign of life puts off the automatic lock.

import type { Engine } from "../engine/interface.ts";

const everyMilliseconds = 1000;
const signs = ["pointerdown", "keydown", "wheel", "touchstart"] as const;

/** Tell the engine of input, at most once a second. Returns what stops it. */
export function keepAwake(engine: Pick<Engine, "stillHere">): () => void {
  let last = -Infinity;
  const onSign = (): void => {
    const now = performance.now();
    if (now - last < everyMilliseconds) return;
    last = now;
    engine.stillHere();
  };
  for (const sign of signs) addEventListener(sign, onSign, { passive: true, capture: true });
  return () => {
    for (const sign of signs) removeEventListener(sign, onSign, { capture: true });
  };
}
