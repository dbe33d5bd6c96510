/** Posts bodies that come in, and gives their memory back with the answer. */
import { BodyCount } from "./body-count.ts";
import { MAX_ANSWER_BYTES, readBounded } from "./bounded.ts";
import type { Delivered, ToCourier } from "./courier.ts";
import { isRefusal } from "../refusal.ts";

declare const self: DedicatedWorkerGlobalScope;

const sent = new BodyCount();
const underWay = new Map<number, AbortController>();

self.onmessage = async ({ data }: MessageEvent<ToCourier>) => {
  const { id } = data;
  if (data.kind === "stop") {
    underWay.get(id)?.abort();
    return;
  }
  const stop = new AbortController();
  underWay.set(id, stop);
  const { url, init, octets } = data;
  let delivered: Delivered;
  try {
    const response = await fetch(url, { ...init, body: octets, signal: stop.signal });
    const answer = await readBounded(response, MAX_ANSWER_BYTES);
    delivered = { id, octets, status: response.status, answer, failure: null };
  } catch (error) {
    const failure = isRefusal(error, "limit-exceeded") ? "limit-exceeded" : "unreachable";
    delivered = { id, octets, status: 0, answer: new Uint8Array(0), failure };
  }
  underWay.delete(id);
  sent.add(octets.length);
  self.postMessage(delivered, [octets.buffer]);
};
