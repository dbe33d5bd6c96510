/**
 * Content identifiers of the vault: version 1, raw or dag-pb, SHA-256, lower-case base32
 * (https://github.com/multiformats/cid). A CID is its text here; `cidBytes` gives the 36 octets.
 */
import { concat, sha256, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal } from "../refusal.ts";

export type Cid = string;

export interface Block {
  readonly cid: Cid;
  readonly data: Uint8Array;
}

export const RAW = 0x55;
export const DAG_PB = 0x70;
export const CID_BYTES = 36;

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
// 58 letters of 5 bits hold 36 octets and two bits more, which are 0 in the one form there is.
const TEXT = /^b(?:afkrei|afybei)[a-h][a-z2-7]{50}[aeimquy4]$/;

export function isCid(text: string): boolean {
  return TEXT.test(text);
}

/** The text itself; throws `invalid-input` for what is no CID of the vault. */
export function parseCid(text: string): Cid {
  if (!isCid(text)) {
    throw refusal("invalid-input", "This is not a CID of the vault (version 1, base32, SHA-256).");
  }
  return text;
}

export function isRaw(cid: Cid): boolean {
  return cid.startsWith("bafk");
}

/** The text of 36 octets; throws `invalid-input`. */
export function cidFromBytes(data: Uint8Array): Cid {
  const codec = data[1];
  const isVault =
    data.length === CID_BYTES &&
    data[0] === 1 &&
    (codec === RAW || codec === DAG_PB) &&
    data[2] === 0x12 &&
    data[3] === 32;
  if (!isVault) throw refusal("invalid-input", "A CID is not of the vault's kind.");
  return "b" + base32(data);
}

export function cidBytes(cid: Cid): Bytes {
  const data = new Uint8Array(CID_BYTES);
  let bits = 0;
  let count = 0;
  let at = 0;
  for (let i = 1; i < cid.length; i++) {
    bits = ((bits << 5) | ALPHABET.indexOf(cid[i]!)) & 0xffff;
    count += 5;
    if (count >= 8) {
      count -= 8;
      if (at < CID_BYTES) data[at++] = (bits >>> count) & 255;
    }
  }
  return data;
}

function base32(data: Uint8Array): string {
  let text = "";
  let bits = 0;
  let count = 0;
  for (const octet of data) {
    bits = ((bits << 8) | octet) & 0xffff;
    count += 8;
    while (count >= 5) {
      count -= 5;
      text += ALPHABET[(bits >>> count) & 31];
    }
  }
  return count > 0 ? text + ALPHABET[(bits << (5 - count)) & 31] : text;
}

function cidFromDigest(codec: number, digest: Uint8Array): Cid {
  return "b" + base32(concat([1, codec, 0x12, 0x20], digest));
}

/** The block of octets whose SHA-256 is `digest`. */
export function blockFrom(codec: number, digest: Uint8Array, data: Uint8Array): Block {
  return { cid: cidFromDigest(codec, digest), data };
}

/** Hashes `data` into a block. */
export async function blockOf(codec: number, data: Uint8Array): Promise<Block> {
  return blockFrom(codec, await sha256(data), data);
}

/** The block of octets whose SHA-256 is `digest`, if that is what `cid` says; throws `block-refused`. */
export function requireBlock(cid: Cid, digest: Uint8Array, data: Uint8Array): Block {
  if (data.length > LIMITS.MAX_BLOCK_BYTES) throw refusal("block-refused", "A block is over 2 MiB.");
  if (cidFromDigest(isRaw(cid) ? RAW : DAG_PB, digest) !== cid) {
    throw refusal("block-refused", "A block does not hash to its CID.");
  }
  return { cid, data };
}

/** The block, if `data` is what `cid` says; throws `block-refused`. */
export async function verifyBlock(cid: Cid, data: Uint8Array): Promise<Block> {
  return requireBlock(cid, await sha256(data), data);
}
