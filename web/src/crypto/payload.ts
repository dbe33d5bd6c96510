/**
 * The payload of an envelope, encrypted and opened as it flows (docs/spec/04): one SEIPD packet of
 * version 2 (RFC 9580 §5.13.2), AES-256-GCM in chunks of 256 KiB, around one Literal and one Padding
 * packet. WebCrypto does the AES; the same session key, salt and content give the same octets.
 *
 * **Why no nonce is used twice.** Key and nonce prefix come from HKDF over session key and salt; every
 * payload has a fresh random salt, the counter only rises, and nothing follows the final tag. The
 * one way to seal twice under one salt is to resume an upload, which seals the same octets again or
 * stops (docs/spec/12 §6).
 */
import { bigEndian, concat, equal, free, randomBytes, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal } from "../refusal.ts";
import { framedBytes, PacketSplitter, PartialFramer, TAG_LITERAL, TAG_PADDING, TAG_SEIPD } from "./framing.ts";
import { hkdf } from "./hkdf.ts";
import { paddingBytes, paddingHeader, paddingOctets } from "./padding.ts";
import type { SessionKey } from "./session-keys.ts";

const CHUNK = LIMITS.AEAD_CHUNK_BYTES;
const LEAF = LIMITS.CHUNK_BYTES;
const TAG_BYTES = 16;
const SALT_BYTES = 32;
const SEIPD_START = Uint8Array.of(2, 9, 3, LIMITS.AEAD_CHUNK_OCTET);
const ASSOCIATED = concat([0xc0 | TAG_SEIPD], SEIPD_START);
/** Binary, no file name, no date: what those could tell stands in the signed meta. */
const LITERAL_START = Uint8Array.of(0x62, 0, 0, 0, 0, 0);
/** Crypto calls in flight: enough that neither this thread nor the cipher's waits. */
const IN_FLIGHT = 4;

/** Where finished leaves go, in order; the leaf is the receiver's. */
export type TakeLeaf = (leaf: Uint8Array) => void | Promise<void>;

export function makeSalt(): Bytes {
  return randomBytes(SALT_BYTES);
}

class Chunks {
  private readonly key: CryptoKey;
  private readonly prefix: Uint8Array;
  private index = 0;
  private total = 0;

  private constructor(key: CryptoKey, prefix: Uint8Array) {
    this.key = key;
    this.prefix = prefix;
  }

  static async make(sessionKey: SessionKey, salt: Uint8Array, usage: KeyUsage): Promise<Chunks> {
    const derived = await hkdf(sessionKey, salt, ASSOCIATED, 36);
    const key = await crypto.subtle.importKey("raw", derived.slice(0, 32), "AES-GCM", false, [usage]);
    return new Chunks(key, derived.slice(32));
  }

  /** The next chunk. WebCrypto copies its input when called: `plain` may be used again at once. */
  seal(plain: Uint8Array): Promise<ArrayBuffer> {
    this.total += plain.length;
    return crypto.subtle.encrypt(this.next(ASSOCIATED), this.key, plain as Bytes);
  }

  sealEnd(): Promise<ArrayBuffer> {
    return crypto.subtle.encrypt(this.next(this.endAssociated()), this.key, new Uint8Array(0));
  }

  open(sealed: Uint8Array): Promise<ArrayBuffer> {
    this.total += sealed.length - TAG_BYTES;
    return crypto.subtle.decrypt(this.next(ASSOCIATED), this.key, sealed as Bytes);
  }

  openEnd(tag: Uint8Array): Promise<ArrayBuffer> {
    return crypto.subtle.decrypt(this.next(this.endAssociated()), this.key, tag as Bytes);
  }

  private next(additionalData: Bytes): AesGcmParams {
    return { name: "AES-GCM", iv: concat(this.prefix, bigEndian(this.index++, 8)), additionalData };
  }

  private endAssociated(): Bytes {
    return concat(ASSOCIATED, bigEndian(this.total, 8));
  }
}

/** Of a content to be encrypted: its length, and the least length of the two packets inside (docs/spec/13). */
export interface ContentSize {
  readonly sizeBytes: number;
  readonly floorBytes?: number | undefined;
}

/** Encrypts one content into leaves of 1 MiB. */
export class PayloadWriter {
  private readonly chunks: Chunks;
  private readonly sessionKey: SessionKey;
  private readonly salt: Bytes;
  private readonly outer: PartialFramer;
  private readonly inner: PartialFramer;
  private readonly paddingBytes: number;
  private readonly flying: Promise<ArrayBuffer>[] = [];
  private readonly take: TakeLeaf;
  private leftBytes: number;
  private leaves: Uint8Array[] = [];

  private constructor(chunks: Chunks, sessionKey: SessionKey, salt: Bytes, size: ContentSize, take: TakeLeaf) {
    this.chunks = chunks;
    this.sessionKey = sessionKey;
    this.salt = salt;
    this.take = take;
    this.leftBytes = size.sizeBytes;
    const literalBytes = LITERAL_START.length + size.sizeBytes;
    const framed = framedBytes(literalBytes);
    this.paddingBytes = paddingBytes(framed, size.floorBytes);
    const sealedBytes = sealedLength(framed + paddingHeader(0).length + this.paddingBytes);
    const outerBytes = SEIPD_START.length + salt.length + sealedBytes;
    this.outer = new PartialFramer(TAG_SEIPD, outerBytes, LEAF, (leaf) => this.leaves.push(leaf));
    this.inner = new PartialFramer(TAG_LITERAL, literalBytes, CHUNK, (chunk) => {
      const sealed = this.chunks.seal(chunk);
      sealed.catch(() => {}); // told when its turn comes
      this.flying.push(sealed);
      this.inner.reuse(chunk);
    });
    this.outer.write(concat(SEIPD_START, salt));
    this.inner.write(LITERAL_START);
  }

  /** Give a used `salt` only to resume the same content. */
  static async make(
    sessionKey: SessionKey,
    salt: Bytes,
    size: ContentSize,
    take: TakeLeaf,
  ): Promise<PayloadWriter> {
    return new PayloadWriter(await Chunks.make(sessionKey, salt, "encrypt"), sessionKey, salt, size, take);
  }

  /** Throws `content-changed` for more than was said. */
  async write(content: Uint8Array): Promise<void> {
    this.leftBytes -= content.length;
    if (this.leftBytes < 0) throw otherLength();
    for (let at = 0; at < content.length; at += CHUNK) {
      this.inner.write(content.subarray(at, at + CHUNK));
      await this.drain(IN_FLIGHT);
    }
  }

  /** Ends the content; throws `content-changed` for less than was said. */
  async finish(): Promise<void> {
    if (this.leftBytes > 0) throw otherLength();
    this.inner.finish();
    this.inner.append(paddingHeader(this.paddingBytes));
    for await (const octets of paddingOctets(this.sessionKey, this.salt, this.paddingBytes)) {
      this.inner.append(octets);
      await this.drain(IN_FLIGHT);
    }
    this.inner.flush();
    await this.drain(0);
    this.outer.write(new Uint8Array(await this.chunks.sealEnd()));
    this.outer.finish();
    this.outer.flush();
    await this.hand();
  }

  private async drain(inFlight: number): Promise<void> {
    while (this.flying.length > inFlight) {
      const sealed = await this.flying.shift()!;
      this.outer.write(new Uint8Array(sealed));
      free(sealed);
      await this.hand();
    }
  }

  private async hand(): Promise<void> {
    const { leaves } = this;
    if (leaves.length === 0) return;
    this.leaves = [];
    for (const leaf of leaves) await this.take(leaf);
  }

  /** Gives a leaf's memory back once it is no longer needed. */
  reuse(leaf: Uint8Array): void {
    this.outer.reuse(leaf);
  }
}

/** How long the chunks of `plainBytes` become, with their tags and the final one. */
function sealedLength(plainBytes: number): number {
  return plainBytes + TAG_BYTES * (Math.ceil(plainBytes / CHUNK) + 1);
}

function otherLength(): Error {
  return refusal("content-changed", "The content is not as long as was said.");
}

/** Encrypts a small content at once; its leaves. */
export async function encryptBytes(
  content: Uint8Array,
  sessionKey: SessionKey,
  options: { floor?: number; salt?: Bytes } = {},
): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = [];
  const size = { sizeBytes: content.length, floorBytes: options.floor };
  const writer = await PayloadWriter.make(sessionKey, options.salt ?? makeSalt(), size, (leaf) => {
    leaves.push(leaf);
  });
  await writer.write(content);
  await writer.finish();
  return leaves;
}

/** Where content goes, in order. Its memory is used again once this has resolved. */
export type Release = (plain: Uint8Array) => void | Promise<void>;

/**
 * Opens one payload from a stream of octets. What `release` gets is authentic, but complete only
 * once `finish` has resolved. Throws `integrity` (altered, cut short, another key) and
 * `envelope-refused` (not a payload as docs/spec/04 has it).
 */
export class PayloadReader {
  private readonly sessionKey: SessionKey;
  private readonly content: ContentReader;
  private readonly outer = new PacketSplitter();
  private readonly start: number[] = [];
  private readonly carry = new Uint8Array(CHUNK + 2 * TAG_BYTES);
  private readonly flying: Promise<ArrayBuffer>[] = [];
  private carried = 0;
  private chunks: Chunks | null = null;
  private hasEnded = false;

  constructor(sessionKey: SessionKey, release: Release) {
    this.sessionKey = sessionKey;
    this.content = new ContentReader(release);
  }

  /** Takes octets, which may be used again once this has resolved. */
  async update(data: Uint8Array): Promise<void> {
    for (const piece of this.outer.feed(data)) {
      if (this.hasEnded || piece.tag !== TAG_SEIPD) {
        throw refusal("envelope-refused", "The payload is not one encrypted packet.");
      }
      await this.open(piece.octets);
      this.hasEnded = piece.ends;
    }
  }

  async finish(): Promise<void> {
    this.outer.finish();
    if (this.chunks === null || this.carried < TAG_BYTES) throw cutShort();
    const last = this.carry.subarray(0, this.carried - TAG_BYTES);
    if (last.length > 0 && last.length <= TAG_BYTES) throw cutShort();
    if (last.length > 0) await this.push(this.chunks.open(last));
    const end = this.chunks.openEnd(this.carry.slice(this.carried - TAG_BYTES, this.carried));
    end.catch(() => {});
    await this.drain(0);
    await authentic(end);
    this.content.finish();
  }

  private async open(octets: Uint8Array): Promise<void> {
    let rest = octets;
    if (this.chunks === null) {
      const missing = SEIPD_START.length + SALT_BYTES - this.start.length;
      this.start.push(...rest.subarray(0, missing));
      rest = rest.subarray(missing);
      const begun = this.start.slice(0, SEIPD_START.length);
      if (!equal(begun, SEIPD_START.subarray(0, begun.length))) {
        throw refusal("envelope-refused", "The payload is not encrypted as the vault's format demands.");
      }
      if (this.start.length < SEIPD_START.length + SALT_BYTES) return;
      const salt = Uint8Array.from(this.start.slice(SEIPD_START.length));
      this.chunks = await Chunks.make(this.sessionKey, salt, "decrypt");
    }
    await this.openChunks(this.chunks, rest);
  }

  /** A chunk is opened once 16 octets more are there: the stream's last 16 are the final tag. */
  private async openChunks(chunks: Chunks, octets: Uint8Array): Promise<void> {
    const sealed = CHUNK + TAG_BYTES;
    let at = 0;
    while (this.carried + octets.length - at >= sealed + TAG_BYTES) {
      if (this.carried === 0) {
        await this.push(chunks.open(octets.subarray(at, at + sealed)));
        at += sealed;
        continue;
      }
      const taken = Math.max(0, sealed - this.carried);
      this.carry.set(octets.subarray(at, at + taken), this.carried);
      at += taken;
      this.carried += taken;
      await this.push(chunks.open(this.carry.subarray(0, sealed)));
      this.carry.copyWithin(0, sealed, this.carried);
      this.carried -= sealed;
    }
    this.carry.set(octets.subarray(at), this.carried);
    this.carried += octets.length - at;
  }

  private async push(opened: Promise<ArrayBuffer>): Promise<void> {
    opened.catch(() => {}); // told when its turn comes
    this.flying.push(opened);
    await this.drain(IN_FLIGHT);
  }

  private async drain(inFlight: number): Promise<void> {
    while (this.flying.length > inFlight) {
      const opened = await authentic(this.flying.shift()!);
      await this.content.update(opened);
      free(opened.buffer);
    }
  }
}

async function authentic(opened: Promise<ArrayBuffer>): Promise<Bytes> {
  try {
    return new Uint8Array(await opened);
  } catch {
    throw refusal("integrity", "The content was altered, cut short, or is not for this key.");
  }
}

function cutShort(): Error {
  return refusal("integrity", "The message is cut short.");
}

/** Takes decrypted packets apart: exactly one Literal, then exactly one Padding packet. */
class ContentReader {
  private readonly packets = new PacketSplitter();
  private readonly release: Release;
  private started = 0;
  private literalEnded = false;
  private paddingEnded = false;

  constructor(release: Release) {
    this.release = release;
  }

  async update(chunk: Uint8Array): Promise<void> {
    for (const piece of this.packets.feed(chunk)) {
      if (!this.literalEnded && piece.tag === TAG_LITERAL) {
        const octets = this.skipStart(piece.octets, piece.ends);
        if (octets.length > 0) await this.release(octets);
        this.literalEnded = piece.ends;
      } else if (this.literalEnded && !this.paddingEnded && piece.tag === TAG_PADDING) {
        this.paddingEnded = piece.ends;
      } else {
        throw refusal("envelope-refused", "The payload holds something else than content and padding.");
      }
    }
  }

  finish(): void {
    this.packets.finish();
    if (!this.paddingEnded) throw refusal("envelope-refused", "The payload holds no padding.");
  }

  private skipStart(octets: Uint8Array, ends: boolean): Uint8Array {
    const missing = LITERAL_START.length - this.started;
    if (missing === 0) return octets;
    const start = octets.subarray(0, missing);
    const isRight = equal(start, LITERAL_START.subarray(this.started, this.started + start.length));
    this.started += start.length;
    if (!isRight || (ends && this.started < LITERAL_START.length)) {
      throw refusal("envelope-refused", "The content is labelled otherwise than the format demands.");
    }
    return octets.subarray(missing);
  }
}

/** Opens a small payload at once; throws `limit-exceeded` above `maxBytes`. */
export async function decryptBytes(
  payload: readonly Uint8Array[],
  sessionKey: SessionKey,
  maxBytes: number,
): Promise<Bytes> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader = new PayloadReader(sessionKey, (plain) => {
    size += plain.length;
    if (size > maxBytes) throw refusal("limit-exceeded", "The content is longer than it may be.");
    pieces.push(plain.slice());
  });
  for (const data of payload) await reader.update(data);
  await reader.finish();
  return concat(...pieces);
}
