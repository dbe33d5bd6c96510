/** Lists of pieces in, null ends them; pieces are given back, the end with the digest in hex. */
import { createSHA256 } from "hash-wasm";

declare const self: DedicatedWorkerGlobalScope;

const hash = createSHA256().then((made) => made.init());

self.onmessage = async ({ data }: MessageEvent<Uint8Array<ArrayBuffer>[] | null>) => {
  const state = await hash;
  if (data === null) {
    self.postMessage(state.digest("hex"));
    return;
  }
  for (const piece of data) state.update(piece);
  self.postMessage(data, data.map(({ buffer }) => buffer));
};
