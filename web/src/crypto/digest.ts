/**
 * SHA-256 of a content as it flows. WebCrypto has no streaming digest, so hash-wasm does it, in a
 * worker of its own: it takes a core for itself at 300 MB/s.
 */
import { refusal } from "../refusal.ts";

/** Pieces are gathered before they cross, for each message costs; what waits bounds the memory. */
const GATHERED_BYTES = 1 << 20;
const WAITING_BYTES = 16 << 20;

export interface ContentDigest {
  /** Takes a piece, which may be used again at once; waits while too much is behind. */
  update(piece: Uint8Array): Promise<void>;
  /** 64 hex digits; ends the digest. */
  hex(): Promise<string>;
  /** Ends it without an answer. */
  stop(): void;
}

export async function startDigest(): Promise<ContentDigest> {
  if (typeof Worker === "undefined") return inThisThread();
  return new WorkerDigest();
}

async function inThisThread(): Promise<ContentDigest> {
  const { createSHA256 } = await import("hash-wasm");
  const hash = (await createSHA256()).init();
  return {
    update: async (piece) => void hash.update(piece),
    hex: async () => hash.digest("hex"),
    stop: () => {},
  };
}

class WorkerDigest implements ContentDigest {
  private readonly worker = new Worker(new URL("./digest-worker.ts", import.meta.url), { type: "module" });
  private readonly sent: number[] = [];
  /** Buffers that come back from the worker, to be used again. */
  private readonly spare: Uint8Array<ArrayBuffer>[] = [];
  private waiting = 0;
  private gathered: Uint8Array[] = [];
  private gatheredBytes = 0;
  private wake: () => void = () => {};
  private readonly result: Promise<string>;

  constructor() {
    this.result = new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }: MessageEvent<string | Uint8Array<ArrayBuffer>[]>) => {
        this.waiting -= this.sent.shift() ?? 0;
        this.wake();
        if (typeof data === "string") resolve(data);
        else this.spare.push(...data);
      };
      this.worker.onerror = () => reject(refusal("failed", "The digest could not be computed."));
    });
    this.result.catch(() => {}); // told to who asks for it
  }

  async update(piece: Uint8Array): Promise<void> {
    this.gathered.push(this.copyOf(piece));
    this.gatheredBytes += piece.length;
    if (this.gatheredBytes < GATHERED_BYTES) return;
    while (this.waiting >= WAITING_BYTES) {
      await Promise.race([new Promise<void>((resolve) => (this.wake = resolve)), this.result]);
    }
    this.cross();
  }

  private copyOf(piece: Uint8Array): Uint8Array {
    const place = this.spare.findIndex(({ length }) => length === piece.length);
    if (place < 0) return piece.slice();
    const [buffer] = this.spare.splice(place, 1);
    buffer!.set(piece);
    return buffer!;
  }

  private cross(): void {
    const { gathered, gatheredBytes } = this;
    this.gathered = [];
    this.gatheredBytes = 0;
    this.sent.push(gatheredBytes);
    this.waiting += gatheredBytes;
    const buffers = gathered.map(({ buffer }) => buffer as ArrayBuffer);
    this.worker.postMessage(gathered, buffers);
  }

  async hex(): Promise<string> {
    if (this.gathered.length > 0) this.cross();
    this.sent.push(0);
    this.worker.postMessage(null);
    try {
      return await this.result;
    } finally {
      this.stop();
    }
  }

  stop(): void {
    this.worker.terminate();
  }
}
