/**
 * Calls to the vault's own server: JSON in, JSON out, problems (RFC 9457) turned into our errors.
 * The server is not trusted: its answers are bounded, and its words are never shown.
 */
import { BodyCount } from "./body-count.ts";
import { MAX_ANSWER_BYTES, readBounded } from "./bounded.ts";
import { Courier, type Parcel } from "./courier.ts";
import { EngineError, isRefusal, refusal, type ErrorCode } from "../refusal.ts";
import { fromUtf8 } from "../bytes.ts";

const ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;
const SILENCE_MS = 60_000;
/** No uplink is slower than this for long: a body has as much time more as it takes at this rate. */
const SLOWEST_BYTES_PER_S = 16 * 1024;

// Codes that only a server gives, in the words that the screens know.
const CODES: Readonly<Record<string, ErrorCode>> = {
  "foreign-origin": "forbidden",
  "append-only": "forbidden",
  "method-not-allowed": "failed",
  "not-acceptable": "failed",
  "request-timeout": "unavailable",
  "too-large": "limit-exceeded",
  "unsupported-media-type": "failed",
  "precondition-required": "failed",
  configuration: "failed",
};

export interface CallOptions {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | null>>;
  /** The `rev` that the change is based on. */
  readonly ifMatch?: number;
  /** Whether sending it twice does no harm; GET, PUT and DELETE are, unless told otherwise. */
  readonly isRepeatable?: boolean;
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export type Answer = Readonly<Record<string, unknown>>;

export class Transport {
  /** Of a session that lives in this worker alone (a shared computer); else a cookie carries it. */
  token: string | null = null;
  readonly origin: string;
  private readonly courier = new Courier();
  private readonly bodies = new BodyCount();
  /** Told after each request whether the server answered at all. */
  onReach: (isReached: boolean) => void = () => {};
  /** Told when the server says that the session has ended. */
  onSessionEnd: () => void = () => {};

  constructor(origin: string) {
    this.origin = origin;
  }

  /** One JSON request below /api/v1; throws the problem's error, or `unreachable`. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const headers: Record<string, string> = { Accept: "application/json" };
    let body: string | undefined;
    if (options.body !== undefined) {
      headers["Content-Type"] = "application/json";
      body = JSON.stringify(options.body);
    }
    if (options.ifMatch !== undefined) headers["If-Match"] = `"${options.ifMatch}"`;
    if (options.idempotencyKey !== undefined) headers["Idempotency-Key"] = options.idempotencyKey;
    const isRepeatable = options.isRepeatable ?? (method !== "POST" || options.idempotencyKey !== undefined);
    return this.send(method, path + queryOf(options.query), body, headers, isRepeatable, options.signal);
  }

  /** Octets; repeated when the connection breaks. */
  post(path: string, parcel: Parcel, type: string, signal?: AbortSignal): Promise<Answer> {
    return this.send("POST", path, parcel, { "Content-Type": type }, true, signal);
  }

  private async send(
    method: string,
    path: string,
    body: string | Parcel | undefined,
    headers: Record<string, string>,
    isRepeatable: boolean,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once(method, path, body, headers, signal);
      } catch (error) {
        const isRepeated = isRepeatable && attempt < ATTEMPTS && isPassing(error);
        const again = isRepeated && !isGone(body) && !signal?.aborted;
        if (!again) throw error;
        await pause(waitBefore(attempt, error), signal);
      }
    }
  }

  private async once(
    method: string,
    path: string,
    body: string | Parcel | undefined,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const silence = AbortSignal.timeout(patienceFor(body));
    const either = signal === undefined ? silence : AbortSignal.any([silence, signal]);
    const bearer = this.token === null ? {} : { Authorization: `Bearer ${this.token}` };
    let status: number;
    let octets: Uint8Array;
    try {
      const init: RequestInit = {
        method,
        headers: { ...headers, ...bearer },
        credentials: this.token === null ? "same-origin" : "omit",
        cache: "no-store",
        redirect: "error",
      };
      [status, octets] = await this.exchange(`${this.origin}/api/v1${path}`, init, body, either);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      if (signal?.aborted) throw refusal("interrupted", "It was stopped.");
      this.onReach(false);
      throw refusal("unreachable", "The server does not answer.");
    }
    this.onReach(true);
    const document = readDocument(octets);
    if (status >= 200 && status < 300) return document;
    const error = problem(status, document);
    if (error.code === "not-signed-in") this.onSessionEnd();
    throw error;
  }

  private async exchange(
    url: string,
    init: RequestInit,
    body: string | Parcel | undefined,
    signal: AbortSignal,
  ): Promise<[number, Uint8Array]> {
    const parcel = typeof body === "object" ? body : null;
    if (parcel !== null && Courier.takes(parcel)) return this.courier.carry(url, init, parcel, signal);
    try {
      const sent = parcel === null ? ((body as string | undefined) ?? null) : parcel.octets;
      const response = await fetch(url, { ...init, body: sent, signal });
      return [response.status, await readBounded(response, MAX_ANSWER_BYTES)];
    } finally {
      if (parcel !== null) this.bodies.add(parcel.octets.length);
    }
  }
}

function patienceFor(body: string | Parcel | undefined): number {
  const bytes = typeof body === "object" ? body.octets.length : (body?.length ?? 0);
  return SILENCE_MS + Math.ceil((bytes / SLOWEST_BYTES_PER_S) * 1000);
}

function readDocument(octets: Uint8Array): Answer {
  if (octets.length === 0) return {};
  try {
    const document: unknown = JSON.parse(fromUtf8(octets));
    if (typeof document === "object" && document !== null && !Array.isArray(document)) {
      return document as Answer;
    }
  } catch {
    // as below
  }
  return {};
}

function problem(status: number, document: Answer): EngineError {
  const { code, retry_after: retryAfter } = document;
  const named = typeof code === "string" ? (CODES[code] ?? code) : status >= 500 ? "unavailable" : "failed";
  const known = /^[a-z-]{1,40}$/.test(named) ? (named as ErrorCode) : "failed";
  const facts = typeof retryAfter === "number" ? { retryAfterSeconds: Math.min(retryAfter, 86_400) } : {};
  return refusal(known, `The server answered ${status} (${known}).`, { ...facts, ...fieldOf(document) });
}

/** The first field that a form got wrong, by its own name. */
function fieldOf(document: Answer): { field?: string; rule?: string } {
  const { fields } = document;
  const first: unknown = Array.isArray(fields) ? fields[0] : undefined;
  if (typeof first !== "object" || first === null || !("field" in first)) return {};
  const name = String(first.field).split(".").at(-1) ?? "";
  return /^[a-z_]{1,40}$/.test(name) ? { field: name, rule: "shape" } : {};
}

/** The worker that had its octets ended: there is nothing to send again. */
function isGone(body: string | Parcel | undefined): boolean {
  return typeof body === "object" && body.octets.buffer.byteLength === 0;
}

function isPassing(error: unknown): boolean {
  return isRefusal(error, "unreachable", "unavailable", "too-many-attempts");
}

function waitBefore(attempt: number, error: unknown): number {
  const asked = error instanceof EngineError ? (error.facts.retryAfterSeconds ?? 0) * 1000 : 0;
  const own = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
  return Math.min(Math.max(asked, own), LONGEST_WAIT_MS);
}

/** Waits; throws `interrupted` when `signal` is aborted meanwhile. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(refusal("interrupted", "It was stopped."));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

function queryOf(query: CallOptions["query"]): string {
  const entries = Object.entries(query ?? {}).filter(([, value]) => value !== null);
  if (entries.length === 0) return "";
  return `?${new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString()}`;
}
