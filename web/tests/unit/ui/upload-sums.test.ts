// What stands over a list of uploads, and how long they still take.

import { beforeAll, describe, expect, test, vi } from "vitest";

import type { Upload, Uploads, UploadState } from "../../../src/engine/interface.ts";
import { headingWords, leftWords } from "../../../src/features/uploads/upload-sums.ts";
import { uploadName, uploadWords } from "../../../src/features/uploads/upload-words.ts";
import { useLanguage } from "../../../src/i18n/language.svelte.ts";
import { Rate } from "../../../src/worker/rate.ts";

beforeAll(async () => {
  vi.stubGlobal("document", { documentElement: {} });
  vi.stubGlobal("navigator", { languages: ["en-GB"] });
  await useLanguage("en");
});

function uploadsIn(...states: UploadState[]): Uploads {
  const items = states.map((state) => ({ state }) as Upload);
  return { items, totalBytes: 0, sentBytes: 0, secondsLeft: null, isPaused: false };
}

describe("the heading", () => {
  test.each<[string, UploadState[]]>([
    ["1 file was not added", ["failed"]],
    ["2 files were not added", ["saved", "failed", "failed"]],
    ["Adding 2 reports", ["failed", "sending"]],
    ["2 uploads finished", ["saved", "saved"]],
    ["1 file is in your vault already", ["saved", "duplicate"]],
  ])("is “%s”", (words, states) => {
    expect(headingWords(uploadsIn(...states))).toBe(words);
  });
});

describe("the time left", () => {
  test("of all together is told while they move, and not while they are paused", () => {
    const moving: Uploads = { ...uploadsIn("sending", "queued"), secondsLeft: 95 };
    expect(leftWords(moving)).toBe("about 2 minutes left");
    expect(leftWords({ ...moving, isPaused: true })).toBe("");
    expect(leftWords({ ...moving, secondsLeft: null })).toBe("");
  });

  test("is not told while nothing moves", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const rate = new Rate();
    rate.add(0);
    vi.setSystemTime(Date.now() + 5000);
    expect(rate.secondsFor(100)).toBeNull();
    vi.useRealTimers();
  });
});

describe("the words of one upload", () => {
  const words = (upload: Partial<Upload>): string => uploadWords({ sizeBytes: 9, sentBytes: 0, ...upload } as Upload);

  test("call nothing safe that the server has nothing of", () => {
    expect(words({ state: "waiting" })).toBe("Connection lost. Not added yet: keep this page open.");
    expect(words({ state: "waiting", sentBytes: 2000 })).toMatch(/^Connection lost\. 2\skB is safe\.$/);
  });

  test("do not say that nothing was added of what was being committed", () => {
    expect(words({ state: "cancelled" })).toContain("Nothing was added");
    expect(words({ state: "cancelled", mayBeAdded: true })).not.toContain("Nothing was added");
  });

  test("name by its size what nobody can open the name of", () => {
    const lost = { fileName: "", sizeBytes: 2000 } as Upload;
    expect(uploadName(lost)).toMatch(/^A file of 2\skB$/);
    expect(uploadName({ ...lost, fileName: "scan.pdf" })).toBe("scan.pdf");
  });
});
