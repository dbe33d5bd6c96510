/** Blocks to the server in CAR batches, and commits such that a lost answer does no harm (docs/spec/10). */
import * as answers from "../api/answers.ts";
import type { Transport } from "../api/transport.ts";
import { randomBelow } from "../bytes.ts";
import type { ErrorCode } from "../engine/errors.ts";
import { writeCar } from "../ipld/car.ts";
import type { Block, Cid } from "../ipld/cid.ts";
import { LIMITS } from "../limits.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { requireCounted } from "../vault/delegations.ts";
import type { BlockSource } from "../vault/reading.ts";
import { makeId } from "../vault/words.ts";

const CAR_TYPE = "application/vnd.ipld.car";
/** Seven leaves and their nodes: what ran fastest, under the 8 MiB that a batch may have. */
const BATCH_BYTES = 7.5 * 2 ** 20;
const PARALLEL = 2;
/** A full batch and what frames its blocks. */
const BUFFER_BYTES = BATCH_BYTES + (1 << 18);
const SAMPLE_BLOCKS = 4;

export async function startUpload(transport: Transport): Promise<string> {
  const answer = await transport.call("POST", "/uploads", { body: {}, idempotencyKey: makeId() });
  return answers.text(answer, "upload");
}

/** Tells the server that no more comes; that it could not be told does no harm. */
export async function endUpload(transport: Transport, upload: string): Promise<void> {
  await transport.call("DELETE", `/uploads/${upload}`, { isRepeatable: false }).catch(() => {});
}

/** Whether an upload begun earlier can go on: the server ends it a day later. */
export async function isOpen(transport: Transport, upload: string): Promise<boolean> {
  try {
    await transport.call("POST", `/uploads/${upload}/missing`, { body: { cids: [] }, isRepeatable: true });
    return true;
  } catch (error) {
    if (isRefusal(error, "not-found")) return false;
    throw error;
  }
}

/** An upload for one change: ended with it, as an account may have only so many open. */
export async function withUpload<T>(transport: Transport, run: (upload: string) => Promise<T>): Promise<T> {
  const upload = await startUpload(transport);
  try {
    return await run(upload);
  } finally {
    await endUpload(transport, upload);
  }
}

/** A few of the CIDs it was shown, each as likely as any other (reservoir sampling). */
export class Sample {
  readonly cids: Cid[] = [];
  private seen = 0;

  show(cid: Cid): void {
    this.seen++;
    if (this.cids.length < SAMPLE_BLOCKS) {
      this.cids.push(cid);
      return;
    }
    const place = randomBelow(this.seen);
    if (place < SAMPLE_BLOCKS) this.cids[place] = cid;
  }
}

/** Gathers blocks into batches and posts them, two at once; `flush` returns when all is durable. */
export class BatchSender {
  readonly sample = new Sample();
  /** Given each block's octets once they are copied into a batch: their memory can be used again. */
  onFree: (data: Uint8Array) => void = () => {};
  private readonly buffers: Uint8Array<ArrayBuffer>[] = [];
  private readonly transport: Transport;
  private readonly upload: string;
  private readonly signal: AbortSignal | undefined;
  private readonly onSent: (bytes: number) => void;
  private batch: Block[] = [];
  private batchBytes = 0;
  private isMaybeThere = false;
  private readonly posts = new Set<Promise<void>>();
  private failure: unknown = null;

  constructor(
    transport: Transport,
    upload: string,
    options: { signal?: AbortSignal; onSent?: (bytes: number) => void } = {},
  ) {
    this.transport = transport;
    this.upload = upload;
    this.signal = options.signal;
    this.onSent = options.onSent ?? (() => {});
  }

  /** Takes a block; `isMaybeThere`: an earlier attempt may have sent it, so the server is asked. */
  async add(block: Block, isMaybeThere = false): Promise<void> {
    const isFull = this.batchBytes + block.data.length > BATCH_BYTES;
    if (isFull || this.batch.length === LIMITS.MAX_BATCH_CIDS) await this.post();
    this.sample.show(block.cid);
    this.batch.push(block);
    this.batchBytes += block.data.length;
    this.isMaybeThere ||= isMaybeThere;
  }

  async addAll(blocks: readonly Block[]): Promise<void> {
    for (const block of blocks) await this.add(block);
  }

  async flush(): Promise<void> {
    await this.post();
    await Promise.all(this.posts);
    this.throwFailure();
  }

  private async post(): Promise<void> {
    const { batch, isMaybeThere } = this;
    if (batch.length === 0) return;
    this.batch = [];
    this.batchBytes = 0;
    this.isMaybeThere = false;
    while (this.posts.size >= PARALLEL) await Promise.race(this.posts);
    this.throwFailure();
    const sent = this.send(batch, isMaybeThere)
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.posts.delete(sent));
    this.posts.add(sent);
  }

  private throwFailure(): void {
    if (this.failure !== null) throw this.failure;
  }

  private async send(batch: readonly Block[], isMaybeThere: boolean): Promise<void> {
    const blocks = isMaybeThere ? await this.onlyMissing(batch) : batch;
    const bytes = batch.reduce((sum, { data }) => sum + data.length, 0);
    const isLarge = bytes > BATCH_BYTES / 4;
    const buffer = isLarge ? (this.buffers.pop() ?? new Uint8Array(BUFFER_BYTES)) : new Uint8Array(0);
    const parcel = { octets: writeCar(blocks, buffer) };
    for (const { data } of batch) this.onFree(data);
    const path = `/uploads/${this.upload}/blocks`;
    if (blocks.length > 0) await this.transport.post(path, parcel, CAR_TYPE, this.signal);
    if (isLarge) this.buffers.push(new Uint8Array(parcel.octets.buffer));
    this.onSent(bytes);
  }

  /** Those the server lacks; the others are leased to this upload. */
  private async onlyMissing(batch: readonly Block[]): Promise<Block[]> {
    const answer = await this.transport.call("POST", `/uploads/${this.upload}/missing`, {
      body: { cids: batch.map(({ cid }) => cid) },
      isRepeatable: true,
    });
    const missing = new Set(answers.texts(answer, "missing"));
    return batch.filter(({ cid }) => missing.has(cid));
  }
}

/** `shares` are the notes for everyone it is encrypted to but who stores it. */
export interface NewReport {
  readonly id: string;
  readonly cid: Cid;
  readonly shares: readonly string[];
}

/**
 * Commits new reports whose blocks have been acknowledged, for the person with the email `owner` if
 * not for the caller. A repetition after a lost answer finds its own reports there: the same id under
 * the same root is success. Throws `recipient-refused` when the server counts other recipients than
 * were sealed.
 */
export async function commitReports(
  transport: Transport,
  upload: string,
  reports: readonly NewReport[],
  owner?: string,
): Promise<void> {
  const items = reports.map(({ id, cid, shares }) => ({ id, root: cid, shares }));
  const body = { upload, reports: items, ...(owner === undefined ? {} : { owner }) };
  const answer = await transport.call("POST", "/reports", { body, idempotencyKey: makeId() });
  const left = new Map(reports.map((report) => [report.id, report]));
  for (const item of answers.parts(answer, "reports")) {
    const id = answers.text(item, "id");
    const error = item["error"] ?? null;
    const report = left.get(id);
    left.delete(id);
    if (report === undefined) continue;
    if (error === null) {
      const counted = answers.number(answers.part(item, "report"), "readers");
      requireCounted(report.shares.length + 1, counted);
      continue;
    }
    const code = answers.text(answers.part(item, "error"), "code");
    if (code === "duplicate" && (await isCommitted(transport, id, report.cid))) continue;
    throw refusal(code as ErrorCode, "The server refused to commit a report.");
  }
  if (left.size > 0) throw refusal("failed", "The server did not commit all reports of a batch.");
}

async function isCommitted(transport: Transport, id: string, root: Cid): Promise<boolean> {
  try {
    return (await transport.call("GET", `/reports/${id}`))["root"] === root;
  } catch (error) {
    if (isRefusal(error, "not-found")) return false;
    throw error;
  }
}

/** Gets what has just been acknowledged: an acknowledgement is a claim. Throws `not-saved`. */
export async function readBack(source: BlockSource, sample: Sample, root: Cid): Promise<void> {
  try {
    await source.fetch([...new Set([root, ...sample.cids])]);
  } catch (error) {
    if (!isRefusal(error, "block-missing", "block-refused")) throw error;
    throw refusal("not-saved", "The server said that it stored this, and does not have it.");
  }
}
