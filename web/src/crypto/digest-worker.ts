/** Pieces in, null ends them; each is answered with null, the end with the digest in hex. */
import { createSHA256 } from "hash-wasm";

const hash = createSHA256().then((made) => made.init());

self.onmessage = async ({ data }: MessageEvent<Uint8Array | null>) => {
  const state = await hash;
  if (data !== null) state.update(data);
  self.postMessage(data === null ? state.digest("hex") : null);
};
