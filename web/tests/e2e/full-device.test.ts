// A browser whose device has no room left for the vault's origin: said in plain words, and nothing half is kept.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { fileOf, PASSWORD, Server } from "../server/serving.ts";
import { choose, openProfile, openWindow, report, signUp, startBrowser } from "./window.ts";

const room = 1_000_000;

let server: Server;
let browser: Browser;
let folder: string;
beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), startBrowser()]);
  folder = mkdtempSync(join(tmpdir(), "hygieia-profile-"));
});
afterAll(async () => {
  await browser.close();
  await server.remove();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 }); // Chromium may still write to it
});

// Chromium keeps files and counts them in other ways where nothing may touch the disk.
describe.each(["a window that keeps what it has", "a private window"])("in %s", (kind) => {
  let page: Page;
  let faults: readonly string[];
  let debug: CDPSession;
  let scan: Buffer;

  beforeAll(async () => {
    const origin = server.origin.replace("127.0.0.1", "localhost");
    const isPrivate = kind.includes("private");
    const window = await (isPrivate ? openWindow(browser, origin) : openProfile(folder, origin));
    ({ page, faults } = window);
    debug = await window.context.newCDPSession(page);
    await signUp(page, { email: isPrivate ? "pia@example.org" : "ana@example.org", name: "Ana", password: PASSWORD });
    scan = Buffer.from(await fileOf("scan.dat", 8 * room, 5).arrayBuffer());
    await choose(page, { name: "scan.dat", mimeType: "application/octet-stream", content: scan });
    await page.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
  });
  afterAll(() => page.context().close());

  /** Lets the origin keep `quotaSize` bytes in all; without a number, as much as ever. */
  async function limit(quotaSize?: number): Promise<void> {
    const { origin } = new URL(page.url());
    await debug.send("Storage.overrideQuotaForOrigin", quotaSize === undefined ? { origin } : { origin, quotaSize });
  }

  /** Whether nothing waits in the browser's own file system to be handed over: it removes a folder only when empty. */
  const isNothingKept = (): Promise<boolean> =>
    page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      return root.removeEntry("downloads").then(() => true, () => false);
    });

  const downloadButton = () => page.getByRole("dialog").getByRole("button", { name: "Download", exact: true });

  test("a download that does not fit leaves nothing behind, and the words say whose room it is", async () => {
    const { usage } = await debug.send("Storage.getUsageAndQuota", { origin: new URL(page.url()).origin });
    await limit(usage + room);
    await report(page, "scan").click();
    await downloadButton().click();
    await page.getByText("There is no room left on this device. Make room, then download it again.", { exact: true }).waitFor();
    expect(await isNothingKept()).toBe(true);
  });

  test("with room again the same download is the whole file", async () => {
    await limit();
    const [download] = await Promise.all([page.waitForEvent("download"), downloadButton().click()]);
    expect(readFileSync(await download.path()).equals(scan)).toBe(true);
    await page.keyboard.press("Escape");
  });

  test("in all of this the page broke no rule and asked nobody else", () => {
    expect(faults).toEqual([]);
  });
});
