/** IPNS names and records for Ed25519 keys (https://specs.ipfs.tech/ipns/ipns-record/). */
import { concat, equal, fromUtf8, utf8, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal, type EngineError } from "../refusal.ts";
import { parseCid, type Cid } from "./cid.ts";
import { readVarint, writeVarint } from "./varint.ts";

const KEY_HEAD = Uint8Array.of(8, 1, 18, 32); // libp2p PublicKey: Ed25519, 32 bytes of data
const NAME_HEAD = Uint8Array.of(1, 0x72, 0, 36); // CIDv1, libp2p-key, identity, 36 octets
const BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz";

export interface IpnsRecord {
  readonly root: Cid;
  readonly sequence: number;
}

export interface RecordSigner {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** `k51…` of a 32-byte Ed25519 public key. */
export function nameOf(publicKey: Uint8Array): string {
  let number = 0n;
  for (const octet of concat(NAME_HEAD, KEY_HEAD, publicKey)) number = number * 256n + BigInt(octet);
  let text = "";
  for (; number > 0n; number /= 36n) text = BASE36[Number(number % 36n)] + text;
  return "k" + text;
}

/** The public key in a name, which has one form; throws `invalid-input`. */
export function publicKeyOf(name: string): Bytes {
  if (!/^k[0-9a-z]{50,70}$/.test(name)) throw refusal("invalid-input", "This is not an IPNS name.");
  let number = 0n;
  for (const letter of name.slice(1)) number = number * 36n + BigInt(BASE36.indexOf(letter));
  const digits = number.toString(16);
  const octets = Uint8Array.from(digits.padStart(80, "0").match(/../g)!, (pair) => parseInt(pair, 16));
  const key = octets.slice(8);
  if (octets.length !== 40 || nameOf(key) !== name) {
    throw refusal("invalid-input", "This is not the IPNS name of an Ed25519 key.");
  }
  return key;
}

/**
 * A record naming `/ipfs/ROOT`, with both signatures as the specification asks of writers.
 * `until`: RFC 3339 in whole seconds.
 */
export async function createRecord(
  signer: RecordSigner,
  root: Cid,
  sequence: number,
  until: Date,
): Promise<Bytes> {
  const value = utf8(`/ipfs/${root}`);
  const validity = utf8(until.toISOString().replace(/\.\d+Z$/, ".000000000Z"));
  const ttl = LIMITS.IPNS_TTL_SECONDS * 1e9;
  // dag-cbor orders keys by length, then by octets.
  const data = concat(
    [0xa5],
    cborText("TTL"),
    cborHead(0, ttl),
    cborText("Value"),
    cborHead(2, value.length),
    value,
    cborText("Sequence"),
    cborHead(0, sequence),
    cborText("Validity"),
    cborHead(2, validity.length),
    validity,
    cborText("ValidityType"),
    [0],
  );
  return concat(
    bytesField(1, value),
    bytesField(2, await signer.sign(concat(value, validity, utf8("EOL")))),
    [0x18, 0],
    bytesField(4, validity),
    [0x28, ...writeVarint(sequence)],
    [0x30, ...writeVarint(ttl)],
    bytesField(8, await signer.sign(concat(utf8("ipns-signature:"), data))),
    bytesField(9, data),
  );
}

/** Verifies a vault's record for `name`; throws `record-refused`. */
export async function readRecord(name: string, record: Uint8Array, now: Date): Promise<IpnsRecord> {
  if (record.length > LIMITS.MAX_IPNS_RECORD_BYTES) throw wrong("An IPNS record is over 10 KiB.");
  let signed: Map<string, number | Uint8Array>;
  let fields: Map<number, number | Uint8Array>;
  try {
    const key = publicKeyOf(name);
    fields = readFields(record);
    const data = bytesOf(fields.get(9));
    const signature = bytesOf(fields.get(8));
    const carried = fields.get(7);
    if (carried !== undefined && !equal(bytesOf(carried), concat(KEY_HEAD, key))) {
      throw new RangeError("another key");
    }
    const publicKey = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    const message = concat(utf8("ipns-signature:"), data);
    if (!(await crypto.subtle.verify("Ed25519", publicKey, signature.slice(), message))) {
      throw new RangeError("bad signature");
    }
    signed = readCborMap(data);
  } catch {
    throw wrong("An IPNS record does not verify.");
  }
  checkAgreement(fields, signed);
  return judged(signed, now);
}

function judged(signed: Map<string, number | Uint8Array>, now: Date): IpnsRecord {
  try {
    const sequence = signed.get("Sequence");
    const until = fromUtf8(bytesOf(signed.get("Validity")));
    const value = fromUtf8(bytesOf(signed.get("Value")));
    if (signed.get("ValidityType") !== 0 || typeof sequence !== "number") throw new RangeError();
    if (typeof signed.get("TTL") !== "number") throw new RangeError();
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(until)) throw new RangeError();
    const end = Date.parse(until.replace(/\.\d+Z$/, "Z"));
    if (!(end > now.getTime())) throw new RangeError("expired");
    if (!value.startsWith("/ipfs/")) throw new RangeError();
    return { root: parseCid(value.slice(6)), sequence };
  } catch {
    throw wrong("An IPNS record has expired, or names no root of the vault.");
  }
}

/** Old fields that say something else than the signed ones are refused; absent ones say nothing. */
function checkAgreement(
  fields: Map<number, number | Uint8Array>,
  signed: Map<string, number | Uint8Array>,
): void {
  if (!fields.has(2) && !fields.has(1)) return;
  const names: [number, string, number | undefined][] = [
    [1, "Value", undefined],
    [3, "ValidityType", 0],
    [4, "Validity", undefined],
    [5, "Sequence", 0],
    [6, "TTL", 0],
  ];
  for (const [number, name, absent] of names) {
    const old = fields.get(number) ?? absent;
    const now = signed.get(name);
    const same = old instanceof Uint8Array && now instanceof Uint8Array ? equal(old, now) : old === now;
    if (!same) throw wrong("An IPNS record's old and new fields do not agree.");
  }
}

function readFields(record: Uint8Array): Map<number, number | Uint8Array> {
  const fields = new Map<number, number | Uint8Array>();
  let at = 0;
  while (at < record.length) {
    let tag: number;
    let value: number;
    [tag, at] = readVarint(record, at);
    [value, at] = readVarint(record, at);
    const number = Math.floor(tag / 8);
    if (fields.has(number) || (tag % 8 !== 0 && tag % 8 !== 2)) throw new RangeError("field");
    if (tag % 8 === 0) {
      fields.set(number, value);
      continue;
    }
    if (at + value > record.length) throw new RangeError("cut short");
    fields.set(number, record.subarray(at, at + value));
    at += value;
  }
  return fields;
}

function readCborMap(data: Uint8Array): Map<string, number | Uint8Array> {
  let at = 0;
  const head = (): [major: number, value: number] => {
    const first = data[at++];
    if (first === undefined) throw new RangeError("cut short");
    const low = first & 31;
    if (low < 24) return [first >> 5, low];
    const width = low < 28 ? 1 << (low - 24) : 0;
    if (width === 0 || at + width > data.length) throw new RangeError("length");
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + data[at++]!;
    const least = width === 1 ? 24 : 2 ** (width * 4);
    if (value < least || value > Number.MAX_SAFE_INTEGER) throw new RangeError("not minimal");
    return [first >> 5, value];
  };
  const octets = (length: number): Uint8Array => {
    if (at + length > data.length) throw new RangeError("cut short");
    return data.subarray(at, (at += length));
  };
  const [major, count] = head();
  if (major !== 5 || count > 16) throw new RangeError("no map");
  const found = new Map<string, number | Uint8Array>();
  for (let i = 0; i < count; i++) {
    const [kind, length] = head();
    if (kind !== 3) throw new RangeError("key");
    const name = fromUtf8(octets(length));
    const [type, value] = head();
    if (found.has(name) || (type !== 0 && type !== 2)) throw new RangeError("value");
    found.set(name, type === 0 ? value : octets(value));
  }
  if (at !== data.length) throw new RangeError("stray octets");
  return found;
}

function bytesOf(value: number | Uint8Array | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new RangeError("a field is missing");
  return value;
}

function bytesField(number: number, data: Uint8Array): Bytes {
  return concat([number * 8 + 2, ...writeVarint(data.length)], data);
}

function cborText(text: string): Bytes {
  return concat(cborHead(3, text.length), utf8(text));
}

function cborHead(major: number, value: number): number[] {
  if (value < 24) return [(major << 5) | value];
  for (const [code, width] of [
    [24, 1],
    [25, 2],
    [26, 4],
    [27, 8],
  ] as const) {
    if (value >= 256 ** width) continue;
    const octets = new Array<number>(width);
    let rest = value;
    for (let i = width - 1; i >= 0; i--) {
      octets[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return [(major << 5) | code, ...octets];
  }
  throw new RangeError("a number is too large");
}

function wrong(message: string): EngineError {
  return refusal("record-refused", message);
}
