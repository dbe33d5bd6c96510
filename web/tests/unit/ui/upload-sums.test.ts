// What stands over a list of uploads, and how long they still take.

import { beforeAll, describe, expect, test, vi } from "vitest";

import type { Upload, Uploads, UploadState } from "../../../src/engine/interface.ts";
import { headingWords } from "../../../src/features/uploads/upload-sums.ts";
import { useLanguage } from "../../../src/i18n/language.svelte.ts";
import { Rate } from "../../../src/worker/rate.ts";

beforeAll(async () => {
  vi.stubGlobal("document", { documentElement: {} });
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
  test("is not told while nothing moves", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const rate = new Rate();
    rate.add(0);
    vi.setSystemTime(Date.now() + 5000);
    expect(rate.secondsFor(100)).toBeNull();
    vi.useRealTimers();
  });
});
