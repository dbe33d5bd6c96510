/** When the automatic lock warns, when it locks, and what puts it off. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Source } from "../../src/engine/feed.ts";
import { AutoLock } from "../../src/worker/auto-lock.ts";

const MINUTE_MS = 60_000;

let lockingIn: Source<number | null>;
let isBusy: boolean;
let lock: ReturnType<typeof vi.fn<() => void>>;
let autoLock: AutoLock;

beforeEach(() => {
  vi.useFakeTimers();
  lockingIn = new Source<number | null>(null);
  isBusy = false;
  lock = vi.fn();
  autoLock = new AutoLock(lockingIn, { isBusy: () => isBusy, lock });
});
afterEach(() => {
  autoLock.end();
  vi.useRealTimers();
});

describe("the automatic lock", () => {
  it("locks after the quiet time and not a second before", () => {
    autoLock.begin(5);
    vi.advanceTimersByTime(5 * MINUTE_MS - 1000);
    expect(lock).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(lock).toHaveBeenCalledOnce();
  });

  it("warns through the last minute, second by second, and not earlier", () => {
    autoLock.begin(5);
    vi.advanceTimersByTime(4 * MINUTE_MS - 1000);
    expect(lockingIn.current).toBeNull();
    vi.advanceTimersByTime(1000);
    expect(lockingIn.current).toBe(60);
    vi.advanceTimersByTime(59_000);
    expect(lockingIn.current).toBe(1);
  });

  it("warns through the second half of a quiet time of a minute", () => {
    autoLock.begin(1);
    vi.advanceTimersByTime(29_000);
    expect(lockingIn.current).toBeNull();
    vi.advanceTimersByTime(1000);
    expect(lockingIn.current).toBe(30);
  });

  it("begins anew with each sign of life, and takes the warning back", () => {
    autoLock.begin(5);
    vi.advanceTimersByTime(4.5 * MINUTE_MS);
    expect(lockingIn.current).toBe(30);
    autoLock.stillHere();
    expect(lockingIn.current).toBeNull();
    vi.advanceTimersByTime(5 * MINUTE_MS - 1000);
    expect(lock).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(lock).toHaveBeenCalledOnce();
  });

  it("counts from the end of work that goes on by itself", () => {
    autoLock.begin(5);
    isBusy = true;
    vi.advanceTimersByTime(60 * MINUTE_MS);
    isBusy = false;
    vi.advanceTimersByTime(5 * MINUTE_MS - 1000);
    expect(lock).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(lock).toHaveBeenCalledOnce();
  });

  it("locks at once when a computer wakes that slept longer than the quiet time", () => {
    autoLock.begin(5);
    vi.setSystemTime(Date.now() + 60 * MINUTE_MS);
    vi.advanceTimersByTime(1000);
    expect(lock).toHaveBeenCalledOnce();
  });

  it("follows another quiet time at once, counted from the last sign of life", () => {
    autoLock.begin(60);
    vi.advanceTimersByTime(4 * MINUTE_MS);
    autoLock.setMinutes(5);
    vi.advanceTimersByTime(1000);
    expect(lockingIn.current).toBe(59);
    autoLock.setMinutes(60);
    vi.advanceTimersByTime(MINUTE_MS);
    expect(lock).not.toHaveBeenCalled();
  });

  it("takes the warning back when the quiet time becomes longer meanwhile", () => {
    autoLock.begin(5);
    vi.advanceTimersByTime(4.5 * MINUTE_MS);
    autoLock.setMinutes(60);
    vi.advanceTimersByTime(1000);
    expect(lockingIn.current).toBeNull();
  });

  it("rests once the vault is closed, its warning with it", () => {
    autoLock.begin(5);
    vi.advanceTimersByTime(4.5 * MINUTE_MS);
    autoLock.end();
    expect(lockingIn.current).toBeNull();
    vi.advanceTimersByTime(60 * MINUTE_MS);
    expect(lock).not.toHaveBeenCalled();
    expect(lockingIn.current).toBeNull();
  });

  it("runs once for a vault that was opened anew", () => {
    autoLock.begin(5);
    vi.advanceTimersByTime(3 * MINUTE_MS);
    autoLock.begin(5);
    vi.advanceTimersByTime(5 * MINUTE_MS - 1000);
    expect(lock).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(lock).toHaveBeenCalledOnce();
  });
});
