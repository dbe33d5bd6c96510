/** Buffers and how much of each is filled come in and are given back; null ends them. */
import { createSHA256 } from "hash-wasm";

declare const self: DedicatedWorkerGlobalScope;

const hash = createSHA256().then((made) => made.init());

self.onmessage = async ({ data }: MessageEvent<[ArrayBuffer, number] | null>) => {
  const state = await hash;
  if (data === null) {
    self.postMessage(state.digest("hex"));
    return;
  }
  const [buffer, filled] = data;
  state.update(new Uint8Array(buffer, 0, filled));
  self.postMessage(buffer, [buffer]);
};
