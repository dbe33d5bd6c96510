/** How long the uploads still take, as the screens are told. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { UploadState } from "../../src/engine/interface.ts";
import { Job } from "../../src/worker/upload-jobs.ts";
import { UploadList } from "../../src/worker/upload-list.ts";

const SIZE_BYTES = 1000;

let list: UploadList;

function add(state: UploadState): Job {
  const job = Job.of({ file: new File([new Uint8Array(SIZE_BYTES)], "scan.bin") }, null);
  job.state = state;
  list.add(job);
  return job;
}

/** Sends a hundred bytes of one, in the second that makes their rate a hundred a second. */
function sendSome(job: Job): void {
  list.sent(job, 0);
  vi.setSystemTime(Date.now() + 1000);
  list.sent(job, 100);
}

function secondsLeft(): number | null {
  list.tell(true);
  return list.view.current.secondsLeft;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  list = new UploadList();
  list.isRunning = true;
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the time left", () => {
  it("is for what is being sent, what is queued behind it, and what is checked at its end", () => {
    sendSome(add("sending"));
    add("queued");
    add("checking").sentBytes = SIZE_BYTES;
    expect(secondsLeft()).toBe(19);
  });

  it.each<UploadState>(["paused", "needs-file", "elsewhere", "duplicate", "failed", "cancelled", "saved"])(
    "counts nothing of what is %s: it takes none of it",
    (state) => {
      sendSome(add("sending"));
      add(state);
      expect(secondsLeft()).toBe(9);
    },
  );

  it("is none where all that is left is paused or needs its file, though all of it has a size", () => {
    const job = add("sending");
    sendSome(job);
    job.state = "paused";
    add("needs-file");
    expect(secondsLeft()).toBeNull();
    expect(list.view.current.totalBytes).toBe(2 * SIZE_BYTES);
  });

  it("is none while the network is waited for: all of them stand still, and each of them", () => {
    const job = add("sending");
    sendSome(job);
    job.state = "waiting";
    add("queued");
    expect(secondsLeft()).toBeNull();
    expect(list.view.current.items.map((item) => item.secondsLeft)).toEqual([null, null]);
  });
});
