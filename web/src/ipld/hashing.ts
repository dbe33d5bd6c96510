/**
 * Blocks of a large file are hashed in a worker of their own: Chromium does it in the thread that asks
 * for it, which has enough to do. Their memory goes there and back, and is not copied.
 */
import { sha256, type Bytes } from "../bytes.ts";
import { refusal } from "../refusal.ts";
import { blockFrom, requireBlock, type Block } from "./cid.ts";

/** Shorter ones are done sooner than sent there. */
const LEAST_BYTES = 1 << 19;

export interface ToHash {
  readonly id: number;
  readonly octets: Bytes;
}

export interface Hashed extends ToHash {
  readonly digest: ArrayBuffer;
}

interface Waiting {
  readonly resolve: (hashed: Hashed) => void;
  readonly reject: (error: unknown) => void;
}

export class BlockHasher {
  private worker: Worker | null = null;
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
    for (const { reject } of this.waiting.values()) reject(refusal("interrupted", "It was stopped."));
    this.waiting.clear();
  }

  private async hash(data: Uint8Array): Promise<[Uint8Array, Uint8Array]> {
    if (data.length < LEAST_BYTES || typeof Worker === "undefined") return [await sha256(data), data];
    this.worker ??= this.start();
    const id = this.next++;
    const octets = data as Bytes;
    const hashed = new Promise<Hashed>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.worker.postMessage({ id, octets } satisfies ToHash, [octets.buffer]);
    const back = await hashed;
    return [new Uint8Array(back.digest), back.octets];
  }

  private start(): Worker {
    const worker = new Worker(new URL("./hash-worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Hashed>) => {
      this.waiting.get(data.id)?.resolve(data);
      this.waiting.delete(data.id);
    };
    worker.onerror = () => {
      for (const { reject } of this.waiting.values()) reject(refusal("failed", "A part could not be hashed."));
      this.waiting.clear();
    };
    return worker;
  }
}
