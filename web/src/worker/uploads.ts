/** The queue of uploads: which file is next, what stops one, when it is tried again. */
import { pause } from "../api/transport.ts";
import { EngineError } from "../engine/errors.ts";
import type { UploadItem } from "../engine/interface.ts";
import { LIMITS } from "../limits.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { fullOr } from "./device-room.ts";
import { Repeats } from "./repeats.ts";
import { endUpload } from "./sending.ts";
import { checkOwners } from "./for-another.ts";
import type { UploadRecord } from "./store.ts";
import { Storing } from "./storing.ts";
import { Job } from "./upload-jobs.ts";
import { UploadClaims } from "./upload-claims.ts";
import { UploadList } from "./upload-list.ts";
import type { Vault } from "./vault.ts";

const GROUP_REPORTS = 64;
const FIRST_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 60_000;

export class Uploads {
  private readonly vault: Vault;
  private readonly list = new UploadList();
  private readonly claims = new UploadClaims();
  private readonly storing: Storing;
  /** Files of a group that failed: tried again one by one, so that only the bad one fails. */
  private readonly alone = new Set<string>();
  private stop = new AbortController();

  constructor(vault: Vault) {
    this.vault = vault;
    this.storing = new Storing(vault, this.list, new Repeats(vault));
  }

  get view() {
    return this.list.view;
  }

  /** Whether something is under way: the vault does not lock by itself meanwhile. */
  get isBusy(): boolean {
    return this.list.isRunning;
  }

  /** Shows what an earlier page left. */
  async load(): Promise<void> {
    for (const { id } of await this.vault.store.uploads()) {
      this.vault.requireOpen();
      const isOurs = await this.claims.take(id);
      // Read under the claim: until it was given, another tab may have gone on with it.
      const record = await this.vault.store.upload(id);
      if (record === undefined) continue;
      const job = await this.left(record);
      if (!isOurs && job.error === null) job.state = "elsewhere";
      // It was committed, and the page ended before it could say so.
      else if (job.labels.updates === null && this.vault.index.knows(job.report)) {
        this.forget(job);
        continue;
      }
      this.list.add(job);
    }
    this.list.tell(true);
    this.followOthers();
    // Those whose files may still be read go on by themselves.
    await this.reopen();
  }

  /** Takes over what other tabs leave undone. */
  private followOthers(): void {
    for (const job of this.list.all.filter(({ state }) => state === "elsewhere")) {
      void this.takeOver(job).catch(() => {
        this.list.remove(job.id); // the next opening tells
        this.giveBack();
      });
    }
  }

  private async takeOver(job: Job): Promise<void> {
    if (!(await this.claims.takeLater(job.id))) return;
    const record = await this.vault.store.upload(job.id);
    if (record !== undefined) {
      // With the secrets of now: the other tab may have sealed another content under those of before.
      this.list.add(await Job.fromRecord(record, this.vault.session.stateKey));
      await this.reopen([job.id]);
      return;
    }
    // It has ended there, one way or another.
    const { index } = this.vault;
    await index.refresh();
    if (job.labels.updates === null && index.knows(job.report)) {
      job.copies = 1;
      this.list.become(job, "saved");
    } else this.list.remove(job.id);
  }

  private forget(job: Job): void {
    this.release(job);
    void this.vault.store.dropUpload(job.id);
  }

  /** One of before another password, set elsewhere, has failed: nobody can open it. */
  private async left(record: UploadRecord): Promise<Job> {
    try {
      return await Job.fromRecord(record, this.vault.session.stateKey);
    } catch (error) {
      if (!isRefusal(error, "credentials-refused")) throw error;
      await this.vault.store.dropUpload(record.id);
      if (record.upload !== null) void endUpload(this.vault.transport, record.upload);
      return Job.lost(record);
    }
  }

  /** Where the files of interrupted uploads are, as far as that is known: all, or of those named. */
  handles(ids?: readonly string[]): FileSystemFileHandle[] {
    const found = this.list.all.filter(({ id, state }) => state === "needs-file" && (ids?.includes(id) ?? true));
    return found.flatMap(({ handle }) => (handle === null ? [] : [handle]));
  }

  /** Opens files of interrupted uploads again, as far as the person allowed it; ids of those that go on. */
  async reopen(ids?: readonly string[]): Promise<string[]> {
    const going: string[] = [];
    for (const job of this.list.all) {
      if ((ids?.includes(job.id) ?? true) && (await job.reopen())) going.push(job.id);
    }
    this.run();
    return going;
  }

  /**
   * Queues files; their ids. Takes none, and throws, when a label breaks its rule (`invalid-input`),
   * or when somebody else's vault is not open to one of them (`delegation-refused`, and what refuses
   * to encrypt to a contact).
   */
  async add(items: readonly UploadItem[], updates: string | null = null): Promise<string[]> {
    if (updates !== null) requireReport(this.vault.index.state, updates);
    const jobs = items.map((item) => Job.of(item, updates));
    await checkOwners(this.vault, jobs);
    for (const job of jobs) {
      this.vault.requireOpen();
      await this.claims.take(job.id);
      this.list.add(job);
      const record = await job.toRecord(this.vault.session.stateKey);
      if (!job.isOpen) continue; // cancelled as soon as it was shown
      await this.vault.store.saveUpload(record).catch((error: unknown) => this.fail(job, error));
    }
    this.run();
    return jobs.map(({ id }) => id);
  }

  /** Gives interrupted uploads their files again; ids of those that go on. */
  resume(files: readonly File[]): string[] {
    const resumed: string[] = [];
    for (const file of files) {
      const job = this.list.all.find((each) => each.state === "needs-file" && each.matches(file));
      if (job === undefined) continue;
      job.file = file;
      job.state = "queued";
      resumed.push(job.id);
    }
    this.run();
    return resumed;
  }

  /** Stops all; what is being committed is let go on to its end. */
  pause(): void {
    this.list.isPaused = true;
    for (const job of this.list.all) if (job.state === "sending" || job.state === "waiting") job.state = "paused";
    this.stop.abort();
    this.list.tell(true);
  }

  continue(): void {
    this.list.isPaused = false;
    for (const job of this.list.all) if (job.state === "paused" || job.state === "waiting") job.state = "queued";
    this.stopWaiting();
    this.run();
  }

  /** Stops one; the others go on. */
  pauseOne(id: string): void {
    const job = this.list.find(id);
    if (job.state !== "queued" && job.state !== "sending" && job.state !== "waiting") return;
    const isUnderWay = job.isActive;
    job.state = "paused";
    if (isUnderWay) this.stop.abort();
    this.run();
  }

  /** Lets one go on. Where all were stopped, the others stay so, each for itself. */
  continueOne(id: string): void {
    const job = this.list.find(id);
    if (job.state !== "paused" && job.state !== "waiting" && job.state !== "queued") return;
    if (this.list.isPaused) {
      for (const other of this.list.all) if (other.state === "queued") other.state = "paused";
      this.list.isPaused = false;
    }
    job.state = "queued";
    this.stopWaiting();
    this.run();
  }

  /** Gives one up; what is being committed is let go on to its end. */
  async cancel(id: string): Promise<void> {
    const job = this.list.find(id);
    if (!job.isOpen || job.state === "elsewhere" || job.state === "checking") return;
    const isUnderWay = job.isActive;
    job.state = "cancelled";
    if (isUnderWay) this.stop.abort();
    this.release(job);
    await this.vault.store.dropUpload(id);
    this.giveBack();
    this.run();
  }

  /** Stores a file although the vault has it; or tries again what failed. */
  anyway(id: string): void {
    const job = this.list.find(id);
    if (job.file === null) throw refusal("content-changed", "Choose the file again.");
    if (job.state === "duplicate") job.repeats = false;
    job.error = null;
    job.state = "queued";
    this.run();
  }

  /** Takes those off the list that have ended; what failed is not gone on with either. */
  clear(): void {
    for (const job of this.list.all) if (job.state === "failed") this.forget(job);
    this.list.clear();
    this.giveBack();
  }

  /** The vault is locked: what is under way stops, and can go on. */
  close(): void {
    this.stop.abort();
    this.list.close();
    this.claims.close();
  }

  /** Claims of what is over are no use to anybody. */
  private giveBack(): void {
    const left = this.list.all.filter(({ isOpen, state }) => isOpen || state === "failed");
    this.claims.keep(new Set(left.map(({ id }) => id)));
  }

  // -- the queue

  private run(): void {
    // With a locked vault each file would be stopped, and queued again, for ever.
    if (this.vault.closing.aborted) return;
    this.list.tell(true);
    if (this.list.isRunning || this.list.isPaused) return;
    this.list.isRunning = true;
    void this.work().finally(() => {
      this.list.isRunning = false;
      this.giveBack();
      this.list.tell(true);
      if (this.list.all.some(({ state, file }) => state === "queued" && file !== null)) this.run();
    });
  }

  private async work(): Promise<void> {
    let wait = FIRST_WAIT_MS;
    while (!this.list.isPaused && !this.vault.closing.aborted) {
      const group = this.nextGroup();
      if (group.length === 0) return;
      this.stop = new AbortController();
      try {
        await this.storing.store(group, this.stop.signal);
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
    for (const job of this.list.all) {
      if (job.state !== "queued" || job.file === null) continue;
      // Whose vault they go to is said once for all of a commit.
      if (group.length > 0 && group[0]!.labels.owner !== job.labels.owner) continue;
      if (!job.isShort && group.length > 0) continue;
      if (!job.isShort || (this.alone.has(job.id) && group.length === 0)) return [job];
      if (this.alone.has(job.id)) continue;
      if (group.length === GROUP_REPORTS || bytes + job.sizeBytes > LIMITS.CAR_BATCH_BYTES) break;
      group.push(job);
      bytes += job.sizeBytes;
    }
    return group;
  }

  /** What stopped a group: each of its files waits, or has failed. Whether to go on. */
  private async failed(group: readonly Job[], error: unknown, wait: number): Promise<boolean> {
    const isPassing = isRefusal(error, "unreachable", "unavailable", "too-many-attempts");
    const isStopped = isRefusal(error, "interrupted");
    // Short ones begin anew: the server keeps nothing of what was sent of them.
    for (const job of group) if (job.isShort && job.isOpen) job.sentBytes = 0;
    for (const job of group.filter(({ isActive }) => isActive)) {
      if (isStopped) this.list.become(job, this.list.isPaused ? "paused" : "queued");
      else if (isPassing) this.list.become(job, "waiting");
      else if (group.length > 1) this.list.become(job, "queued");
      else this.fail(job, error);
      if (group.length > 1 && !isPassing && !isStopped) this.alone.add(job.id);
    }
    await this.giveUp(group.filter(({ state }) => state === "cancelled"));
    if (!isPassing) return true;
    // Another choice of the person's ends the wait.
    await pause(wait, this.stop.signal).catch(() => {});
    if (this.list.isPaused) return false;
    for (const job of this.list.all) if (job.state === "waiting") this.list.become(job, "queued");
    return true;
  }

  /** What these left behind after they were cancelled: they were under way then. */
  private async giveUp(cancelled: readonly Job[]): Promise<void> {
    for (const job of cancelled) {
      await this.vault.store.dropUpload(job.id);
      this.release(job);
    }
  }

  /** Ends the wait for the network, if that is all that goes on. */
  private stopWaiting(): void {
    if (!this.list.all.some(({ state }) => state === "sending" || state === "checking")) this.stop.abort();
  }

  private fail(job: Job, error: unknown): void {
    const said = fullOr(error);
    job.error = said instanceof EngineError ? said : refusal("failed", "The file could not be stored.");
    job.state = "failed";
    this.release(job);
    this.list.tell(true);
  }

  /** What was sent of it takes no more of her space; that the server could not be told does no harm. */
  private release(job: Job): void {
    if (job.upload !== null) void endUpload(this.vault.transport, job.upload);
    job.upload = null;
  }
}
