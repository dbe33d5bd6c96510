/**
 * Recipients headers (docs/spec/04): session keys wrapped by ECDH into anonymous PKESK packets of
 * version 6 (RFC 9580 §5.1.2, §11.5; AES key wrap, RFC 3394).
 */
import {
  bigEndian,
  concat,
  equal,
  equalSecret,
  randomBelow,
  sha256Hex,
  startsWith,
  utf8,
  type Bytes,
} from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal, type EngineError } from "../refusal.ts";
import type { Certificate, EncryptionSubkey } from "./certificates.ts";
import { CURVE25519_OID, ECDH, writePacket } from "./key-packets.ts";
import { sharedSecret, type UnlockedKey } from "./keys.ts";

const TAG_PKESK = 1;
const BODY_START = Uint8Array.of(6, 0, ECDH, 1, 7, 0x40); // version 6, anonymous; a 263-bit point
const WRAPPED_BYTES = 48; // AES key wrap of 40: session key, checksum, padding
const BODY_BYTES = 3 + 3 + 32 + 1 + WRAPPED_BYTES;
const ANONYMOUS_SENDER = utf8("Anonymous Sender    ");
const KDF_HASHES: Readonly<Record<number, string>> = { 8: "SHA-256", 9: "SHA-384", 10: "SHA-512" };
const KEK_BYTES: Readonly<Record<number, number>> = { 7: 16, 8: 24, 9: 32 };

export type SessionKey = Bytes; // 32 octets of AES-256

/** Whose packet in a header is which; `pkesk` is the packet's digest (docs/spec/16). */
export interface Recipient {
  readonly key: string;
  readonly pkesk: string;
}

/** One packet for each certificate, in random order. Throws `certificate-refused`. */
export async function makeHeader(
  sessionKey: SessionKey,
  certificates: readonly Certificate[],
): Promise<{ octets: Bytes; recipients: Recipient[] }> {
  const made: { key: string; packet: Bytes }[] = [];
  for (const certificate of certificates) {
    const packet = await wrap(sessionKey, await certificate.encryptionSubkey());
    made.splice(randomBelow(made.length + 1), 0, { key: certificate.keyId, packet });
  }
  const octets = concat(...made.map(({ packet }) => packet));
  parseHeader(octets);
  const recipients = made.map(async ({ key, packet }) => ({ key, pkesk: await sha256Hex(packet) }));
  return { octets, recipients: await Promise.all(recipients) };
}

/** One anonymous packet for `subkey`. */
export async function wrap(sessionKey: SessionKey, subkey: EncryptionSubkey): Promise<Bytes> {
  const pair = (await crypto.subtle.generateKey("X25519", false, ["deriveBits"])) as CryptoKeyPair;
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const shared = await sharedSecret(pair.privateKey, subkey.point);
  if (shared === null) throw refusal("certificate-refused", "An encryption key is not a usable point.");
  const kek = await keyEncryptionKey(shared, subkey, "wrapKey");
  const plain = concat(sessionKey, checksum(sessionKey), new Uint8Array(6).fill(6));
  const carrier = { name: "HMAC", hash: "SHA-256" };
  const wrapped = await crypto.subtle.wrapKey(
    "raw",
    await crypto.subtle.importKey("raw", plain, carrier, true, ["sign"]),
    kek,
    "AES-KW",
  );
  const body = concat(BODY_START, point, [WRAPPED_BYTES], new Uint8Array(wrapped));
  return writePacket(TAG_PKESK, body);
}

/** The session keys of every packet that `key` opens, one after the other. */
export async function* unwrapEach(
  packets: readonly Uint8Array[],
  key: UnlockedKey,
): AsyncGenerator<{ sessionKey: SessionKey; packet: Uint8Array }> {
  for (const packet of packets) {
    const sessionKey = await unwrap(packet, key);
    if (sessionKey !== null) yield { sessionKey, packet };
  }
}

async function unwrap(packet: Uint8Array, key: UnlockedKey): Promise<SessionKey | null> {
  const fields = packet.subarray(packet.length - BODY_BYTES + BODY_START.length);
  const shared = await key.ecdh(fields.subarray(0, 32));
  if (shared === null) return null;
  try {
    const kek = await keyEncryptionKey(shared, key.encryptionSubkey, "unwrapKey");
    const wrapped = fields.slice(33);
    const carrier = { name: "HMAC", hash: "SHA-256" };
    const held = await crypto.subtle.unwrapKey("raw", wrapped, kek, "AES-KW", carrier, true, ["sign"]);
    return unpadded(new Uint8Array(await crypto.subtle.exportKey("raw", held)));
  } catch {
    return null; // it is someone else's
  }
}

/** Session key out of key, checksum and padding (RFC 9580 §11.5); null when malformed. */
function unpadded(octets: Bytes): SessionKey | null {
  const count = octets.at(-1)!;
  if (count < 1 || count >= octets.length) return null;
  const padding = octets.subarray(octets.length - count);
  const content = octets.subarray(0, octets.length - count);
  if (padding.some((octet) => octet !== count) || content.length !== 34) return null;
  const secret = content.slice(0, 32);
  return equalSecret(checksum(secret), content.subarray(32)) ? secret : null;
}

async function keyEncryptionKey(
  shared: Uint8Array,
  { params, fingerprint }: EncryptionSubkey,
  usage: "wrapKey" | "unwrapKey",
): Promise<CryptoKey> {
  const hash = KDF_HASHES[params.hash];
  const length = KEK_BYTES[params.cipher];
  if (hash === undefined || length === undefined) {
    throw refusal("certificate-refused", "An encryption key asks for an unknown key derivation.");
  }
  const input = concat(
    [0, 0, 0, 1],
    shared,
    CURVE25519_OID,
    [ECDH, 3, 1, params.hash, params.cipher],
    ANONYMOUS_SENDER,
    fingerprint,
  );
  const digest = new Uint8Array(await crypto.subtle.digest(hash, input));
  return crypto.subtle.importKey("raw", digest.slice(0, length), "AES-KW", false, [usage]);
}

function checksum(octets: Uint8Array): Bytes {
  return bigEndian(octets.reduce((sum, octet) => (sum + octet) & 0xffff, 0), 2);
}

/** Takes a recipients header apart into its packets; throws `envelope-refused`, `limit-exceeded`. */
export function parseHeader(leaf: Uint8Array): Uint8Array[] {
  if (leaf.length > LIMITS.MAX_HEADER_BYTES) throw tooLong();
  const packets: Uint8Array[] = [];
  let at = 0;
  while (at < leaf.length) {
    if (packets.length === LIMITS.MAX_PKESKS) {
      throw refusal("limit-exceeded", "The recipients header names too many recipients.");
    }
    const end = packetEnd(leaf, at);
    packets.push(leaf.slice(at, end));
    at = end;
  }
  if (packets.length === 0) throw wrong("The recipients header is empty.");
  return packets;
}

function packetEnd(data: Uint8Array, at: number): number {
  if (data[at] !== (0xc0 | TAG_PKESK)) {
    throw wrong("The recipients header holds something else than recipients.");
  }
  // Definite lengths only; every encoding of 87 is taken (RFC 9580 §4.2.1).
  const isOne = data[at + 1] === BODY_BYTES;
  const isFive = data[at + 1] === 255 && equal(data.subarray(at + 2, at + 6), bigEndian(BODY_BYTES, 4));
  const start = at + (isOne ? 2 : 6);
  const body = data.subarray(start, start + BODY_BYTES);
  const isWhole = body.length === BODY_BYTES && body[38] === WRAPPED_BYTES;
  if (!(isOne || isFive) || !isWhole || !startsWith(body, BODY_START)) {
    throw wrong("A recipient is not an anonymous version 6 X25519 packet.");
  }
  return start + BODY_BYTES;
}

function tooLong(): EngineError {
  return refusal("limit-exceeded", "The recipients header is too long.");
}

function wrong(message: string): EngineError {
  return refusal("envelope-refused", message);
}
