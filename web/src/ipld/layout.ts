/**
 * The one shape that a file of a given size has under profile unixfs-v1-2025 (IPIP-0499): leaves of
 * 1 MiB, the last one shorter; balanced nodes of up to 1024 links, all leaves at one depth.
 */
import { LIMITS } from "../limits.ts";

/** How many links lie between the root and its leaves; 0: the root is a leaf. */
export function levelOf(sizeBytes: number): number {
  let level = 0;
  for (let held = LIMITS.CHUNK_BYTES; held < sizeBytes; held *= LIMITS.MAX_LINKS) level++;
  return level;
}

/** The most bytes that a node at `level` can hold. */
export function capacityOf(level: number): number {
  return LIMITS.CHUNK_BYTES * LIMITS.MAX_LINKS ** level;
}

/** Whether `sizes` are those of the children of a node of `sizeBytes` at `level` ≥ 1. */
export function areChildSizes(sizes: readonly number[], sizeBytes: number, level: number): boolean {
  const capacity = capacityOf(level - 1);
  const full = Math.floor(sizeBytes / capacity);
  const rest = sizeBytes % capacity;
  return (
    sizes.length === full + (rest > 0 ? 1 : 0) &&
    sizes.every((size, place) => size === (place < full ? capacity : rest))
  );
}
