/**
 * Blocks of a large file are hashed in a worker of their own: Chromium does it in the thread that asks
 * for it, which has enough to do. Their memory goes there and back, and is not copied.
 */
import { sha256, type Bytes } from "../bytes.ts";
import { startHand } from "../hands.ts";
import { refusal } from "../refusal.ts";
import { blockFrom, requireBlock, type Block } from "./cid.ts";

/** Shorter ones are done sooner than sent there. */
const LEAST_BYTES = 1 << 19;

export interface ToHash {
  readonly id: number;
  readonly octets: Bytes;
}

/** Null: the worker has begun. Without a digest: it could not be computed. */
export type FromHasher = Hashed | null;

export interface Hashed extends ToHash {
  readonly digest: ArrayBuffer | null;
}

interface Waiting {
  readonly resolve: (hashed: Hashed) => void;
  readonly reject: (error: unknown) => void;
}

export class BlockHasher {
  private worker: Worker | null = null;
  /** Until it has begun, and where it never does, blocks are hashed here: its script may be out of reach. */
  private state: "unknown" | "begun" | "failed" = "unknown";
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;

  /** Hashes `data` into a block. Its memory is the block's from now on. */
  async blockOf(codec: number, data: Uint8Array): Promise<Block> {
    const [digest, octets] = await this.hash(data);
    return blockFrom(codec, digest, octets);
  }

  /** The block, if `data` is what `cid` says; throws `block-refused`. Its memory is the block's from now on. */
  async verify({ cid, data }: Block): Promise<Block> {
    const [digest, octets] = await this.hash(data);
    return requireBlock(cid, digest, octets);
  }

  /** No more comes: what waits is answered no more. */
  stop(): void {
    this.worker?.terminate();
    this.worker = null;
    this.state = "unknown";
    this.rejectAll(refusal("interrupted", "It was stopped."));
  }

  private async hash(data: Uint8Array): Promise<[Uint8Array, Uint8Array]> {
    if (data.length < LEAST_BYTES || typeof Worker === "undefined") return [await sha256(data), data];
    if (this.state !== "failed") this.worker ??= this.start();
    if (this.worker === null || this.state !== "begun") return [await sha256(data), data];
    const id = this.next++;
    const octets = data as Bytes;
    const hashed = new Promise<Hashed>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.worker.postMessage({ id, octets } satisfies ToHash, [octets.buffer]);
    const back = await hashed;
    const { digest } = back;
    return [digest === null ? await sha256(back.octets) : new Uint8Array(digest), back.octets];
  }

  private start(): Worker {
    const worker = startHand("hash");
    worker.onmessage = ({ data }: MessageEvent<FromHasher>) => {
      if (data === null) {
        this.state = "begun";
        return;
      }
      this.waiting.get(data.id)?.resolve(data);
      this.waiting.delete(data.id);
    };
    worker.onerror = () => {
      this.state = "failed";
      worker.terminate();
      this.worker = null;
      this.rejectAll(refusal("unavailable", "A part could not be hashed."));
    };
    return worker;
  }

  private rejectAll(error: unknown): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
