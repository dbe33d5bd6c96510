/**
 * SHA-256 of a content as it flows. WebCrypto has no streaming digest, so hash-wasm does it, in a
 * worker of its own: it takes a core for itself at 300 MB/s.
 */
import { refusal } from "../refusal.ts";

/** Octets cross in buffers of one size, which come back to be used again: so many in all. */
const BUFFER_BYTES = 1 << 20;
const BUFFERS = 4;

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
  private readonly spare: Uint8Array<ArrayBuffer>[] = [];
  private made = 0;
  private current: Uint8Array<ArrayBuffer> | null = null;
  private filled = 0;
  private wake: () => void = () => {};
  private readonly result: Promise<string>;

  constructor() {
    this.result = new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
        if (typeof data === "string") resolve(data);
        else this.spare.push(new Uint8Array(data));
        this.wake();
      };
      this.worker.onerror = () => reject(refusal("failed", "The digest could not be computed."));
    });
    this.result.catch(() => {}); // told to who asks for it
  }

  async update(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      this.current ??= await this.buffer();
      const count = Math.min(BUFFER_BYTES - this.filled, piece.length - at);
      this.current.set(piece.subarray(at, at + count), this.filled);
      this.filled += count;
      at += count;
      if (this.filled === BUFFER_BYTES) this.cross();
    }
  }

  async hex(): Promise<string> {
    this.cross();
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

  /** One that came back, or a new one; waits when all are with the worker. */
  private async buffer(): Promise<Uint8Array<ArrayBuffer>> {
    while (this.spare.length === 0 && this.made === BUFFERS) {
      await Promise.race([new Promise<void>((resolve) => (this.wake = resolve)), this.result]);
    }
    if (this.spare.length === 0) this.made++;
    return this.spare.pop() ?? new Uint8Array(BUFFER_BYTES);
  }

  private cross(): void {
    if (this.current === null) return;
    this.worker.postMessage([this.current.buffer, this.filled], [this.current.buffer]);
    this.current = null;
    this.filled = 0;
  }
}
