/** Buffers and how much of each is filled come in and are given back; null ends them. */
import { createSHA256 } from "hash-wasm";
import type { FromDigest } from "./digest.ts";

declare const self: DedicatedWorkerGlobalScope;

function answer(what: FromDigest, transfer: Transferable[] = []): void {
  self.postMessage(what, transfer);
}

const hash = createSHA256().then((made) => made.init());
hash.then(
  () => answer({ kind: "begun" }),
  () => answer({ kind: "failed" }),
);

self.onmessage = async ({ data }: MessageEvent<[ArrayBuffer, number] | null>) => {
  try {
    const state = await hash;
    if (data === null) {
      answer({ kind: "digest", hex: state.digest("hex") });
      return;
    }
    const [buffer, filled] = data;
    state.update(new Uint8Array(buffer, 0, filled));
    answer({ kind: "buffer", buffer }, [buffer]);
  } catch {
    answer({ kind: "failed" }); // what is thrown here reaches nobody
  }
};
