/** CARv1: batches of blocks to the server, and streams of blocks from gateways (FORMATS §9). */
import { concat, startsWith, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal, type EngineError } from "../refusal.ts";
import { CID_BYTES, cidBytes, cidFromBytes, type Block } from "./cid.ts";
import { CutShort, readVarint, writeVarint } from "./varint.ts";

/** The header of a CAR without roots: {"roots": [], "version": 1}. */
export const CAR_HEADER: Bytes = Uint8Array.of(
  0x11, 0xa2, 0x65, 114, 111, 111, 116, 115, 0x80, 0x67, 118, 101, 114, 115, 105, 111, 110, 1,
);

/** Length and CID of the section that holds a block of `size` octets. */
export function sectionHead(cid: Uint8Array, size: number): Bytes {
  return concat(writeVarint(CID_BYTES + size), cid);
}

/** One batch as its CAR. */
export function writeCar(blocks: readonly Block[]): Bytes {
  const parts: Uint8Array[] = [CAR_HEADER];
  for (const { cid, data } of blocks) parts.push(sectionHead(cidBytes(cid), data.length), data);
  return concat(...parts);
}

/**
 * Takes a CAR apart as it flows. Blocks are not verified here. Throws `dag-refused` for what is no
 * CAR of version 1, `limit-exceeded` for a header or block over its limit.
 */
export class CarSplitter {
  private carry: Uint8Array = new Uint8Array(0);
  private started = false;

  /** The whole sections in what has come so far, as copies of their own. */
  feed(data: Uint8Array): Block[] {
    let buffer = this.carry.length > 0 ? concat(this.carry, data) : data;
    const blocks: Block[] = [];
    for (;;) {
      const section = nextSection(buffer, this.started);
      if (section === null) break;
      buffer = buffer.subarray(section.end);
      if (!this.started) this.started = isHeader(section.body);
      else if (section.body.length > 0) blocks.push(readSection(section.body));
    }
    this.carry = buffer.slice();
    return blocks;
  }

  finish(): void {
    if (this.carry.length > 0 || !this.started) throw wrong("A CAR is cut short.");
  }
}

function nextSection(buffer: Uint8Array, started: boolean): { body: Uint8Array; end: number } | null {
  let length: number;
  let start: number;
  try {
    [length, start] = readVarint(buffer, 0);
  } catch (error) {
    if (error instanceof CutShort) return null;
    throw wrong("A CAR cannot be read.");
  }
  const limit = started ? LIMITS.MAX_BLOCK_BYTES + CID_BYTES : LIMITS.MAX_CAR_HEADER_BYTES;
  if (length > limit) throw refusal("limit-exceeded", "A CAR holds a block over 2 MiB.");
  const end = start + length;
  return end > buffer.length ? null : { body: buffer.subarray(start, end), end };
}

function isHeader(body: Uint8Array): boolean {
  // What a header says is not needed: version 1 is all that is looked at.
  const version = Uint8Array.of(0x67, 118, 101, 114, 115, 105, 111, 110, 1);
  const isMap = (body[0]! & 0xe0) === 0xa0;
  const hasVersion = isMap && body.some((_, at) => startsWith(body, version, at));
  if (!hasVersion) throw wrong("A CAR has a header of another version.");
  return true;
}

function readSection(body: Uint8Array): Block {
  if (body.length < CID_BYTES) throw wrong("A CAR holds a section that is no block.");
  try {
    return { cid: cidFromBytes(body.subarray(0, CID_BYTES)), data: body.slice(CID_BYTES) };
  } catch {
    throw wrong("A CAR holds a block of another kind than the vault's.");
  }
}

function wrong(message: string): EngineError {
  return refusal("dag-refused", message);
}
