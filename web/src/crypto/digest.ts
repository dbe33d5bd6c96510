/**
 * SHA-256 of a content as it flows. WebCrypto has no streaming digest, so hash-wasm does it, in a
 * worker of its own: it takes a core for itself at 300 MB/s.
 */
import { refusal } from "../refusal.ts";

/** Pieces that may wait for the digest: what is behind bounds the memory. */
const PIECES_WAITING = 4;

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
  private waiting = 0;
  private wake: () => void = () => {};
  private readonly result: Promise<string>;

  constructor() {
    this.result = new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }: MessageEvent<string | null>) => {
        this.waiting--;
        this.wake();
        if (data !== null) resolve(data);
      };
      this.worker.onerror = () => reject(refusal("failed", "The digest could not be computed."));
    });
    this.result.catch(() => {}); // told to who asks for it
  }

  async update(piece: Uint8Array): Promise<void> {
    while (this.waiting >= PIECES_WAITING) {
      await Promise.race([new Promise<void>((resolve) => (this.wake = resolve)), this.result]);
    }
    const copy = piece.slice();
    this.waiting++;
    this.worker.postMessage(copy, [copy.buffer]);
  }

  async hex(): Promise<string> {
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
