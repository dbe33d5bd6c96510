/**
 * Version 4 EdDSA signature packets (RFC 9580 §5.2): parsed, composed and verified. WebCrypto does
 * the Ed25519; what a signature must say to count is checked by who asks.
 */
import { bigEndian, concat, equal, readBigEndian, utf8, type Bytes } from "../bytes.ts";
import { EDDSA, fingerprintOf, hashedKey, padded32, readMpi, writeMpi } from "./key-packets.ts";

/** Signature types (RFC 9580 §5.2.1). */
export const KIND = {
  BINARY: 0x00,
  POSITIVE_CERTIFICATION: 0x13,
  SUBKEY_BINDING: 0x18,
  DIRECT_KEY: 0x1f,
  KEY_REVOCATION: 0x20,
  SUBKEY_REVOCATION: 0x28,
  CERTIFICATION_REVOCATION: 0x30,
} as const;

/** Signature subpackets (RFC 9580 §5.2.3.7). */
export const SUBPACKET = {
  CREATION_TIME: 2,
  SIGNATURE_EXPIRATION: 3,
  KEY_EXPIRATION: 9,
  PREFERRED_CIPHERS: 11,
  ISSUER_KEY_ID: 16,
  NOTATION: 20,
  PREFERRED_HASHES: 21,
  PREFERRED_COMPRESSION: 22,
  PRIMARY_USER_ID: 25,
  KEY_FLAGS: 27,
  REVOCATION_REASON: 29,
  FEATURES: 30,
  ISSUER_FINGERPRINT: 33,
  PREFERRED_AEAD_SUITES: 39,
} as const;

const HASHES: Readonly<Record<number, string>> = { 8: "SHA-256", 9: "SHA-384", 10: "SHA-512" };
const SHA512 = 10;
const MAX_SUBPACKETS = 64;
const HUMAN_READABLE = Uint8Array.of(0x80, 0, 0, 0);

export interface Subpacket {
  readonly kind: number;
  readonly isCritical: boolean;
  readonly body: Uint8Array;
}

export interface Signature {
  readonly kind: number;
  readonly hash: number;
  readonly hashed: readonly Subpacket[];
  readonly unhashed: readonly Subpacket[];
  readonly hashedOctets: Uint8Array;
  readonly digestPrefix: Uint8Array;
  readonly value: Bytes;
}

export interface Signer {
  readonly primaryBody: Uint8Array;
  sign(digest: Uint8Array): Promise<Uint8Array>;
}

export function hasKnownHash(signature: Signature): boolean {
  return signature.hash in HASHES;
}

/** A critical subpacket that is not understood makes its signature invalid (§5.2.3.7). */
export function hasUnknownCritical(signature: Signature): boolean {
  return signature.hashed.some(({ kind, isCritical }) => isCritical && !isUnderstood(kind));
}

function isUnderstood(kind: number): boolean {
  const inRange = (kind >= 2 && kind <= 7) || (kind >= 21 && kind <= 30) || (kind >= 32 && kind <= 35);
  return inRange || kind === 9 || kind === 11 || kind === 16 || kind === 39;
}

/** Body of the hashed subpacket of this kind; the last one counts, as everywhere. */
export function findSubpacket(signature: Signature, kind: number): Uint8Array | undefined {
  return signature.hashed.findLast((each) => each.kind === kind)?.body;
}

/** Creation time in seconds since 1970, or null. */
export function createdOf(signature: Signature): number | null {
  const body = findSubpacket(signature, SUBPACKET.CREATION_TIME);
  return body?.length === 4 ? readBigEndian(body) : null;
}

/** Seconds of a time subpacket; 0 when absent or malformed. */
export function secondsOf(body: Uint8Array | undefined): number {
  return body?.length === 4 ? readBigEndian(body) : 0;
}

/** Whether it says that the key with this v4 fingerprint made it; proves nothing. */
export function namesIssuer(signature: Signature, fingerprint: Uint8Array): boolean {
  const all = [...signature.hashed, ...signature.unhashed];
  const full = all.filter(({ kind }) => kind === SUBPACKET.ISSUER_FINGERPRINT);
  if (full.length > 0) return full.every(({ body }) => equal(body, [4, ...fingerprint]));
  const short = all.filter(({ kind }) => kind === SUBPACKET.ISSUER_KEY_ID);
  return short.length > 0 && short.every(({ body }) => equal(body, fingerprint.subarray(12)));
}

/** Values of the human-readable notation `name` in the hashed area. */
export function notationsOf(signature: Signature, name: string): string[] {
  const decoder = new TextDecoder();
  const values: string[] = [];
  for (const { kind, body } of signature.hashed) {
    if (kind !== SUBPACKET.NOTATION || !equal(body.subarray(0, 4), HUMAN_READABLE)) continue;
    const nameEnd = 8 + readBigEndian(body.subarray(4, 6));
    const valueEnd = nameEnd + readBigEndian(body.subarray(6, 8));
    if (body.length < 8 || valueEnd !== body.length) continue;
    if (decoder.decode(body.subarray(8, nameEnd)) === name) {
      values.push(decoder.decode(body.subarray(nameEnd)));
    }
  }
  return values;
}

/** Throws RangeError for anything but a well-formed v4 EdDSA signature. */
export function parseSignature(body: Uint8Array): Signature {
  if (body.length < 6 || body[0] !== 4 || body[2] !== EDDSA) throw new RangeError("not v4 EdDSA");
  const [hashed, hashedEnd] = readArea(body, 4);
  const [unhashed, unhashedEnd] = readArea(body, hashedEnd);
  const [r, next] = readMpi(body, unhashedEnd + 2, 32);
  const [s, end] = readMpi(body, next, 32);
  if (end !== body.length) throw new RangeError("octets after the signature");
  return {
    kind: body[1]!,
    hash: body[3]!,
    hashed,
    unhashed,
    hashedOctets: body.slice(0, hashedEnd),
    digestPrefix: body.slice(unhashedEnd, unhashedEnd + 2),
    value: concat(padded32(r), padded32(s)),
  };
}

function readArea(body: Uint8Array, at: number): [Subpacket[], number] {
  const start = at + 2;
  const end = start + readBigEndian(body.subarray(at, start));
  if (start > body.length || end > body.length) throw new RangeError("subpackets cut short");
  const found: Subpacket[] = [];
  for (let place = start; place < end; ) {
    const [length, first] = readSubpacketLength(body, place);
    if (length === 0 || first + length > end || found.length === MAX_SUBPACKETS) {
      throw new RangeError("malformed subpacket");
    }
    const kind = body[first]!;
    found.push({
      kind: kind & 0x7f,
      isCritical: (kind & 0x80) !== 0,
      body: body.slice(first + 1, first + length),
    });
    place = first + length;
  }
  return [found, end];
}

function readSubpacketLength(body: Uint8Array, at: number): [length: number, start: number] {
  const first = body[at]!;
  if (first < 192) return [first, at + 1];
  if (first < 255) return [((first - 192) << 8) + (body[at + 1] ?? 0) + 192, at + 2];
  return [readBigEndian(body.subarray(at + 1, at + 5)), at + 5];
}

/** Whether the signature over `signed` is by the Ed25519 key `point`. */
export async function verifies(
  signature: Signature,
  point: Uint8Array,
  signed: Uint8Array,
): Promise<boolean> {
  if (!hasKnownHash(signature) || hasUnknownCritical(signature)) return false;
  const digest = await digestOf(signature.hash, signed, signature.hashedOctets);
  if (!equal(digest.subarray(0, 2), signature.digestPrefix)) return false;
  try {
    const key = await crypto.subtle.importKey("raw", point as Bytes, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, signature.value, digest);
  } catch {
    return false; // a point that is none
  }
}

/** The body of a v4 EdDSA signature with SHA-512; issuer and creation time are added. */
export async function composeSignature(
  kind: number,
  signed: Uint8Array,
  signer: Signer,
  created: number,
  subpackets: readonly Subpacket[] = [],
): Promise<Bytes> {
  const fingerprint = await fingerprintOf(signer.primaryBody);
  const hashed = writeArea([
    plain(SUBPACKET.CREATION_TIME, bigEndian(created, 4)),
    plain(SUBPACKET.ISSUER_FINGERPRINT, concat([4], fingerprint)),
    ...subpackets,
  ]);
  const unhashed = writeArea([plain(SUBPACKET.ISSUER_KEY_ID, fingerprint.subarray(12))]);
  const hashedOctets = concat([4, kind, EDDSA, SHA512], hashed);
  const digest = await digestOf(SHA512, signed, hashedOctets);
  const value = await signer.sign(digest);
  return concat(
    hashedOctets,
    unhashed,
    digest.subarray(0, 2),
    writeMpi(value.subarray(0, 32)),
    writeMpi(value.subarray(32)),
  );
}

async function digestOf(hash: number, signed: Uint8Array, hashedOctets: Uint8Array): Promise<Bytes> {
  const whole = concat(signed, hashedOctets, [4, 255], bigEndian(hashedOctets.length, 4));
  return new Uint8Array(await crypto.subtle.digest(HASHES[hash]!, whole));
}

function writeArea(subpackets: readonly Subpacket[]): Bytes {
  const octets = concat(...subpackets.map(writeSubpacket));
  return concat(bigEndian(octets.length, 2), octets);
}

function writeSubpacket({ kind, isCritical, body }: Subpacket): Bytes {
  const content = concat([kind | (isCritical ? 0x80 : 0)], body);
  const length = content.length < 192 ? [content.length] : [255, ...bigEndian(content.length, 4)];
  return concat(length, content);
}

export function plain(kind: number, body: ArrayLike<number>): Subpacket {
  return { kind, isCritical: false, body: Uint8Array.from(body) };
}

export function critical(kind: number, body: ArrayLike<number>): Subpacket {
  return { kind, isCritical: true, body: Uint8Array.from(body) };
}

/** A human-readable notation, not critical: sq 1.3 dies on critical ones (docs/spec/05). */
export function notation(name: string, value: string): Subpacket {
  const [nameOctets, valueOctets] = [utf8(name), utf8(value)];
  const lengths = concat(bigEndian(nameOctets.length, 2), bigEndian(valueOctets.length, 2));
  return plain(SUBPACKET.NOTATION, concat(HUMAN_READABLE, lengths, nameOctets, valueOctets));
}

/** What a certification of a user id covers. */
export function signedUserId(primaryBody: Uint8Array, userId: Uint8Array): Bytes {
  return concat(hashedKey(primaryBody), [0xb4], bigEndian(userId.length, 4), userId);
}

/** What a subkey's binding or revocation covers. */
export function signedSubkey(primaryBody: Uint8Array, subkeyBody: Uint8Array): Bytes {
  return concat(hashedKey(primaryBody), hashedKey(subkeyBody));
}
