/** A recipients header with other readers: the payload's octets stay as they are (docs/spec/04). */
import { concat, randomBelow, sha256Hex, type Bytes } from "../bytes.ts";
import { refusal } from "../refusal.ts";
import type { Certificate } from "./certificates.ts";
import { parseHeader, wrap, type Recipient, type SessionKey } from "./session-keys.ts";

export interface Rewrapped {
  readonly octets: Bytes;
  /** Who was added, in the order asked for, and the digests of their packets. */
  readonly added: readonly Recipient[];
}

/** SHA-256 of a packet, tag and length octets included (docs/spec/16). */
export function pkeskDigest(packet: Uint8Array): Promise<string> {
  return sha256Hex(packet);
}

/**
 * Adds readers and drops packets by digest; the other packets stay byte for byte, all in random
 * order, so that a packet's place tells nothing about when it came. `sessionKey` is the one that
 * `packets` wrap. Throws `invalid-input` when a digest to drop is not there, `certificate-refused`,
 * `envelope-refused` when nobody could read the result, `limit-exceeded`.
 */
export async function rewrap(
  packets: readonly Uint8Array[],
  sessionKey: SessionKey,
  change: { add?: readonly Certificate[]; drop?: readonly string[] },
): Promise<Rewrapped> {
  const kept = new Map<string, Uint8Array>();
  for (const packet of packets) kept.set(await pkeskDigest(packet), packet);
  for (const digest of change.drop ?? []) {
    if (!kept.delete(digest)) {
      throw refusal("invalid-input", "The recipients header does not hold the packet to be dropped.");
    }
  }
  const added: Recipient[] = [];
  for (const certificate of change.add ?? []) {
    const packet = await wrap(sessionKey, await certificate.encryptionSubkey());
    const pkesk = await pkeskDigest(packet);
    kept.set(pkesk, packet);
    added.push({ key: certificate.keyId, pkesk });
  }
  const octets = concat(...shuffled([...kept.values()]));
  parseHeader(octets);
  return { octets, added };
}

function shuffled<T>(items: T[]): T[] {
  const order: T[] = [];
  for (const item of items) order.splice(randomBelow(order.length + 1), 0, item);
  return order;
}
