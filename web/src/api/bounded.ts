/** Answers of a length that has a limit. */
import { refusal } from "../refusal.ts";

/** Of what the vault's own server answers to a call. */
export const MAX_ANSWER_BYTES = 16 << 20;

/** A whole answer of at most `limit` octets; throws `limit-exceeded`. */
export async function readBounded(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(response.headers.get("Content-Length") ?? "0");
  if (length > limit) throw refusal("limit-exceeded", "An answer is longer than it may be.");
  if (response.headers.has("Content-Length")) return new Uint8Array(await response.arrayBuffer());
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const step = await reader?.read();
    if (step === undefined || step.done) break;
    size += step.value.length;
    if (size > limit) throw refusal("limit-exceeded", "An answer is longer than it may be.");
    pieces.push(step.value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
