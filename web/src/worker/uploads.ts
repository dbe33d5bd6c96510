/**
 * Storing files (FORMATS §9): encrypt, send, commit, enter in the index, read back. Short files go
 * in groups; a long one is streamed, and can be resumed after a reload or a lost network.
 */
import { pause } from "../api/transport.ts";
import { randomBytes } from "../bytes.ts";
import { makeSalt } from "../crypto/payload.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import { EngineError } from "../engine/errors.ts";
import { Source } from "../engine/feed.ts";
import type { UploadItem, Uploads as UploadsView } from "../engine/interface.ts";
import { LIMITS } from "../limits.ts";
import { invalid, isRefusal, refusal } from "../refusal.ts";
import { reportsOf, requireReport } from "../vault/index/state.ts";
import { finishReport, headerFor, nextMeta, type BuiltReport } from "../vault/report-build.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import type { ReportMeta } from "../vault/report-meta.ts";
import {
  cleanFileName,
  DEFAULT_CATEGORY,
  isSlug,
  isTitle,
  mediaTypeOf,
  titleFromFileName,
} from "../vault/words.ts";
import { commitRevision, currentOf } from "./changing.ts";
import { digestOf, Recorder, sendContent, type SealedContent } from "./content.ts";
import { openReport } from "./fetching.ts";
import { Rate } from "./rate.ts";
import { BatchSender, commitReports, endUpload, isOpen, readBack, startUpload } from "./sending.ts";
import { Job } from "./upload-jobs.ts";
import type { Vault } from "./vault.ts";

const GROUP_REPORTS = 64;
const MOST_CANDIDATES = 16;
const FIRST_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 60_000;
const TOLD_EVERY_MS = 250;

const NONE: UploadsView = { items: [], totalBytes: 0, sentBytes: 0, secondsLeft: null, isPaused: false };

export class Uploads {
  readonly view = new Source<UploadsView>(NONE);
  private readonly vault: Vault;
  private readonly jobs = new Map<string, Job>();
  private readonly rate = new Rate();
  private readonly digests = new Map<string, string>();
  /** Files of a group that failed: tried again one by one, so that only the bad one fails. */
  private readonly alone = new Set<string>();
  private stop = new AbortController();
  private isRunning = false;
  private isPaused = false;
  private toldAt = 0;

  constructor(vault: Vault) {
    this.vault = vault;
  }

  /** Whether something is under way: the vault does not lock by itself meanwhile. */
  get isBusy(): boolean {
    return this.isRunning;
  }

  /** Shows what an earlier page left. */
  async load(): Promise<void> {
    for (const record of await this.vault.store.uploads()) {
      const job = await Job.fromRecord(record, this.vault.session.stateKey);
      this.jobs.set(job.id, job);
    }
    this.tell(true);
  }

  /** Queues files; their ids. Throws `invalid-input` and takes none when a label breaks its rule. */
  async add(items: readonly UploadItem[], updates: string | null = null): Promise<string[]> {
    if (updates !== null) requireReport(this.vault.index.state, updates);
    const jobs = items.map((item) => jobOf(item, updates));
    for (const job of jobs) {
      this.jobs.set(job.id, job);
      await this.vault.store.saveUpload(await job.toRecord(this.vault.session.stateKey));
    }
    this.tell(true);
    this.run();
    return jobs.map(({ id }) => id);
  }

  /** Gives interrupted uploads their files again; ids of those that go on. */
  resume(files: readonly File[]): string[] {
    const resumed: string[] = [];
    for (const file of files) {
      const job = [...this.jobs.values()].find((each) => each.state === "needs-file" && each.matches(file));
      if (job === undefined) continue;
      job.file = file;
      job.state = "queued";
      resumed.push(job.id);
    }
    this.tell(true);
    this.run();
    return resumed;
  }

  pause(): void {
    this.isPaused = true;
    this.stop.abort();
    for (const job of this.jobs.values()) if (isActive(job)) job.state = "paused";
    this.tell(true);
  }

  continue(): void {
    this.isPaused = false;
    for (const job of this.jobs.values()) if (job.state === "paused" || job.state === "waiting") job.state = "queued";
    this.tell(true);
    this.run();
  }

  async cancel(id: string): Promise<void> {
    const job = this.find(id);
    if (!job.isOpen) return;
    const wasActive = isActive(job);
    job.state = "cancelled";
    if (wasActive) this.stop.abort();
    await this.vault.store.dropUpload(id);
    this.tell(true);
    this.run();
  }

  /** Stores a file although the vault has it; or tries again what failed. */
  anyway(id: string): void {
    const job = this.find(id);
    if (job.file === null) throw refusal("content-changed", "Choose the file again.");
    job.repeats = false;
    job.error = null;
    job.state = "queued";
    this.tell(true);
    this.run();
  }

  clear(): void {
    for (const [id, { isOpen }] of this.jobs) if (!isOpen) this.jobs.delete(id);
    this.tell(true);
  }

  /** The vault is locked: what is under way stops, and can go on. */
  close(): void {
    this.stop.abort();
    this.jobs.clear();
    this.view.set(NONE);
  }

  private find(id: string): Job {
    const job = this.jobs.get(id);
    if (job === undefined) throw refusal("not-found", "There is no such upload.");
    return job;
  }

  // -- the queue

  private run(): void {
    if (this.isRunning || this.isPaused) return;
    this.isRunning = true;
    void this.work().finally(() => {
      this.isRunning = false;
      this.tell(true);
      if ([...this.jobs.values()].some(({ state }) => state === "queued")) this.run();
    });
  }

  private async work(): Promise<void> {
    let wait = FIRST_WAIT_MS;
    while (!this.isPaused) {
      const group = this.nextGroup();
      if (group.length === 0) return;
      this.stop = new AbortController();
      const { signal } = this.stop;
      try {
        await this.store(group, signal);
        wait = FIRST_WAIT_MS;
      } catch (error) {
        if (!(await this.failed(group, error, wait))) return;
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      }
    }
  }

  /** The next long file alone, or short ones together. */
  private nextGroup(): Job[] {
    const group: Job[] = [];
    let bytes = 0;
    for (const job of this.jobs.values()) {
      if (job.state !== "queued" || job.file === null) continue;
      const isShort = job.sizeBytes <= LIMITS.SMALL_REPORT_BYTES && job.labels.updates === null;
      if (!isShort && group.length > 0) continue;
      if (!isShort || (this.alone.has(job.id) && group.length === 0)) return [job];
      if (this.alone.has(job.id)) continue;
      if (group.length === GROUP_REPORTS || bytes + job.sizeBytes > LIMITS.CAR_BATCH_BYTES) break;
      group.push(job);
      bytes += job.sizeBytes;
    }
    return group;
  }

  private async store(group: readonly Job[], signal: AbortSignal): Promise<void> {
    const fresh: Job[] = [];
    for (const job of group) {
      this.become(job, "sending");
      job.sentBytes = 0;
      if (await this.isNew(job, signal)) fresh.push(job);
    }
    const [first] = fresh;
    if (first === undefined) return;
    if (first.sizeBytes <= LIMITS.SMALL_REPORT_BYTES && first.labels.updates === null) {
      await this.storeShort(fresh, signal);
    } else {
      await this.storeLong(first, signal);
    }
  }

  /** What stopped a group: each of its files waits, or has failed. Whether to go on. */
  private async failed(group: readonly Job[], error: unknown, wait: number): Promise<boolean> {
    const isPassing = isRefusal(error, "unreachable", "unavailable", "too-many-attempts");
    for (const job of group.filter(isActive)) {
      if (isRefusal(error, "interrupted")) this.become(job, this.isPaused ? "paused" : "queued");
      else if (isPassing) this.become(job, "waiting");
      else if (group.length > 1) this.become(job, "queued");
      else this.fail(job, error);
      if (group.length > 1 && !isPassing) this.alone.add(job.id);
    }
    if (!isPassing) return true;
    try {
      await pause(wait, this.stop.signal);
    } catch {
      return !this.isPaused;
    }
    for (const job of this.jobs.values()) if (job.state === "waiting") this.become(job, "queued");
    return true;
  }

  private fail(job: Job, error: unknown): void {
    job.error =
      error instanceof EngineError ? error : refusal("failed", "The file could not be stored.");
    job.state = "failed";
    this.tell(true);
  }

  // -- the same content in the vault already

  private async isNew(job: Job, signal: AbortSignal): Promise<boolean> {
    if (job.repeats === false || job.labels.updates !== null || job.sizeBytes === 0) return true;
    const { state } = this.vault.index;
    const candidates = [...reportsOf(state)].filter(
      (entry) => entry.size_bytes === job.sizeBytes && entry.deleted === null && entry.id !== job.report,
    );
    if (candidates.length === 0 || candidates.length > MOST_CANDIDATES) return true;
    const digest = await digestOf(job.file!, signal);
    for (const entry of candidates) {
      if ((await this.digestIn(entry)) !== digest) continue;
      job.repeats = entry.id;
      this.become(job, "duplicate");
      return false;
    }
    return true;
  }

  private async digestIn(entry: ReportEntry): Promise<string | null> {
    const known = this.digests.get(entry.data_payload_cid);
    if (known !== undefined) return known;
    try {
      const { sha256 } = (await openReport(this.vault, entry)).meta;
      this.digests.set(entry.data_payload_cid, sha256);
      return sha256;
    } catch {
      return null; // what cannot be opened cannot be told apart
    }
  }

  // -- storing

  private async storeShort(jobs: readonly Job[], signal: AbortSignal): Promise<void> {
    const { vault } = this;
    const upload = await startUpload(vault.transport);
    try {
      const sender = new BatchSender(vault.transport, upload, { signal });
      const built: BuiltReport[] = [];
      for (const job of jobs) {
        // Sealed under a key of its own each time, so that a later attempt needs no memory of it.
        const secrets = { sessionKey: randomBytes(32), salt: makeSalt() };
        const sealed = await sendContent(job.file!, secrets, Recorder.plain(sender), sender, signal);
        const report = await this.build(job, sealed, secrets.sessionKey);
        await sender.addAll(report.blocks);
        built.push(report);
        job.sentBytes = job.sizeBytes;
        this.tell();
      }
      await sender.flush();
      await this.commit(jobs, built, upload, sender);
    } finally {
      await endUpload(vault.transport, upload);
    }
    this.rate.add(jobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  }

  private async storeLong(job: Job, signal: AbortSignal): Promise<void> {
    const { transport, store, session } = this.vault;
    if (job.upload === null || !(await isOpen(transport, job.upload))) {
      job.upload = await startUpload(transport);
    }
    const secrets = job.secrets ?? job.refresh();
    await store.saveUpload(await job.toRecord(session.stateKey));
    const onSent = (bytes: number): void => {
      job.sentBytes += bytes;
      this.rate.add(bytes);
      this.tell();
    };
    const sender = new BatchSender(transport, job.upload, { signal, onSent });
    const recorder = await Recorder.resumable(store, job.id, sender);
    let sealed: SealedContent;
    try {
      sealed = await sendContent(job.file!, secrets, recorder, sender, signal);
    } catch (error) {
      // Another content now: nothing of the old one is used, and the next try begins anew.
      if (isRefusal(error, "content-changed")) await this.startAfresh(job);
      throw error;
    }
    if (job.labels.updates !== null) {
      await this.commitUpdate(job, sealed, sender, job.upload);
    } else {
      const report = await this.build(job, sealed, secrets.sessionKey);
      await sender.addAll(report.blocks);
      await sender.flush();
      await this.commit([job], [report], job.upload, sender);
    }
    await endUpload(transport, job.upload);
  }

  private async startAfresh(job: Job): Promise<void> {
    const { store, session } = this.vault;
    await store.dropLeaves(job.id);
    job.refresh();
    await store.saveUpload(await job.toRecord(session.stateKey));
  }

  private async build(job: Job, sealed: SealedContent, sessionKey: Uint8Array<ArrayBuffer>) {
    const { key } = this.vault;
    const header = await headerFor(sessionKey, [key.certificate]);
    const meta = metaOf(job, sealed, key.keyId);
    return finishReport(meta, sealed.payload, header, sessionKey, key);
  }

  private async commit(
    jobs: readonly Job[],
    built: readonly BuiltReport[],
    upload: string,
    sender: BatchSender,
  ): Promise<void> {
    const { vault } = this;
    for (const job of jobs) this.become(job, "checking");
    const entries = built.map(({ entry }) => entry);
    await commitReports(vault.transport, upload, entries);
    await readBack(vault.gateways, sender.sample, entries.at(-1)!.cid);
    await vault.index.change(entries.map((entry) => ({ kind: "put-report", entry })));
    for (const [place, job] of jobs.entries()) await this.saved(job, built[place]!.meta);
  }

  /** New content is a new revision under a new session key; title and category stay. */
  private async commitUpdate(
    job: Job,
    sealed: SealedContent,
    sender: BatchSender,
    upload: string,
  ): Promise<void> {
    const { vault } = this;
    this.become(job, "checking");
    const entry = requireReport(vault.index.state, job.labels.updates!);
    const current = await currentOf(vault, entry);
    const meta = nextMeta(current.report, vault.key.keyId, formatTime(nowSeconds()), {
      content: contentOf(job, sealed),
    });
    const { sessionKey } = job.secrets!;
    const header = await headerFor(sessionKey, [vault.key.certificate]);
    const built = await finishReport(meta, sealed.payload, header, sessionKey, vault.key);
    job.report = entry.id;
    await commitRevision(vault, built, current, upload, sender, "update");
    await this.saved(job, built.meta);
  }

  private async saved(job: Job, meta: ReportMeta): Promise<void> {
    this.digests.set(meta.data_payload_cid, meta.sha256);
    job.sentBytes = job.sizeBytes;
    job.copies = 1;
    job.file = null;
    job.secrets = null;
    this.become(job, "saved");
    await this.vault.store.dropUpload(job.id);
  }

  // -- what the screens see

  private become(job: Job, state: Job["state"]): void {
    // A cancelled file stays cancelled, whatever its last request says.
    if (job.state === "cancelled") throw refusal("interrupted", "It was stopped.");
    job.state = state;
    this.tell(true);
  }

  private tell(isNow = false): void {
    if (!isNow && Date.now() - this.toldAt < TOLD_EVERY_MS) return;
    this.toldAt = Date.now();
    const jobs = [...this.jobs.values()];
    const counted = jobs.filter(({ state }) => state !== "cancelled" && state !== "failed" && state !== "duplicate");
    const totalBytes = counted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const sentBytes = counted.reduce((sum, job) => sum + Math.min(job.sentBytes, job.sizeBytes), 0);
    const left = (bytes: number): number | null => (this.isRunning ? this.rate.secondsFor(bytes) : null);
    this.view.set({
      items: jobs.map((job) => job.shown(isActive(job) ? left(job.sizeBytes - job.sentBytes) : null)),
      totalBytes,
      sentBytes,
      secondsLeft: left(totalBytes - sentBytes),
      isPaused: this.isPaused,
    });
  }
}

function isActive({ state }: Job): boolean {
  return state === "sending" || state === "checking" || state === "waiting";
}

function jobOf(item: UploadItem, updates: string | null): Job {
  const { file } = item;
  const title = item.title ?? null;
  const category = item.category ?? null;
  if (title !== null && !isTitle(title)) throw invalid("title", "shape", "A title has 1 to 256 bytes.");
  if (category !== null && !isSlug(category)) {
    throw invalid("category", "shape", "A category has 1 to 40 characters of a-z, 0-9 and the dash.");
  }
  const fileName = cleanFileName(file.name);
  const labels = {
    fileName,
    title,
    category,
    profession: item.profession ?? null,
    mediaType: mediaTypeOf(fileName, file.type),
    updates,
  };
  return new Job(labels, { sizeBytes: file.size, lastModified: file.lastModified }, file);
}

function contentOf({ labels }: Job, { payload, sizeBytes, sha256 }: SealedContent) {
  return {
    file_name: labels.fileName,
    media_type: labels.mediaType,
    size_bytes: sizeBytes,
    sha256,
    data_payload_cid: payload.cid,
  };
}

function metaOf(job: Job, sealed: SealedContent, me: string): ReportMeta {
  const { labels } = job;
  return {
    id: job.report,
    kind: "document",
    owner: me,
    subject: me,
    author: me,
    profession: labels.profession,
    revision: 1,
    previous: null,
    title: labels.title ?? titleFromFileName(labels.fileName),
    ...contentOf(job, sealed),
    category: labels.category ?? DEFAULT_CATEGORY,
    links: [],
    created: formatTime(nowSeconds()),
    extra: {},
  };
}
