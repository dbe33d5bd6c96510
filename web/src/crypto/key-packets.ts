/**
 * Packets of certificates and keys: framing, MPIs and the two algorithms accepted (RFC 9580 §4.2,
 * §3.2, §5.5). Only the v4 algorithms of docs/spec/03: Ed25519 (22) and Curve25519 ECDH (18).
 */
import { bigEndian, concat, equal, hex, readBigEndian, sha256, startsWith, type Bytes } from "../bytes.ts";
import { refusal, type EngineError } from "../refusal.ts";

export const TAG = {
  SIGNATURE: 2,
  SECRET_KEY: 5,
  PUBLIC_KEY: 6,
  SECRET_SUBKEY: 7,
  USER_ID: 13,
  PUBLIC_SUBKEY: 14,
  USER_ATTRIBUTE: 17,
} as const;

export interface Packet {
  readonly tag: number;
  readonly body: Bytes;
}

/** How an ECDH secret becomes a wrapping key (RFC 9580 §11.5): OpenPGP algorithm numbers. */
export interface EcdhParams {
  readonly hash: number;
  readonly cipher: number;
}

export const OWN_ECDH_PARAMS: EcdhParams = { hash: 8, cipher: 7 };
export const ECDH = 18;
export const EDDSA = 22;
export const ED25519_BODY_BYTES = 51;
export const CURVE25519_BODY_BYTES = 56;
export const CURVE25519_OID = Uint8Array.of(0x0a, 0x2b, 6, 1, 4, 1, 0x97, 0x55, 1, 5, 1);
const ED25519_OID = Uint8Array.of(9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1);
const HEADER_BYTES = 6; // version, creation time, algorithm

/** Cuts binary OpenPGP into packets, definite lengths only; throws `certificate-refused`. */
export function splitPackets(data: Uint8Array, maxPackets: number): Packet[] {
  const packets: Packet[] = [];
  let at = 0;
  while (at < data.length) {
    if (packets.length === maxPackets) throw wrong(`A certificate has more than ${maxPackets} packets.`);
    const [tag, start, length] = readHeader(data, at);
    if (start + length > data.length) throw wrong("A certificate or key is cut short.");
    packets.push({ tag, body: data.slice(start, start + length) });
    at = start + length;
  }
  return packets;
}

function readHeader(data: Uint8Array, at: number): [tag: number, start: number, length: number] {
  const first = data[at]!;
  if ((first & 0x80) === 0) throw wrong("A certificate or key is not made of OpenPGP packets.");
  if ((first & 0x40) !== 0) {
    const [octets, length] = newLength(data.subarray(at + 1, at + 6));
    return [first & 0x3f, at + 1 + octets, length];
  }
  const octets = [1, 2, 4, 0][first & 3]!;
  const field = data.subarray(at + 1, at + 1 + octets);
  if (octets === 0 || field.length < octets) throw unknownLength();
  return [(first >> 2) & 15, at + 1 + octets, readBigEndian(field)];
}

function newLength(field: Uint8Array): [octets: number, length: number] {
  const first = field[0];
  if (first !== undefined && first < 192) return [1, first];
  if (first !== undefined && first < 224 && field.length >= 2) {
    return [2, ((first - 192) << 8) + field[1]! + 192];
  }
  if (first === 255 && field.length === 5) return [5, readBigEndian(field.subarray(1))];
  throw unknownLength();
}

function unknownLength(): EngineError {
  return wrong("A certificate or key has a packet of unknown length.");
}

/** A definite body length, as short as possible (RFC 9580 §4.2.1). */
export function writeLength(length: number): number[] {
  if (length < 192) return [length];
  if (length < 8384) return [192 + ((length - 192) >> 8), (length - 192) & 255];
  return [255, ...bigEndian(length, 4)];
}

export function writePacket(tag: number, body: Uint8Array): Bytes {
  return concat([0xc0 | tag, ...writeLength(body.length)], body);
}

/** Bit count, then the big-endian octets without leading zeros. */
export function writeMpi(value: Uint8Array): Bytes {
  let start = 0;
  while (start < value.length && value[start] === 0) start++;
  const stripped = value.subarray(start);
  const bits = stripped.length === 0 ? 0 : stripped.length * 8 - (Math.clz32(stripped[0]!) - 24);
  return concat(bigEndian(bits, 2), stripped);
}

/** An MPI's octets and the place after it; throws RangeError unless written canonically. */
export function readMpi(data: Uint8Array, at: number, maxBytes: number): [value: Bytes, end: number] {
  if (at + 2 > data.length) throw new RangeError("MPI cut short");
  const length = (readBigEndian(data.subarray(at, at + 2)) + 7) >> 3;
  const end = at + 2 + length;
  const value = data.slice(at + 2, end);
  const isCanonical = value.length === length && equal(writeMpi(value), data.subarray(at, end));
  if (length > maxBytes || !isCanonical) throw new RangeError("MPI is not canonical");
  return [value, end];
}

/** `value` in 32 octets, zeros in front. */
export function padded32(value: Uint8Array): Bytes {
  return concat(new Uint8Array(32 - value.length), value);
}

/** The v4 fingerprint (RFC 9580 §5.5.4.2): for display, issuers and ECDH only. */
export async function fingerprintOf(body: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-1", hashedKey(body)));
}

/** docs/spec/01: 64 hex of SHA-256 over the fingerprint's input; the only identity used. */
export async function keyIdOf(body: Uint8Array): Promise<string> {
  return hex(await sha256(hashedKey(body)));
}

/** What signatures over a key cover (RFC 9580 §5.2.4). */
export function hashedKey(body: Uint8Array): Bytes {
  return concat([0x99], bigEndian(body.length, 2), body);
}

export function creationTime(body: Uint8Array): number {
  return readBigEndian(body.subarray(1, 5));
}

/** Throws `certificate-refused` for versions other than 4. */
export function checkVersion(body: Uint8Array): void {
  if (body.length < HEADER_BYTES || body[0] !== 4) throw wrong("A key is not of OpenPGP version 4.");
}

/** The point of an Ed25519 key packet; throws `certificate-refused` for all others. */
export function readEd25519(body: Uint8Array): Bytes {
  const [point, end] = readPoint(body, EDDSA, ED25519_OID);
  if (end !== body.length) throw wrong("An Ed25519 key packet has octets too many.");
  return point;
}

/** Point and ECDH parameters of a Curve25519 key packet; throws `certificate-refused`. */
export function readCurve25519(body: Uint8Array): [point: Bytes, params: EcdhParams] {
  const [point, end] = readPoint(body, ECDH, CURVE25519_OID);
  if (body.length !== end + 4 || body[end] !== 3 || body[end + 1] !== 1) {
    throw wrong("A Curve25519 key has malformed ECDH parameters.");
  }
  const params = { hash: body[end + 2]!, cipher: body[end + 3]! };
  if (params.hash < 8 || params.hash > 10 || params.cipher < 7 || params.cipher > 9) {
    throw wrong("A Curve25519 key asks for ECDH algorithms that are not accepted.");
  }
  return [point, params];
}

export function isCurve25519(body: Uint8Array): boolean {
  try {
    readCurve25519(body);
    return true;
  } catch {
    return false;
  }
}

function readPoint(body: Uint8Array, algorithm: number, oid: Uint8Array): [Bytes, number] {
  checkVersion(body);
  if (body[5] !== algorithm || !startsWith(body, oid, HEADER_BYTES)) {
    throw wrong("A key is of an algorithm that is not accepted: only Ed25519 with Curve25519 is.");
  }
  try {
    const [value, end] = readMpi(body, HEADER_BYTES + oid.length, 33);
    if (value.length === 33 && value[0] === 0x40) return [value.slice(1), end];
  } catch {
    // malformed, as below
  }
  throw wrong("A key's point is malformed.");
}

export function ed25519Body(created: number, point: Uint8Array): Bytes {
  return keyBody(created, EDDSA, ED25519_OID, point);
}

export function curve25519Body(created: number, point: Uint8Array): Bytes {
  const params = [3, 1, OWN_ECDH_PARAMS.hash, OWN_ECDH_PARAMS.cipher];
  return concat(keyBody(created, ECDH, CURVE25519_OID, point), params);
}

function keyBody(created: number, algorithm: number, oid: Uint8Array, point: Uint8Array): Bytes {
  return concat([4], bigEndian(created, 4), [algorithm], oid, writeMpi(concat([0x40], point)));
}

export function wrong(message: string): EngineError {
  return refusal("certificate-refused", message);
}
