/**
 * Large bodies are posted from a worker of their own: what the browser does for each takes that
 * thread's time, not the engine's, and its collector, which must run often, has next to nothing to
 * look through there.
 */
import type { Bytes } from "../bytes.ts";
import { startHand } from "../hands.ts";
import { refusal } from "../refusal.ts";

/** A body whose memory travels: `octets` are other ones, of the same content, once it was posted. */
export interface Parcel {
  octets: Bytes;
}

export type ToCourier =
  | {
      readonly kind: "post";
      readonly id: number;
      readonly url: string;
      readonly init: RequestInit;
      readonly octets: Bytes;
    }
  | { readonly kind: "stop"; readonly id: number };

export interface Delivered {
  readonly id: number;
  readonly octets: Bytes;
  readonly status: number;
  readonly answer: Bytes;
  readonly failure: "limit-exceeded" | "unreachable" | null;
}

/** Shorter ones are posted sooner than sent there. */
const LEAST_BYTES = 1 << 20;
/** With nothing to post, the worker ends after so long. */
const IDLE_MS = 5000;

interface Waiting {
  readonly resolve: (delivered: Delivered) => void;
  readonly reject: (error: unknown) => void;
}

export class Courier {
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private idle: ReturnType<typeof setTimeout> | undefined;
  private next = 0;

  static takes({ octets }: Parcel): boolean {
    return octets.length >= LEAST_BYTES && typeof Worker !== "undefined";
  }

  /** As `fetch` and `readBounded`: status and octets of the answer; TypeError without one. */
  async carry(url: string, init: RequestInit, parcel: Parcel, signal: AbortSignal): Promise<[number, Uint8Array]> {
    clearTimeout(this.idle);
    const worker = (this.worker ??= this.start());
    const id = this.next++;
    const { octets } = parcel;
    const stop = (): void => worker.postMessage({ kind: "stop", id } satisfies ToCourier);
    const delivered = new Promise<Delivered>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    worker.postMessage({ kind: "post", id, url, init, octets } satisfies ToCourier, [octets.buffer]);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const { octets: back, status, answer, failure } = await delivered;
      parcel.octets = back;
      if (failure === "limit-exceeded") throw refusal(failure, "An answer is longer than it may be.");
      if (failure !== null) throw new TypeError("It was not delivered.");
      return [status, answer];
    } finally {
      signal.removeEventListener("abort", stop);
      if (this.waiting.size === 0) this.rest();
    }
  }

  /** Several may end at once: one timer is set for all of them. */
  private rest(): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => {
      if (this.waiting.size === 0) this.end();
    }, IDLE_MS);
  }

  private start(): Worker {
    const worker = startHand("courier");
    worker.onmessage = ({ data }: MessageEvent<Delivered>) => {
      this.waiting.get(data.id)?.resolve(data);
      this.waiting.delete(data.id);
    };
    worker.onerror = () => this.end();
    return worker;
  }

  /** What was being posted goes with the worker; it can be made and sent again. */
  private end(): void {
    clearTimeout(this.idle);
    this.worker?.terminate();
    this.worker = null;
    for (const { reject } of this.waiting.values()) reject(refusal("unavailable", "Nothing could be sent."));
    this.waiting.clear();
  }
}
