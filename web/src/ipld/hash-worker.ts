/** A block's octets come in, and go back with their SHA-256. */
import type { Hashed, ToHash } from "./hashing.ts";

declare const self: DedicatedWorkerGlobalScope;

self.onmessage = async ({ data: { id, octets } }: MessageEvent<ToHash>) => {
  const digest = await crypto.subtle.digest("SHA-256", octets);
  self.postMessage({ id, octets, digest } satisfies Hashed, [octets.buffer, digest]);
};
