/** Envelopes: who may read before what they read (docs/spec/04). */
import { isIntegrity, refusal, type EngineError } from "../refusal.ts";
import type { Bytes } from "../bytes.ts";
import type { UnlockedKey } from "./keys.ts";
import { decryptBytes } from "./payload.ts";
import { parseHeader, unwrapEach, type SessionKey } from "./session-keys.ts";

/** A small envelope's content, its session key and the packet that gave it. */
export interface Opened {
  readonly content: Bytes;
  readonly sessionKey: SessionKey;
  readonly packet: Uint8Array;
}

/**
 * Opens an envelope held in memory. Anyone who has the certificate can slip in a packet that opens
 * to another session key, so each that the key opens is tried until the payload verifies.
 */
export async function openSmall(
  header: Uint8Array,
  payload: readonly Uint8Array[],
  key: UnlockedKey,
  maxBytes: number,
): Promise<Opened> {
  let failure: EngineError = refusal("envelope-refused", "This key is not among the recipients.");
  for await (const { sessionKey, packet } of unwrapEach(parseHeader(header), key)) {
    try {
      return { content: await decryptBytes(payload, sessionKey, maxBytes), sessionKey, packet };
    } catch (error) {
      if (!isIntegrity(error)) throw error;
      failure = error;
    }
  }
  throw failure;
}
