/** Packet bodies of any length, written and read as they flow (RFC 9580 §4.2). */
import { readBigEndian } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal, type EngineError } from "../refusal.ts";
import { writeLength } from "./key-packets.ts";

export const TAG_LITERAL = 11;
export const TAG_SEIPD = 18;
export const TAG_PADDING = 21;
/** The only packets whose length may be partial (RFC 9580 §4.2.1.4). */
const DATA_TAGS: readonly number[] = [8, 9, TAG_LITERAL, TAG_SEIPD];

const PART = LIMITS.PARTIAL_BODY_BYTES;
const PARTIAL_OCTET = 0xe0 | Math.log2(PART);
const MIN_FIRST_PARTIAL_BYTES = 512;
const MAX_SMALL_PARTS = 4096;

/** How long a packet with a body of `bodyBytes` becomes in parts: with its header and their lengths. */
export function framedBytes(bodyBytes: number): number {
  const last = bodyBytes % PART;
  return 1 + (bodyBytes - last) / PART + writeLength(last).length + bodyBytes;
}

/**
 * Writes one packet with a body of `bodyBytes`, in parts of 1 MiB and a last one of definite length
 * (0 after a full one), and cuts the result into pieces of equal size for `take`. The length being
 * known from the start, each octet is copied once, to where it belongs. Holds one piece.
 */
export class PartialFramer {
  /** Of the body, not written yet. */
  private leftBytes: number;
  private readonly pieceBytes: number;
  private readonly take: (piece: Uint8Array) => void;
  private readonly spare: Uint8Array[] = [];
  /** Of the part under way, not written yet. */
  private partLeft = 0;
  private isLastPart = false;
  private piece: Uint8Array;
  private pieceFill = 0;

  constructor(tag: number, bodyBytes: number, pieceBytes: number, take: (piece: Uint8Array) => void) {
    this.leftBytes = bodyBytes;
    this.pieceBytes = pieceBytes;
    this.take = take;
    this.piece = new Uint8Array(pieceBytes);
    this.append([0xc0 | tag]);
    this.beginPart();
  }

  /** Body octets (copied). Throws RangeError for more than the body was to have. */
  write(body: Uint8Array): void {
    if (body.length > this.leftBytes) throw new RangeError("A packet gets more than it was to have.");
    for (let at = 0; at < body.length; ) {
      const count = Math.min(this.partLeft, body.length - at);
      this.append(count === body.length ? body : body.subarray(at, at + count));
      at += count;
      this.leftBytes -= count;
      this.partLeft -= count;
      if (this.partLeft === 0 && !this.isLastPart) this.beginPart();
    }
  }

  private beginPart(): void {
    this.isLastPart = this.leftBytes < PART;
    this.partLeft = this.isLastPart ? this.leftBytes : PART;
    this.append(this.isLastPart ? writeLength(this.leftBytes) : [PARTIAL_OCTET]);
  }

  /** Ends the body; throws RangeError for less than it was to have. */
  finish(): void {
    if (this.leftBytes > 0) throw new RangeError("A packet gets less than it was to have.");
  }

  /** Octets as they are: the packets that follow this one. */
  append(octets: ArrayLike<number>): void {
    const whole = octets instanceof Uint8Array ? octets : Uint8Array.from(octets);
    for (let at = 0; at < whole.length; ) {
      const count = Math.min(this.pieceBytes - this.pieceFill, whole.length - at);
      this.piece.set(whole.subarray(at, at + count), this.pieceFill);
      this.pieceFill += count;
      at += count;
      if (this.pieceFill === this.pieceBytes) {
        const full = this.piece;
        this.piece = this.spare.pop() ?? new Uint8Array(this.pieceBytes);
        this.pieceFill = 0;
        this.take(full);
      }
    }
  }

  /** The last, shorter piece. */
  flush(): void {
    if (this.pieceFill === 0) return;
    const last = this.piece.subarray(0, this.pieceFill);
    this.pieceFill = 0;
    this.piece = new Uint8Array(0);
    this.take(last);
  }

  /** Takes back a piece that nobody needs any more. */
  reuse(piece: Uint8Array): void {
    const isWhole = piece.length === this.pieceBytes && piece.byteLength === piece.buffer.byteLength;
    if (isWhole && this.spare.length < 16) this.spare.push(piece);
  }
}

/** Some octets of a packet's body. */
export interface BodyPiece {
  readonly tag: number;
  readonly octets: Uint8Array;
  readonly ends: boolean;
}

/** Splits a stream of packets into pieces of their bodies; holds back at most a header. */
export class PacketSplitter {
  private head: number[] = [];
  private tag: number | null = null;
  private left = 0;
  private isPartial = false;
  private smallParts = 0;

  /** Views into `data`; exhaust it before the next call. Throws `envelope-refused`. */
  *feed(data: Uint8Array): Generator<BodyPiece> {
    let at = 0;
    for (;;) {
      if (this.tag === null || (this.isPartial && this.left === 0)) {
        if (at === data.length) return;
        this.head.push(data[at++]!);
        if (!this.readHead()) continue;
      } else if (at === data.length) {
        return;
      }
      const octets = data.subarray(at, at + Math.min(this.left, data.length - at));
      at += octets.length;
      this.left -= octets.length;
      const tag = this.tag!;
      const ends = this.left === 0 && !this.isPartial;
      if (ends) this.tag = null;
      yield { tag, octets, ends };
    }
  }

  /** Ends the stream; throws `integrity` within a packet. */
  finish(): void {
    if (this.head.length > 0 || this.tag !== null) {
      throw refusal("integrity", "The message is cut short.");
    }
  }

  /** Whether the header, or the next part's length, is complete now. */
  private readHead(): boolean {
    const isFirst = this.tag === null;
    const first = this.head[0]!;
    if (isFirst && (first & 0x80) === 0) throw wrong("These bytes are not an OpenPGP packet.");
    if (isFirst && (first & 0x40) === 0) throw wrong("A packet has the legacy format.");
    const length = readLength(Uint8Array.from(isFirst ? this.head.slice(1) : this.head));
    if (length === null) return false;
    if (isFirst) {
      this.tag = first & 63;
      if (length.isPartial) checkFirstPartial(this.tag, length.bytes);
    } else if (length.bytes < MIN_FIRST_PARTIAL_BYTES && ++this.smallParts > MAX_SMALL_PARTS) {
      throw refusal("limit-exceeded", "A packet is cut into too many tiny parts.");
    }
    this.left = length.bytes;
    this.isPartial = length.isPartial;
    this.head = [];
    return true;
  }
}

function checkFirstPartial(tag: number, bytes: number): void {
  if (!DATA_TAGS.includes(tag)) throw wrong("A packet that carries no data has a partial length.");
  if (bytes < MIN_FIRST_PARTIAL_BYTES) throw wrong("The first partial length of a packet is too short.");
}

/** RFC 9580 §4.2.1; null when cut short. */
function readLength(octets: Uint8Array): { bytes: number; isPartial: boolean } | null {
  const first = octets[0];
  if (first === undefined) return null;
  if (first < 192) return { bytes: first, isPartial: false };
  if (first < 224) {
    if (octets.length < 2) return null;
    return { bytes: ((first - 192) << 8) + octets[1]! + 192, isPartial: false };
  }
  if (first < 255) return { bytes: 2 ** (first & 31), isPartial: true };
  return octets.length < 5 ? null : { bytes: readBigEndian(octets.subarray(1, 5)), isPartial: false };
}

function wrong(message: string): EngineError {
  return refusal("envelope-refused", message);
}
