/** Locks the vault after quiet time, with a warning at most a minute ahead. */
import type { Source } from "../engine/feed.ts";

const WARNING_SECONDS = 60;
const TICK_MS = 1000;

export class AutoLock {
  private readonly lockingIn: Source<number | null>;
  private readonly parts: { isBusy: () => boolean; lock: () => void };
  private timer: ReturnType<typeof setInterval> | undefined;
  private quietMs = 0;
  private last = 0;

  constructor(lockingIn: Source<number | null>, parts: { isBusy: () => boolean; lock: () => void }) {
    this.lockingIn = lockingIn;
    this.parts = parts;
  }

  begin(minutes: number): void {
    this.setMinutes(minutes);
    this.stillHere();
    clearInterval(this.timer);
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  setMinutes(minutes: number): void {
    this.quietMs = minutes * 60_000;
  }

  stillHere(): void {
    // The clock on the wall: a computer that slept has been quiet all the same.
    this.last = Date.now();
    this.warn(null);
  }

  end(): void {
    clearInterval(this.timer);
    this.warn(null);
  }

  private tick(): void {
    if (this.parts.isBusy()) {
      this.stillHere();
      return;
    }
    const left = Math.ceil((this.last + this.quietMs - Date.now()) / 1000);
    if (left <= 0) this.parts.lock();
    else this.warn(left <= this.aheadSeconds() ? left : null);
  }

  /** Of a short quiet time the first half passes without a warning: there would be no other state. */
  private aheadSeconds(): number {
    return Math.min(WARNING_SECONDS, this.quietMs / 2000);
  }

  private warn(seconds: number | null): void {
    if (this.lockingIn.current !== seconds) this.lockingIn.set(seconds);
  }
}
