// A browser that has no room left for what this origin keeps. (Chromium itself notices that for small things only now
// and then: it looks at the room left twice a minute.)
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { IDBObjectStore } from "fake-indexeddb";
import { toSent } from "../../src/worker/protocol.ts";
import { Browser, newEmail, signedUp } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());
afterEach(() => vi.restoreAllMocks());

/** From now on nothing more goes into the store of that name, or into any. */
function fill(name?: string): void {
  const put = IDBObjectStore.prototype.put;
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, ...given) {
    if (name !== undefined && this.name !== name) return put.apply(this, given);
    throw new DOMException("Encountered full disk.", "QuotaExceededError");
  });
}

it("adds no file that it could not note down, says why, and adds it once there is room", async () => {
  const page = await signedUp(new Browser(server));
  fill("uploads");
  const [id] = await page.engine.upload([{ file: fileOf("letter.txt", 100) }]);
  expect(page.uploads!.items).toMatchObject([{ id, state: "failed", error: { code: "device-full" } }]);
  await page.engine.refresh();
  expect(page.rows).toEqual([]);
  vi.restoreAllMocks();
  await page.engine.uploadAnyway(id!);
  await vi.waitFor(() => expect(page.uploads!.items).toMatchObject([{ id, state: "saved" }]), 60_000);
  expect(page.row("letter").sizeBytes).toBe(100);
});

it("sends no part of a long file that it could not record", async () => {
  const browser = new Browser(server);
  const page = await signedUp(browser);
  let sent = 0;
  browser.meddle = (request) => {
    if (request.method === "POST" && /\/blocks$/.test(new URL(request.url).pathname)) sent += 1;
    return null;
  };
  fill("leaves");
  await page.engine.upload([{ file: fileOf("scan.dcm", 9_000_000) }]);
  await vi.waitFor(() => expect(page.uploads!.items).toMatchObject([{ state: "failed" }]), 60_000);
  expect(page.uploads!.items[0]!.error).toMatchObject({ code: "device-full" });
  expect(sent).toBe(0);
});

it("begins no vault whose keys it could not keep", async () => {
  const page = await new Browser(server).page();
  const email = newEmail();
  fill("profile");
  const request = { email, name: "Ana", password: PASSWORD };
  const refused: unknown = await page.engine.signUp(request).catch((error: unknown) => toSent(error));
  expect(refused).toMatchObject({ code: "device-full" });
  vi.restoreAllMocks();
  await page.engine.signUp(request);
  expect(page.state.kind).toBe("kit");
});
