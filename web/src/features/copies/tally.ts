// Counting copies for the dashboard.

import type { Copies } from "../../engine/interface.ts";

export interface Levels {
  readonly three: number;
  readonly two: number;
  readonly one: number;
  readonly missing: number;
  readonly untested: number;
}

/** k3, k2, k1: that many copies (k3: three or more); k0: none found; kx: not tested yet. */
export type Level = "k3" | "k2" | "k1" | "k0" | "kx";

export function levelOf({ state, copies }: Copies): Level {
  if (state === "never") return "kx";
  if (state === "missing" || copies === 0) return "k0";
  return copies === 1 ? "k1" : copies === 2 ? "k2" : "k3";
}

export function countLevels(items: readonly Copies[]): Levels {
  const count = (level: Level): number => items.filter((item) => levelOf(item) === level).length;
  return { three: count("k3"), two: count("k2"), one: count("k1"), missing: count("k0"), untested: count("kx") };
}

/** Places that hold copies, and how many reports each has, most first. */
export function placesOf(items: readonly Copies[]): readonly { readonly place: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const { places } of items) for (const place of places) counts.set(place, (counts.get(place) ?? 0) + 1);
  return [...counts].map(([place, count]) => ({ place, count })).sort((a, b) => b.count - a.count);
}

/** When the latest test was; null when there was none. */
export function lastTest(items: readonly Copies[]): string | null {
  return items.reduce<string | null>(
    (latest, { lastChecked }) => (lastChecked !== null && (latest === null || lastChecked > latest) ? lastChecked : latest),
    null,
  );
}
