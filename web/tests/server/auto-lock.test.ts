/** The vault locks by itself after quiet time, and not under work that goes on by itself. */
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { startVault, type Browser, type Page } from "./running.ts";
import { fileOf, PASSWORD, type Server } from "./serving.ts";

const HOUR_MS = 3_600_000;

let server: Server;
let browser: Browser;
let page: Page;
/** The test's clock goes on from one to the next: what was signed would be of the future else. */
let now: number;
beforeAll(async () => {
  ({ server, browser, page } = await startVault());
  await page.store(fileOf("note.txt", 100));
  page.engine.lock();
  now = Date.now();
});
afterEach(() => {
  now = Date.now();
  vi.useRealTimers();
  page.engine.lock();
});
afterAll(() => server.remove());

/** An open vault whose clock is the test's. */
async function opened(): Promise<void> {
  browser.meddle = () => null;
  page = await browser.page();
  vi.useFakeTimers({ now, toFake: ["setInterval", "clearInterval", "Date"] });
  await page.engine.unlock(PASSWORD);
}

/** Holds whatever reaches it until it is told to let go. */
function barrier(): { reached: () => void; isReached: () => boolean; letGo: () => void; held: Promise<void> } {
  let isReached = false;
  let letGo!: () => void;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  return { reached: () => (isReached = true), isReached: () => isReached, letGo, held };
}

async function until(isSo: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(isSo()).toBe(true), { timeout: 60_000, interval: 20 });
}

it("locks when nothing is under way", async () => {
  await opened();
  vi.advanceTimersByTime(HOUR_MS);
  expect(page.state.kind).toBe("locked");
});

it("stays open until a download has ended", async () => {
  await opened();
  const gate = barrier();
  const write = async (): Promise<void> => {
    gate.reached();
    await gate.held;
  };
  const file = { write, close: async () => {}, abort: async () => {} };
  const handle = { createWritable: async () => file } as unknown as FileSystemFileHandle;
  await page.engine.download(page.row("note").id, { kind: "file", handle });
  await until(gate.isReached);
  vi.advanceTimersByTime(HOUR_MS);
  expect(page.state.kind).toBe("open");
  gate.letGo();
  await until(() => page.engine.downloads.view.current[0]?.state === "done");
  vi.advanceTimersByTime(HOUR_MS);
  expect(page.state.kind).toBe("locked");
});

it.each([
  ["a test of the copies", "/ipfs/", () => page.engine.testCopies()],
  ["a new session key", "/reports/", () => page.engine.sharing.rekey(page.row("note").id, { keep: [] })],
  ["a new password", "/account/seal", () => page.engine.changePassword({ current: PASSWORD, next: PASSWORD })],
  ["a new kit", "/account/recovery", () => page.engine.newKit(PASSWORD)],
])("stays open until %s has ended", async (_what, held, run) => {
  await opened();
  const gate = barrier();
  browser.meddle = async (request) => {
    if (!new URL(request.url).pathname.includes(held)) return null;
    gate.reached();
    await gate.held;
    return null;
  };
  const running = run();
  await until(gate.isReached);
  vi.advanceTimersByTime(HOUR_MS);
  expect(page.state.kind).toBe("open");
  gate.letGo();
  await running;
  vi.advanceTimersByTime(HOUR_MS);
  expect(page.state.kind).toBe("locked");
});
