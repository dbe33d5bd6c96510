/**
 * Reads from gateways that nobody needs to trust: every block is hashed before it is released. One
 * that lies, stalls, fails, asks to wait or does not have something costs time and nothing else;
 * the next one goes on from where it stopped. Requests go to the gateways given, and to no one else.
 */
import { readBounded } from "./bounded.ts";
import { CarSplitter } from "../ipld/car.ts";
import { verifyBlock, type Block, type Cid } from "../ipld/cid.ts";
import { BlockHasher } from "../ipld/hashing.ts";
import { readRecord, type IpnsRecord } from "../ipld/ipns.ts";
import type { Child } from "../ipld/unixfs.ts";
import { PayloadWalk } from "../ipld/walk.ts";
import { LIMITS } from "../limits.ts";
import { octetsOf } from "../octets.ts";
import { EngineError, isRefusal, refusal } from "../refusal.ts";

const FIRST_ANSWER_MS = 10_000;
const SILENCE_MS = 15_000;
const REST_MS = 30_000;
const LONGEST_REST_MS = 300_000;
const AT_ONCE = 6;
const BLOCKS_AHEAD = 6;
/** Whole blocks wait in a CAR while those before are used: at most this many. */
const HASHED_AHEAD = 4;
/** As much as Chromium has ready at once. */
const READ_BYTES = 1 << 19;

export type GatewayState = "used" | "unused" | "down" | "busy" | "lied" | "missing";

/** What a gateway has done in this session. */
export interface GatewayRecord {
  readonly url: string;
  blocks: number;
  bytes: number;
  state: GatewayState;
  restUntil: number;
}

/** A gateway did not give what was asked; `state` says how. */
class GatewayFailed extends Error {
  readonly state: GatewayState;
  readonly restMs: number;

  constructor(state: GatewayState, restMs = REST_MS) {
    super(state);
    this.state = state;
    this.restMs = restMs;
  }
}

export class Gateways {
  records: readonly GatewayRecord[] = [];
  /** Told when a gateway's state changes. */
  onChange: () => void = () => {};
  /** Told of each block that was taken, and from where. */
  onBlock: (gateway: GatewayRecord, cid: Cid) => void = () => {};

  /** `urls`: origins in the order in which they are asked, the own server first. */
  constructor(urls: readonly string[]) {
    this.replace(urls);
  }

  /** Other gateways from now on; what is known of those that stay is kept. */
  replace(urls: readonly string[]): void {
    const unique = [...new Set(urls.map((url) => url.replace(/\/+$/, "")))].slice(0, LIMITS.MAX_GATEWAYS);
    const known = new Map(this.records.map((record) => [record.url, record]));
    this.records = unique.map(
      (url) => known.get(url) ?? { url, blocks: 0, bytes: 0, state: "unused", restUntil: 0 },
    );
  }

  /** Verified blocks, in order. Throws `block-refused`, `block-missing`, `unreachable`. */
  async fetch(cids: readonly Cid[]): Promise<Block[]> {
    const found = new Array<Block>(cids.length);
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < cids.length) {
        const place = next++;
        found[place] = await this.block(cids[place]!);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, cids.length) }, worker));
    return found;
  }

  /**
   * A payload's octets in order, verified block by block; each piece may be used until the next is
   * asked for. Throws as `fetch`, and `dag-refused`.
   */
  async *stream(payload: Child, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const walk = new PayloadWalk(payload);
    const [first] = this.inTurn();
    if (first !== undefined && payload.sizeBytes > LIMITS.CHUNK_BYTES) {
      try {
        yield* this.car(first, payload.cid, walk, signal);
      } catch (error) {
        // What is left comes block by block, from whoever has it.
        this.note(first, error, signal);
      }
    }
    const held = new Map<Cid, Promise<Block>>();
    while (!walk.isFinished) {
      for (const cid of walk.wanted(BLOCKS_AHEAD)) {
        if (held.has(cid)) continue;
        const block = this.block(cid, signal);
        block.catch(() => {}); // told when its turn comes
        held.set(cid, block);
      }
      const { next } = walk;
      const block = await held.get(next!)!;
      held.delete(next!);
      yield* walk.feed(block);
    }
  }

  /** The newest record of `name` that any gateway has and that verifies; null when none has. */
  async newestRecord(name: string): Promise<IpnsRecord | null> {
    const found = await Promise.all(
      this.records.map(async (gateway) => {
        try {
          const url = `${gateway.url}/ipns/${name}?format=ipns-record`;
          const octets = await this.get(url, LIMITS.MAX_IPNS_RECORD_BYTES);
          return await readRecord(name, octets, new Date());
        } catch {
          return null;
        }
      }),
    );
    const valid = found.filter((record) => record !== null);
    return valid.length === 0 ? null : valid.reduce((a, b) => (b.sequence > a.sequence ? b : a));
  }

  /** Those that are not resting, or all of them when every one is; liars come last and only then. */
  private inTurn(): readonly GatewayRecord[] {
    const now = Date.now();
    const awake = this.records.filter(({ restUntil }) => restUntil <= now);
    if (awake.length > 0) return awake;
    const honest = this.records.filter(({ state }) => state !== "lied");
    return honest.length > 0 ? honest : this.records;
  }

  private async block(cid: Cid, signal?: AbortSignal): Promise<Block> {
    const failures = new Set<GatewayState>();
    for (const gateway of this.inTurn()) {
      try {
        const url = `${gateway.url}/ipfs/${cid}?format=raw`;
        const octets = await this.get(url, LIMITS.MAX_BLOCK_BYTES, signal);
        const block = await verifyBlock(cid, octets);
        this.used(gateway, block);
        return block;
      } catch (error) {
        failures.add(this.note(gateway, error, signal));
      }
    }
    if (failures.has("lied")) throw refusal("block-refused", "No gateway gives this part as it was stored.");
    if (failures.has("missing")) throw refusal("block-missing", "No gateway has a part of this now.");
    throw refusal("unreachable", "No gateway answers.");
  }

  private async get(url: string, limit: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const patience = AbortSignal.timeout(FIRST_ANSWER_MS + SILENCE_MS);
    const response = await ask(url, signal === undefined ? patience : AbortSignal.any([patience, signal]));
    try {
      return await readBounded(response, limit);
    } catch (error) {
      throw isRefusal(error, "limit-exceeded") ? new GatewayFailed("lied") : new GatewayFailed("down");
    }
  }

  private async *car(
    gateway: GatewayRecord,
    root: Cid,
    walk: PayloadWalk,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    const stop = new AbortController();
    const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
    const query = "format=car&dag-scope=all&car-order=dfs&car-dups=y";
    const impatient = setTimeout(() => stop.abort(), FIRST_ANSWER_MS);
    const waiting: Promise<Block>[] = [];
    const splitter = new CarSplitter();
    const hasher = new BlockHasher();
    // Whoever asks for the next octets is done with these.
    const next = async function* (this: Gateways): AsyncGenerator<Uint8Array> {
      const block = await waiting.shift()!;
      yield* this.take(gateway, walk, block);
      splitter.reuse(block);
    }.bind(this);
    try {
      const response = await ask(`${gateway.url}/ipfs/${root}?${query}`, either);
      clearTimeout(impatient);
      for await (const block of carBlocks(response, splitter, stop)) {
        const verified = hasher.verify(block);
        verified.catch(() => {}); // told when its turn comes
        waiting.push(verified);
        while (waiting.length > HASHED_AHEAD) yield* next();
      }
      while (waiting.length > 0) yield* next();
    } finally {
      clearTimeout(impatient);
      hasher.stop();
      stop.abort();
    }
  }

  private *take(gateway: GatewayRecord, walk: PayloadWalk, block: Block): Generator<Uint8Array> {
    if (walk.isFinished) return;
    if (block.cid !== walk.next) throw new GatewayFailed("lied");
    this.used(gateway, block);
    yield* walk.feed(block);
  }

  private used(gateway: GatewayRecord, { cid, data }: Block): void {
    this.onBlock(gateway, cid);
    gateway.blocks++;
    gateway.bytes += data.length;
    if (gateway.state !== "used") {
      gateway.state = "used";
      this.onChange();
    }
    gateway.restUntil = 0;
  }

  /** Remembers how a gateway failed, and says it; rethrows what is not a gateway's failure. */
  private note(gateway: GatewayRecord, error: unknown, signal: AbortSignal | undefined): GatewayState {
    if (signal?.aborted) throw refusal("interrupted", "It was stopped.");
    const isLie = isRefusal(error, "block-refused", "dag-refused", "limit-exceeded");
    if (error instanceof EngineError && !isLie) throw error;
    const failure =
      error instanceof GatewayFailed ? error : new GatewayFailed(isLie ? "lied" : "down", REST_MS);
    if (failure.state !== "missing") {
      const rest = failure.state === "lied" ? LONGEST_REST_MS : failure.restMs;
      gateway.restUntil = Date.now() + rest;
    }
    if (gateway.state !== failure.state) {
      gateway.state = failure.state;
      this.onChange();
    }
    return failure.state;
  }
}

async function ask(url: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, {
      signal,
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "error", // whom she asks is hers to choose (08): not the next one, who would learn what she reads
    });
  } catch {
    throw new GatewayFailed("down");
  }
  if (response.ok) return response;
  await response.body?.cancel();
  if (response.status === 429 || response.status === 503) {
    const seconds = Number(response.headers.get("Retry-After") ?? "0");
    throw new GatewayFailed("busy", Math.min(Math.max(seconds * 1000 || REST_MS, 1000), LONGEST_REST_MS));
  }
  throw new GatewayFailed(response.status === 404 || response.status === 410 ? "missing" : "down");
}

/** Blocks of a CAR as they come; a silence ends it. */
async function* carBlocks(response: Response, splitter: CarSplitter, stop: AbortController): AsyncGenerator<Block> {
  const octets = octetsOf(response.body!, READ_BYTES);
  for (;;) {
    const silence = setTimeout(() => stop.abort(), SILENCE_MS);
    let step: IteratorResult<Uint8Array, void>;
    try {
      step = await octets.next();
    } catch {
      throw new GatewayFailed("down");
    } finally {
      clearTimeout(silence);
    }
    if (step.done) break;
    yield* splitter.feed(step.value);
  }
  splitter.finish();
}
