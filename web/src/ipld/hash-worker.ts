/** A block's octets come in, and go back with their SHA-256. */
import type { FromHasher, ToHash } from "./hashing.ts";

declare const self: DedicatedWorkerGlobalScope;

self.onmessage = async ({ data: { id, octets } }: MessageEvent<ToHash>) => {
  // No memory for it, say. What is thrown here reaches nobody.
  const digest = await crypto.subtle.digest("SHA-256", octets).catch(() => null);
  const transfer = digest === null ? [octets.buffer] : [octets.buffer, digest];
  self.postMessage({ id, octets, digest } satisfies FromHasher, transfer);
};
self.postMessage(null satisfies FromHasher);
