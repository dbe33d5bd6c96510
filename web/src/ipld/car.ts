/** CARv1: batches of blocks to the server, and streams of blocks from gateways (docs/spec/10). */
import { concat, startsWith, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal, type EngineError } from "../refusal.ts";
import { CID_BYTES, cidBytes, cidFromBytes, type Block } from "./cid.ts";
import { readVarint, TooLarge, writeVarint } from "./varint.ts";

/** The header of a CAR without roots: {"roots": [], "version": 1}. */
export const CAR_HEADER: Bytes = Uint8Array.of(
  0x11, 0xa2, 0x65, 114, 111, 111, 116, 115, 0x80, 0x67, 118, 101, 114, 115, 105, 111, 110, 1,
);

/** Length and CID of the section that holds a block of `size` octets. */
export function sectionHead(cid: Uint8Array, size: number): Bytes {
  return concat(writeVarint(CID_BYTES + size), cid);
}

/** One batch as its CAR, in `buffer` where it fits there. */
export function writeCar(blocks: readonly Block[], buffer: Bytes = new Uint8Array(0)): Bytes {
  const heads = blocks.map(({ cid, data }) => sectionHead(cidBytes(cid), data.length));
  const size = blocks.reduce((sum, { data }, i) => sum + heads[i]!.length + data.length, CAR_HEADER.length);
  const whole = size <= buffer.length ? buffer.subarray(0, size) : new Uint8Array(size);
  whole.set(CAR_HEADER);
  let at = CAR_HEADER.length;
  for (const [i, { data }] of blocks.entries()) {
    whole.set(heads[i]!, at);
    whole.set(data, at + heads[i]!.length);
    at += heads[i]!.length + data.length;
  }
  return whole;
}

const LEAF_SECTION_BYTES = LIMITS.CHUNK_BYTES + CID_BYTES;
/** Sections' memory kept to be used again. */
const MOST_SPARE = 16;

/**
 * Takes a CAR apart as it flows; each section is copied once, into memory that is used again once
 * its block is given back (`reuse`). Blocks are not verified here. Throws `block-refused` for what is no CAR of version 1 or cut short,
 * `limit-exceeded` for a section over its limit.
 */
export class CarSplitter {
  private readonly length: number[] = [];
  private section: Bytes | null = null;
  private filled = 0;
  private hasHeader = false;
  private readonly spare: Bytes[] = [];

  /** Takes a leaf's memory back: nobody needs it any more. */
  reuse({ data }: Block): void {
    const isLeafs = data.byteLength === LIMITS.CHUNK_BYTES && data.buffer.byteLength === LEAF_SECTION_BYTES;
    if (isLeafs && this.spare.length < MOST_SPARE) this.spare.push(new Uint8Array(data.buffer as ArrayBuffer));
  }

  /** The blocks that are whole now. */
  feed(data: Uint8Array): Block[] {
    const blocks: Block[] = [];
    let at = 0;
    while (at < data.length) {
      if (this.section === null) {
        this.begin(data[at++]!);
        continue;
      }
      const count = Math.min(this.section.length - this.filled, data.length - at);
      this.section.set(data.subarray(at, at + count), this.filled);
      this.filled += count;
      at += count;
      if (this.filled === this.section.length) {
        const block = this.take(this.section);
        if (block !== null) blocks.push(block);
      }
    }
    return blocks;
  }

  finish(): void {
    const isWhole = this.hasHeader && this.section === null && this.length.length === 0;
    if (!isWhole) throw wrong("A CAR is cut short.");
  }

  /** Takes an octet of a section's length, and begins the section at the last one. */
  private begin(octet: number): void {
    this.length.push(octet);
    if (octet > 127 && this.length.length < 9) return;
    let length: number;
    try {
      [length] = readVarint(Uint8Array.from(this.length), 0);
    } catch (error) {
      if (error instanceof TooLarge) throw overLimit();
      throw wrong("A CAR cannot be read.");
    }
    const limit = this.hasHeader ? LIMITS.MAX_BLOCK_BYTES + CID_BYTES : LIMITS.MAX_CAR_HEADER_BYTES;
    if (length > limit) throw overLimit();
    if (length === 0) throw wrong("A CAR has an empty section.");
    this.length.length = 0;
    const isLeafs = length === LEAF_SECTION_BYTES;
    this.section = (isLeafs ? this.spare.pop() : undefined) ?? new Uint8Array(length);
    this.filled = 0;
  }

  private take(section: Bytes): Block | null {
    this.section = null;
    if (this.hasHeader) return readSection(section);
    checkHeader(section);
    this.hasHeader = true;
    return null;
  }
}

/** The header is a map of `roots`, a list of CIDs, and `version`, which is 1. */
function checkHeader(header: Uint8Array): void {
  let at = 1;
  let isRight = header[0] === 0xa2;
  const seen = new Set<string>();
  while (isRight && at < header.length) {
    if (startsWith(header, VERSION, at)) {
      seen.add("version");
      at += VERSION.length;
    } else if (startsWith(header, ROOTS, at)) {
      seen.add("roots");
      at = rootsEnd(header, at + ROOTS.length);
    } else {
      isRight = false;
    }
  }
  if (!isRight || at !== header.length || seen.size !== 2) throw wrong("This is not a CAR of version 1.");
}

const VERSION = Uint8Array.of(0x67, 118, 101, 114, 115, 105, 111, 110, 1);
const ROOTS = Uint8Array.of(0x65, 114, 111, 111, 116, 115);

/** Where a list of at most 23 links (tag 42 around a CID) ends; -1 when it is none. */
function rootsEnd(header: Uint8Array, start: number): number {
  const count = header[start]! - 0x80;
  if (!(count >= 0 && count < 24)) return -1;
  let at = start + 1;
  for (let i = 0; i < count; i++) {
    if (!startsWith(header, [0xd8, 0x2a, 0x58], at) || header[at + 4] !== 0) return -1;
    at += 4 + header[at + 3]!;
  }
  return at;
}

function readSection(body: Uint8Array): Block {
  try {
    return { cid: cidFromBytes(body.subarray(0, CID_BYTES)), data: body.subarray(CID_BYTES) };
  } catch {
    throw wrong("A CAR holds a block of another kind than the vault's.");
  }
}

function overLimit(): EngineError {
  return refusal("limit-exceeded", "A CAR has a section over its limit.");
}

function wrong(message: string): EngineError {
  return refusal("block-refused", message);
}
