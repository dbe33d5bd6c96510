// How long the rest will take, from how long the first part took.

import type { KeyProgress } from "../../engine/interface.ts";

const smallestPercent = 10;

/** Returns a function that, given progress, tells the seconds left, or null while it is too early to tell. */
export function startPace(now: () => number = () => performance.now()): (progress: KeyProgress) => number | null {
  const start = now();
  return ({ percent }) => {
    if (percent < smallestPercent) return null;
    const elapsed = (now() - start) / 1000;
    return Math.max(1, Math.round((elapsed / percent) * (100 - percent)));
  };
}
