/** The uploads of an open vault, and what the screens see of them. */
import { Source } from "../engine/feed.ts";
import type { UploadState, Uploads as UploadsView } from "../engine/interface.ts";
import { refusal } from "../refusal.ts";
import { Rate } from "./rate.ts";
import type { Job } from "./upload-jobs.ts";

const TOLD_EVERY_MS = 250;
const NONE: UploadsView = { items: [], totalBytes: 0, sentBytes: 0, secondsLeft: null, isPaused: false };
/** What counts for nothing in the totals. */
const GIVEN_UP: readonly UploadState[] = ["cancelled", "failed", "duplicate", "elsewhere"];
/** What goes on, or will when its turn comes: the rest takes the time that a person takes, which nobody knows. */
const GOING_ON: readonly UploadState[] = ["queued", "sending", "checking"];

export class UploadList {
  readonly view = new Source<UploadsView>(NONE);
  /** Whether files are being stored. */
  isRunning = false;
  /** Whether the person has stopped all of them. */
  isPaused = false;
  private readonly jobs = new Map<string, Job>();
  private readonly rate = new Rate();
  private toldAt = 0;

  get all(): readonly Job[] {
    return [...this.jobs.values()];
  }

  /** Throws `not-found`. */
  find(id: string): Job {
    const job = this.jobs.get(id);
    if (job === undefined) throw refusal("not-found", "There is no such upload.");
    return job;
  }

  add(job: Job): void {
    this.jobs.set(job.id, job);
  }

  remove(id: string): void {
    this.jobs.delete(id);
    this.tell(true);
  }

  /** Takes those off that have ended. */
  clear(): void {
    for (const [id, { isOpen }] of this.jobs) if (!isOpen) this.jobs.delete(id);
    this.tell(true);
  }

  close(): void {
    this.jobs.clear();
    this.view.set(NONE);
  }

  /**
   * A step forward of a file under way. Throws `interrupted` for one that the person has stopped,
   * whatever its last request says; what is stored all the same is shown as it is.
   */
  become(job: Job, state: UploadState): void {
    const isStopped = job.state === "cancelled" || job.state === "paused";
    if (isStopped && state !== "saved") throw refusal("interrupted", "It was stopped.");
    if (state === "checking") job.mayBeAdded = true;
    job.state = state;
    this.tell(true);
  }

  sent(job: Job, bytes: number): void {
    job.sentBytes += bytes;
    this.rate.add(bytes);
    this.tell();
  }

  /** Shows how things are; a few times a second is enough unless `isNow`. */
  tell(isNow = false): void {
    if (!isNow && Date.now() - this.toldAt < TOLD_EVERY_MS) return;
    this.toldAt = Date.now();
    const { all } = this;
    const counted = all.filter(({ state }) => !GIVEN_UP.includes(state));
    const totalBytes = counted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const sentBytes = counted.reduce((sum, job) => sum + Math.min(job.sentBytes, job.sizeBytes), 0);
    this.view.set({
      items: all.map((job) => job.shown(job.isActive ? this.secondsFor([job]) : null)),
      totalBytes,
      sentBytes,
      secondsLeft: this.secondsFor(all),
      isPaused: this.isPaused,
    });
  }

  /** How long these still take; null where none of them goes on, or while the network is waited for. */
  private secondsFor(jobs: readonly Job[]): number | null {
    const going = jobs.filter(({ state }) => GOING_ON.includes(state));
    if (!this.isRunning || going.length === 0 || jobs.some(({ state }) => state === "waiting")) return null;
    return this.rate.secondsFor(going.reduce((sum, job) => sum + Math.max(job.sizeBytes - job.sentBytes, 0), 0));
  }
}
