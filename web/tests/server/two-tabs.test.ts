/** Two tabs of one browser: an upload is one tab's at a time, and goes on in the other when that one ends. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { Locks } from "./locks.ts";
import { Browser, signedUp, type Page } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";

const SIZE = 9_000_000;
let server: Server;
let browser: Browser;
let first: Page;
let second: Page;
beforeAll(async () => {
  vi.stubGlobal("navigator", { locks: new Locks(), userAgent: "" });
  server = await Server.start();
  browser = new Browser(server);
  first = await signedUp(browser);
});
beforeEach(async () => {
  browser.meddle = () => null;
  if (first.state.kind === "locked") await first.engine.unlock(PASSWORD);
});
afterEach(() => second.engine.lock());
afterAll(async () => {
  vi.unstubAllGlobals();
  await server.remove();
});

/** The first tab is sending a file when the second one is opened. */
async function openedMeanwhile(name: string, seed: number): Promise<{ letGo: () => void; commits: () => number }> {
  let letGo!: () => void;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let isReached = false;
  let commits = 0;
  browser.meddle = async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "POST" && pathname.endsWith("/reports")) commits++;
    if (!pathname.endsWith("/blocks")) return null;
    isReached = true;
    await held;
    return null;
  };
  await first.engine.upload([{ file: fileOf(name, SIZE, seed) }]);
  await vi.waitFor(() => expect(isReached).toBe(true), { timeout: 60_000, interval: 20 });
  second = await browser.page();
  await second.engine.unlock(PASSWORD);
  return { letGo, commits: () => commits };
}

it("shows the second tab what the first one sends, and that it is saved once it is", async () => {
  const { letGo, commits } = await openedMeanwhile("one.bin", 1);
  const [shown] = second.uploads!.items;
  expect(shown).toMatchObject({ fileName: "one.bin", state: "elsewhere", canReopen: false });
  expect(await second.engine.resumeUploads([fileOf("one.bin", SIZE, 1)])).toEqual([]);
  await second.engine.cancelUpload(shown!.id);
  expect(second.uploads!.items).toMatchObject([{ state: "elsewhere" }]);
  letGo();
  await first.settled();
  await vi.waitFor(() => expect(second.uploads!.items).toMatchObject([{ state: "saved" }]), { timeout: 60_000 });
  expect(second.row("one")).toMatchObject({ revision: 1 });
  expect(commits()).toBe(1);
});

it("lets the second tab go on with what the first one left undone", async () => {
  const { letGo, commits } = await openedMeanwhile("two.bin", 2);
  first.engine.lock();
  letGo();
  await vi.waitFor(() => expect(second.uploads!.items).toMatchObject([{ state: "needs-file" }]), { timeout: 60_000 });
  expect(await second.engine.resumeUploads([fileOf("two.bin", SIZE, 2)])).toHaveLength(1);
  await second.settled();
  expect(second.row("two")).toMatchObject({ revision: 1 });
  expect(commits()).toBe(1);
});

it("takes off the second tab's list what was cancelled in the first one", async () => {
  const { letGo } = await openedMeanwhile("three.bin", 3);
  await first.engine.cancelUpload(first.uploads!.items.find(({ fileName }) => fileName === "three.bin")!.id);
  letGo();
  await vi.waitFor(() => expect(second.uploads!.items).toEqual([]), { timeout: 60_000 });
  expect(second.rows.map(({ title }) => title)).not.toContain("three");
});

it("goes on in the second tab with a file that the first one had not begun when that one was opened", async () => {
  const { letGo } = await openedMeanwhile("four.bin", 4);
  second.engine.lock();
  const [five] = await first.engine.upload([{ file: fileOf("five.bin", SIZE, 5) }]);
  await second.engine.unlock(PASSWORD);
  const find = (page: Page) => page.uploads!.items.find(({ id }) => id === five);
  expect(find(second)).toMatchObject({ state: "elsewhere" });
  let isReached = false;
  let letFiveGo!: () => void;
  const held = new Promise<void>((resolve) => (letFiveGo = resolve));
  browser.meddle = async (request) => {
    if (!new URL(request.url).pathname.endsWith("/blocks") || find(first)?.state !== "sending") return null;
    isReached = true;
    await held;
    return null;
  };
  letGo();
  await vi.waitFor(() => expect(isReached).toBe(true), { timeout: 60_000, interval: 20 });
  browser.meddle = () => null;
  first.engine.lock();
  letFiveGo();
  await vi.waitFor(() => expect(find(second)).toMatchObject({ state: "needs-file" }), { timeout: 60_000 });
  expect(await second.engine.resumeUploads([fileOf("five.bin", SIZE, 5)])).toEqual([five]);
  await vi.waitFor(() => expect(find(second)).toMatchObject({ state: "saved", error: null }), { timeout: 60_000 });
  expect(second.row("five")).toMatchObject({ revision: 1 });
});
