/** What waits in this browser when the password changes: here, or on another device. */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";

const NEXT = "another staple of batteries";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());

/** A page whose upload does not get through, and whose renaming waits for the server. */
async function interrupted(browser: Browser, email: string): Promise<Page> {
  const page = await signedUp(browser, email);
  await page.store(fileOf("note.txt", 100));
  let isHeld = false;
  let held = 0;
  browser.meddle = async (request) => {
    const { pathname } = new URL(request.url);
    const isLarge = pathname.endsWith("/blocks") && (await request.arrayBuffer()).byteLength > 1 << 20;
    const isReport = pathname.includes("/reports/");
    if (isReport && isHeld) return new Promise(() => void held++);
    if (isLarge || isReport) throw new TypeError("network");
    return null;
  };
  await page.engine.edit(page.row("note").id, { title: "Renamed" });
  await page.engine.upload([{ file: fileOf("long.bin", 9_000_000) }]);
  expect(page.engine.connection.current.waiting).toBe(1);
  page.engine.pauseUploads();
  // Changes are sent one at a time: with one held for ever, this page sends no more, as if it were gone.
  isHeld = true;
  await vi.waitFor(() => expect(held).toBeGreaterThan(0), 60_000);
  return page;
}

it("changed here: the vault opens, what waited is done, and the upload goes on", async () => {
  const browser = new Browser(server);
  const page = await interrupted(browser, newEmail());
  await page.engine.changePassword({ current: PASSWORD, next: NEXT });
  page.engine.lock();
  browser.meddle = () => null;
  const again = await browser.page();
  await again.engine.unlock(NEXT);
  expect(again.state.kind).toBe("open");
  expect(again.uploads!.items).toMatchObject([{ fileName: "long.bin", state: "needs-file" }]);
  await vi.waitFor(() => expect(again.row("Renamed")).toMatchObject({ state: "saved", revision: 2 }), 60_000);
  expect(again.engine.connection.current.waiting).toBe(0);
  await again.engine.resumeUploads([fileOf("long.bin", 9_000_000)]);
  await again.settled();
  expect(again.uploads!.items).toMatchObject([{ state: "saved" }]);
});

it("changed on another device: the vault opens, and tells what nobody can open any more", async () => {
  const browser = new Browser(server);
  const email = newEmail();
  const page = await interrupted(browser, email);
  page.engine.lock();
  const elsewhere = await new Browser(server).page();
  await elsewhere.engine.signIn({ email, password: PASSWORD });
  await elsewhere.engine.changePassword({ current: PASSWORD, next: NEXT });
  browser.meddle = () => null;
  const again = await browser.page();
  await again.engine.signIn({ email, password: NEXT });
  expect(again.state.kind).toBe("open");
  expect(again.uploads!.items).toMatchObject([{ state: "failed", error: { code: "credentials-refused" } }]);
  expect(again.engine.connection.current).toMatchObject({ waiting: 0, dropped: 1 });
  expect(again.row("note")).toMatchObject({ state: "saved" });
  again.engine.lock();
  const later = await browser.page();
  await later.engine.unlock(NEXT);
  expect(later.state.kind).toBe("open");
  expect(later.uploads!.items).toEqual([]);
  expect(later.engine.connection.current.dropped).toBe(0);
});
