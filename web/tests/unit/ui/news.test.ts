/** When an open page looks for what others have done meanwhile. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { lookForNews } from "../../../src/app/news.ts";

const minutes = 60_000;
let page: EventTarget & { visibilityState: DocumentVisibilityState };
let window: EventTarget;
let looks: number;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  page = Object.assign(new EventTarget(), { visibilityState: "visible" as DocumentVisibilityState });
  window = new EventTarget();
  vi.stubGlobal("document", page);
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
  looks = 0;
  stop = lookForNews({
    lookAgain: () => {
      looks++;
      return Promise.reject(new Error("the server is away"));
    },
  });
});
afterEach(() => {
  stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("now and then while it is seen, and not while it is hidden", () => {
  vi.advanceTimersByTime(9 * minutes);
  expect(looks).toBe(2);
  page.visibilityState = "hidden";
  vi.advanceTimersByTime(20 * minutes);
  expect(looks).toBe(2);
});

test("at once when she comes back to it, but no more than once a minute", () => {
  window.dispatchEvent(new Event("focus"));
  expect(looks).toBe(0);
  vi.advanceTimersByTime(2 * minutes);
  page.dispatchEvent(new Event("visibilitychange"));
  window.dispatchEvent(new Event("focus"));
  expect(looks).toBe(1);
});

test("no more once the vault is closed", () => {
  stop();
  vi.advanceTimersByTime(20 * minutes);
  window.dispatchEvent(new Event("focus"));
  expect(looks).toBe(0);
});
