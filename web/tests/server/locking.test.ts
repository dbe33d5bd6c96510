/** Locking ends what is under way: nothing of the vault comes out afterwards, and what was begun can go on. */
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { Browser, signedUp, type Page } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";

const MIB = 2 ** 20;

let server: Server;
let browser: Browser;
let page: Page;
let id: string;
beforeAll(async () => {
  server = await Server.start();
  browser = new Browser(server);
  page = await signedUp(browser);
  await page.store(fileOf("scan.bin", 3 * MIB, 1));
  ({ id } = page.row("scan"));
});
beforeEach(async () => {
  browser.meddle = () => null;
  if (page.state.kind === "locked") await page.engine.unlock(PASSWORD);
});
afterAll(() => server.remove());

/** Locks the vault while a request to `path` is on its way; what became of `run`. */
async function lockedDuring(path: RegExp, run: () => Promise<unknown>): Promise<PromiseSettledResult<unknown>> {
  let letGo!: () => void;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let isReached = false;
  browser.meddle = async (request) => {
    if (!path.test(new URL(request.url).pathname)) return null;
    isReached = true;
    await held;
    return null;
  };
  const settled = Promise.allSettled([run()]);
  await vi.waitFor(() => expect(isReached).toBe(true), { timeout: 60_000, interval: 20 });
  page.engine.lock();
  letGo();
  return (await settled)[0];
}

const stopped = { status: "rejected", reason: { code: "interrupted" } };

it.each([
  ["a preview", () => page.engine.preview(id, { maxBytes: 10 * MIB })],
  ["a test of the copies", () => page.engine.testCopies()],
  ["a new session key", () => page.engine.sharing.rekey(id, { keep: [] })],
])("ends %s", async (_what, run) => {
  expect(await lockedDuring(/^\/ipfs\//, run)).toMatchObject(stopped);
  expect(page.state.kind).toBe("locked");
  expect(page.engine.copies.view.current).toMatchObject({ status: "unknown", items: [], error: null });
});

it("ends a check of a report, and tells nothing more of it", async () => {
  const told: string[] = [];
  const verify = () => page.engine.verify(id, () => told.push(page.state.kind));
  expect(await lockedDuring(/^\/ipfs\//, verify)).toMatchObject(stopped);
  expect(new Set(told)).toEqual(new Set(["open"]));
});

it("holds nothing of a vault in which news was looked for just then", async () => {
  await lockedDuring(/\/changes$/, () => page.engine.sharing.lookAgain());
  expect((page.engine.sharing as unknown as { opened: unknown }).opened).toBeNull();
});

it("lets a new session key that was half sent go on at the next opening", async () => {
  const again = () => page.engine.sharing.rekey(id, { keep: [] });
  const { revision } = page.row("scan");
  expect(await lockedDuring(/\/blocks$/, again)).toMatchObject(stopped);
  browser.meddle = () => null;
  await page.engine.unlock(PASSWORD);
  expect(page.row("scan").revision).toBe(revision);
  expect(await page.engine.sharing.planRekey(id)).toMatchObject({ isBegun: true });
  await again();
  expect(page.row("scan").revision).toBe(revision + 1);
  expect((await page.engine.preview(id, { maxBytes: 10 * MIB })).signature).toBe("valid");
});

it("leaves nothing to do again of a report that was committed just then", async () => {
  let isReached = false;
  browser.meddle = (request) => {
    if (request.method === "POST" && /\/reports$/.test(new URL(request.url).pathname)) {
      isReached = true;
      page.engine.lock();
    }
    return null;
  };
  await page.engine.upload([{ file: fileOf("late.txt", 100, 2) }]);
  await vi.waitFor(() => expect(isReached).toBe(true), { timeout: 60_000, interval: 20 });
  browser.meddle = () => null;
  await vi.waitFor(
    async () => {
      page.engine.lock();
      await page.engine.unlock(PASSWORD);
      expect(page.row("late")).toMatchObject({ revision: 1 });
    },
    { timeout: 60_000, interval: 200 },
  );
  expect(page.uploads?.items ?? []).toEqual([]);
});

it("commits new content no second time that was committed just then", async () => {
  const { revision } = page.row("scan");
  const path = new RegExp(`/reports/${id}$`);
  browser.meddle = async (request, forward) => {
    if (request.method !== "PUT" || !path.test(new URL(request.url).pathname)) return null;
    const response = await forward();
    page.engine.lock();
    return response;
  };
  const file = fileOf("scan.bin", 2 * MIB, 3);
  await page.engine.update(id, { file });
  await vi.waitFor(() => expect(page.state.kind).toBe("locked"), { timeout: 60_000, interval: 20 });
  browser.meddle = () => null;
  await page.engine.unlock(PASSWORD);
  expect(page.row("scan").revision).toBe(revision + 1);
  expect(await page.engine.resumeUploads([file])).toHaveLength(1);
  await page.settled();
  expect(page.uploads!.items).toMatchObject([{ state: "saved", error: null, report: id }]);
  expect(page.row("scan").revision).toBe(revision + 1);
});

it("leaves a vault locked that was being opened", async () => {
  page.engine.lock();
  expect(await lockedDuring(/^\/ipfs\/|^\/ipns\/|\/index$/, () => page.engine.unlock(PASSWORD))).toMatchObject({
    status: "rejected",
  });
  expect(page.state.kind).toBe("locked");
});
