/** Encrypts one content and sends its blocks, resuming where it was (docs/spec/12 §6). */
import { concat, equal, free } from "../bytes.ts";
import { startDigest, type ContentDigest } from "../crypto/digest.ts";
import { PayloadWriter } from "../crypto/payload.ts";
import type { SessionKey } from "../crypto/session-keys.ts";
import { FileBuilder, type Built } from "../ipld/builder.ts";
import { CID_BYTES, cidBytes, RAW, type Block } from "../ipld/cid.ts";
import { BlockHasher } from "../ipld/hashing.ts";
import { refusal } from "../refusal.ts";
import type { BatchSender } from "./sending.ts";
import type { Store } from "./store.ts";

const HASHES_IN_FLIGHT = 4;
/** As many as go into a batch. */
const RECORDED_AT_ONCE = 7;

/** What encrypting a content again must be given to yield the same blocks. */
export interface ContentSecrets {
  readonly sessionKey: SessionKey;
  readonly salt: Uint8Array<ArrayBuffer>;
}

export interface SealedContent {
  readonly payload: Built;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Stands between encoder and sender: known leaves must agree, new ones are recorded first. */
export class Recorder {
  private readonly store: Store | null;
  private readonly upload: string;
  private readonly sender: BatchSender;
  private readonly known: Uint8Array;
  private waiting: Block[] = [];
  private recording: { readonly saved: Promise<void> | undefined; readonly blocks: readonly Block[] } | null = null;
  private count = 0;

  private constructor(store: Store | null, upload: string, sender: BatchSender, known: Uint8Array) {
    this.store = store;
    this.upload = upload;
    this.sender = sender;
    this.known = known;
  }

  /** For a content that may be resumed as `upload`. */
  static async resumable(store: Store, upload: string, sender: BatchSender): Promise<Recorder> {
    const records = await store.leaves(upload);
    return new Recorder(store, upload, sender, concat(...records.map(({ cids }) => cids)));
  }

  /** For a short content, which begins anew instead. */
  static plain(sender: BatchSender): Recorder {
    return new Recorder(null, "", sender, new Uint8Array(0));
  }

  async leaf(block: Block): Promise<void> {
    const at = this.count * CID_BYTES;
    const known = this.known.subarray(at, at + CID_BYTES);
    if (known.length > 0) {
      // One that differs is not sent: GCM forgives no second plaintext under a nonce.
      if (!equal(known, cidBytes(block.cid))) {
        throw refusal("content-changed", "The file is no longer what it was when its upload began.");
      }
      this.count++;
      await this.sender.add(block, true);
      return;
    }
    this.waiting.push(block);
    if (this.waiting.length === RECORDED_AT_ONCE) await this.record();
  }

  /** Sends what has not been sent yet. */
  async finish(): Promise<void> {
    if (this.waiting.length > 0) await this.record();
    await this.send();
  }

  /** Begins to record the leaves that wait; meanwhile those before are sent, and the next ones made. */
  private async record(): Promise<void> {
    const blocks = this.waiting;
    this.waiting = [];
    const cids = concat(...blocks.map(({ cid }) => cidBytes(cid)));
    const saved = this.store?.saveLeaves({ upload: this.upload, first: this.count, cids });
    saved?.catch(() => {}); // told when its turn comes
    this.count += blocks.length;
    await this.send();
    this.recording = { saved, blocks };
  }

  /** Sends the leaves that were being recorded, once they are. */
  private async send(): Promise<void> {
    if (this.recording === null) return;
    const { saved, blocks } = this.recording;
    this.recording = null;
    await saved;
    await this.sender.addAll(blocks);
  }
}

/** Encrypts one content as its pieces come, and hands its blocks to `recorder` and `sender`. */
export class ContentSealer {
  private readonly recorder: Recorder;
  private readonly sender: BatchSender;
  private readonly builder = new FileBuilder();
  private readonly hashing: Promise<Block>[] = [];
  private readonly digest: ContentDigest;
  private readonly hasher = new BlockHasher();
  private writer!: PayloadWriter;
  private sizeBytes = 0;

  private constructor(recorder: Recorder, sender: BatchSender, digest: ContentDigest) {
    this.recorder = recorder;
    this.sender = sender;
    this.digest = digest;
  }

  static async start(
    { sessionKey, salt }: ContentSecrets,
    sizeBytes: number,
    recorder: Recorder,
    sender: BatchSender,
  ): Promise<ContentSealer> {
    const sealer = new ContentSealer(recorder, sender, await startDigest());
    sealer.writer = await PayloadWriter.make(sessionKey, salt, { sizeBytes }, async (leaf) => {
      const block = sealer.hasher.blockOf(RAW, leaf);
      block.catch(() => {}); // told when its turn comes
      sealer.hashing.push(block);
      await sealer.settle(HASHES_IN_FLIGHT);
    });
    sender.onFree = (leaf) => sealer.writer.reuse(leaf);
    return sealer;
  }

  async write(piece: Uint8Array): Promise<void> {
    this.sizeBytes += piece.length;
    await this.digest.update(piece);
    await this.writer.write(piece);
  }

  /** What the meta says of it. */
  async finish(): Promise<SealedContent> {
    await this.writer.finish();
    await this.settle(0);
    await this.recorder.finish();
    const [blocks, payload] = await this.builder.finish();
    await this.sender.addAll(blocks);
    return { payload, sizeBytes: this.sizeBytes, sha256: await this.digest.hex() };
  }

  /** Whether it went well or not. */
  stop(): void {
    this.digest.stop();
    this.hasher.stop();
  }

  private async settle(inFlight: number): Promise<void> {
    while (this.hashing.length > inFlight) {
      const block = await this.hashing.shift()!;
      await this.recorder.leaf(block);
      await this.sender.addAll(await this.builder.add(block.cid, block.data.length));
    }
  }
}

/** Encrypts `file` and hands its blocks to `recorder` and `sender`; what the meta says of it. */
export async function sendContent(
  file: Blob,
  secrets: ContentSecrets,
  recorder: Recorder,
  sender: BatchSender,
  signal: AbortSignal,
): Promise<SealedContent> {
  const sealer = await ContentSealer.start(secrets, file.size, recorder, sender);
  try {
    for await (const piece of piecesOf(file)) {
      if (signal.aborted) throw refusal("interrupted", "It was stopped.");
      await sealer.write(piece);
    }
    return await sealer.finish();
  } finally {
    sealer.stop();
  }
}

/**
 * A file's octets; a piece may be used until the next is asked for, which is read meanwhile. Throws
 * `content-changed`.
 */
export async function* piecesOf(file: Blob): AsyncGenerator<Uint8Array> {
  // As they come: into a buffer of ours, Chromium now and then never answers the first read. Slices
  // are always answered, and cost it five times the CPU.
  const reader = file.stream().getReader();
  let size = 0;
  try {
    for (let next = reader.read(); ; ) {
      const { value: piece } = await next;
      if (piece === undefined) break;
      size += piece.length;
      next = reader.read();
      next.catch(() => {}); // told when its turn comes
      yield piece;
      free(piece.buffer);
    }
  } catch {
    // The browser says no more: the file was changed, moved or taken away.
    throw changed();
  } finally {
    reader.cancel().catch(() => {});
  }
  if (size !== file.size) throw changed();
}

function changed(): Error {
  return refusal("content-changed", "The file changed or went away while it was read.");
}

/** SHA-256 of a whole file. */
export async function digestOf(file: Blob, signal: AbortSignal): Promise<string> {
  const digest = await startDigest();
  try {
    for await (const piece of piecesOf(file)) {
      if (signal.aborted) throw refusal("interrupted", "It was stopped.");
      await digest.update(piece);
    }
    return await digest.hex();
  } finally {
    digest.stop();
  }
}
