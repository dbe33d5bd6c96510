import { describe, expect, it } from "vitest";
import { Job } from "../../src/worker/upload-jobs.ts";

/** A handle as browsers give it: whether it may be read, and the file that is there. */
function handleOf(permission: PermissionState, file: File | null): FileSystemFileHandle {
  const handle = {
    kind: "file",
    queryPermission: () => Promise.resolve(permission),
    getFile: () => (file === null ? Promise.reject(new DOMException("gone", "NotFoundError")) : Promise.resolve(file)),
  };
  return handle as unknown as FileSystemFileHandle;
}

const SCAN = new File(["the scan"], "scan.bin");

/** An upload of SCAN as an earlier page left it. */
function interrupted(handle: FileSystemFileHandle | null): Job {
  const job = Job.of({ file: SCAN }, null);
  job.file = null;
  job.state = "needs-file";
  job.handle = handle;
  return job;
}

describe("an interrupted upload", () => {
  it("goes on without its file being chosen, where the browser may still read it", async () => {
    const job = interrupted(handleOf("granted", SCAN));
    expect(job.shown(null).canReopen).toBe(true);
    expect(await job.reopen()).toBe(true);
    expect(job).toMatchObject({ state: "queued", file: SCAN });
    expect(job.shown(null).canReopen).toBe(false);
  });

  it.each(["prompt", "denied"] as const)("waits to be asked for while permission is %s", async (permission) => {
    const job = interrupted(handleOf(permission, SCAN));
    expect(await job.reopen()).toBe(false);
    expect(job).toMatchObject({ state: "needs-file", file: null });
    expect(job.shown(null).canReopen).toBe(true);
  });

  it.each([
    ["is gone", null],
    ["is another one by now", new File(["something else"], "scan.bin")],
  ])("needs its file chosen when the one there %s", async (_what, file) => {
    const job = interrupted(handleOf("granted", file));
    expect(await job.reopen()).toBe(false);
    expect(job.shown(null)).toMatchObject({ state: "needs-file", canReopen: false });
  });

  it("needs its file chosen in a browser that keeps no handles", async () => {
    const job = interrupted(null);
    expect(job.shown(null).canReopen).toBe(false);
    expect(await job.reopen()).toBe(false);
  });
});
