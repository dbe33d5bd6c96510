// What is done is said for a while; what failed is said until somebody has seen it.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { clearToasts, closeToast, toast, toastFailure, toasts } from "../../../src/ui/toasts.svelte.ts";

const words = (): readonly string[] => toasts().map((one) => one.words);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  clearToasts();
  vi.useRealTimers();
});

test("what is done goes by itself, what failed stays until it is dismissed", () => {
  toast("done");
  toastFailure("failed");
  vi.advanceTimersByTime(3_600_000);
  expect(words()).toEqual(["failed"]);
  closeToast(toasts()[0]!.id);
  expect(words()).toEqual([]);
});

test("nothing that is done takes a failure's place", () => {
  toastFailure("failed");
  for (const number of [1, 2, 3, 4]) toast(`done ${String(number)}`);
  expect(words()).toEqual(["failed", "done 2", "done 3", "done 4"]);
});

test("the same failure twice is said once, anew", () => {
  toastFailure("failed");
  const [first] = toasts();
  toastFailure("failed");
  expect(words()).toEqual(["failed"]);
  expect(toasts()[0]!.id).not.toBe(first!.id);
});
