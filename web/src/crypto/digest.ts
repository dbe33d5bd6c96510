/**
 * SHA-256 of a content as it flows. WebCrypto has no streaming digest, so hash-wasm does it, in a
 * worker of its own: it takes a core for itself at 300 MB/s.
 */
import { startHand } from "../hands.ts";
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

export type FromDigest =
  | { readonly kind: "begun" | "failed" }
  | { readonly kind: "buffer"; readonly buffer: ArrayBuffer }
  | { readonly kind: "digest"; readonly hex: string };

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

/** A promise that others settle; that it fails is told to who waits for it, or to nobody. */
class Later<T> {
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<T>((resolve, reject) => Object.assign(this, { resolve, reject }));

  constructor() {
    this.promise.catch(() => {});
  }
}

class WorkerDigest implements ContentDigest {
  private readonly worker = startHand("digest");
  private readonly spare: Uint8Array<ArrayBuffer>[] = [];
  private made = 0;
  private current: Uint8Array<ArrayBuffer> | null = null;
  private filled = 0;
  private wake: () => void = () => {};
  private readonly result = new Later<string>();
  /** Null once the worker has begun; where its script is out of reach, what does its work in this thread. */
  private readonly begun = new Later<ContentDigest | null>();
  private hasBegun = false;
  private crossing: Promise<void> = Promise.resolve();

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<FromDigest>) => this.told(data);
    this.worker.onerror = () => this.told({ kind: "failed" });
  }

  private told(data: FromDigest): void {
    if (data.kind === "digest") this.result.resolve(data.hex);
    else if (data.kind === "buffer") this.spare.push(new Uint8Array(data.buffer));
    else if (data.kind === "begun") this.begin(null);
    else if (this.hasBegun) this.fail();
    else inThisThread().then((own) => this.begin(own), () => this.fail());
    this.wake();
  }

  private begin(own: ContentDigest | null): void {
    this.hasBegun = true;
    this.begun.resolve(own);
  }

  private fail(): void {
    const error = refusal("unavailable", "The digest could not be computed.");
    this.begun.reject(error);
    this.result.reject(error);
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
    try {
      await this.crossing;
      const own = await this.begun.promise;
      if (own !== null) return await own.hex();
      this.worker.postMessage(null);
      return await this.result.promise;
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
      await Promise.race([new Promise<void>((resolve) => (this.wake = resolve)), this.result.promise]);
    }
    if (this.spare.length === 0) this.made++;
    return this.spare.pop() ?? new Uint8Array(BUFFER_BYTES);
  }

  private cross(): void {
    const { current, filled } = this;
    if (current === null) return;
    this.current = null;
    this.filled = 0;
    this.crossing = this.crossing.then(() => this.take(current, filled));
    this.crossing.catch(() => {}); // told at the end
  }

  private async take(buffer: Uint8Array<ArrayBuffer>, filled: number): Promise<void> {
    const own = await this.begun.promise;
    if (own === null) {
      this.worker.postMessage([buffer.buffer, filled], [buffer.buffer]);
      return;
    }
    await own.update(buffer.subarray(0, filled));
    this.spare.push(buffer);
    this.wake();
  }
}
