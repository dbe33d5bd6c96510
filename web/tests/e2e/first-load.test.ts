// The first visit: how much script comes before the vault is open, what can be installed, and what is there offline.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { openProfile, openVault, openWindow, signUp, startBrowser } from "./window.ts";

const mostScriptBytes = 150_000;
const mostStyleBytes = 14_000;

let server: Server;
let browser: Browser;
let origin: string;
beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), startBrowser()]);
  origin = server.origin.replace("127.0.0.1", "localhost");
});
afterAll(async () => {
  await browser.close();
  await server.remove();
});

/** Bytes, compressed, of what a page of its own asks for until `heading` stands there and all is quiet. */
async function loadOf(context: BrowserContext, path: string, heading: string): Promise<Map<string, number>> {
  const page = await context.newPage();
  const asked = new Set<string>();
  context.on("request", (request) => {
    const { pathname } = new URL(request.url());
    // What the service worker keeps for later is asked for once the vault is open.
    if (request.serviceWorker() === null && /\.(?:m?js|css)$/.test(pathname)) asked.add(pathname);
  });
  await page.goto(`${origin}${path}`);
  await page.getByRole("heading", { name: heading }).waitFor();
  await page.waitForLoadState("networkidle");
  await page.close();
  const sizes = new Map<string, number>();
  for (const each of asked) {
    const body = Buffer.from(await (await fetch(`${server.origin}${each}`)).arrayBuffer());
    sizes.set(each, gzipSync(body, { level: 9 }).length);
  }
  return sizes;
}

function expectFit(sizes: ReadonlyMap<string, number>): void {
  const sum = (ending: RegExp): number =>
    [...sizes].reduce((bytes, [path, size]) => bytes + (ending.test(path) ? size : 0), 0);
  expect(sum(/js$/), JSON.stringify(Object.fromEntries(sizes))).toBeLessThanOrEqual(mostScriptBytes);
  expect(sum(/js$/)).toBeGreaterThan(10_000);
  expect(sum(/css$/)).toBeLessThanOrEqual(mostStyleBytes);
}

test.each([
  ["/", "Make your vault"],
  ["/sign-in", "Sign in"],
  ["/reset", "Use your recovery kit"],
])("what %s needs fits the budget, scripts of workers included", async (path, heading) => {
  const context = await browser.newContext();
  expectFit(await loadOf(context, path, heading));
  await context.close();
});

test("what it takes to ask for the password again fits the budget", async () => {
  const { context, page } = await openWindow(browser, origin);
  await signUp(page, { email: "un@lock.example", name: "Mira Halvorsen", password: PASSWORD });
  await page.close();
  expectFit(await loadOf(context, "/reports", "Welcome back"));
  await context.close();
});

test("once a vault was open, a page whose server stopped still has the parts that it never used", async () => {
  const { context, page } = await openWindow(browser, origin);
  await signUp(page, { email: "later@parts.example", name: "Mira Halvorsen", password: PASSWORD });
  const isWhole = (): Promise<boolean> =>
    page.evaluate(async () => (await caches.match("/whole")) !== undefined);
  await expect.poll(isWhole, { timeout: 90_000 }).toBe(true);
  const parts = await page.evaluate(async () => {
    const [name] = await caches.keys();
    const cache = await caches.open(name!);
    return (await cache.keys()).map(({ url }) => new URL(url).pathname).filter((path) => path.startsWith("/assets/"));
  });
  for (const part of [/PdfPreview/, /DicomPreview/, /pdf\.worker/, /openjpeg/, /\/de-/, /rekeying/, /worker-main/]) {
    expect(parts.some((path) => part.test(path)), String(part)).toBe(true);
  }
  await context.setOffline(true);
  const asked = await page.evaluate(
    (paths) => Promise.all(paths.map((path) => fetch(path).then(({ ok }) => ok, () => false))),
    parts,
  );
  expect(asked.every(Boolean)).toBe(true);
  await context.close();
});

test("the app can be installed: a manifest with a name, a start and icons that are there", async () => {
  const { context, page } = await openWindow(browser, origin);
  const href = await page.locator('link[rel="manifest"]').getAttribute("href");
  const answer = await page.request.get(new URL(href!, origin).href);
  expect(answer.headers()["content-type"]).toMatch(/manifest\+json|application\/json/);
  const manifest = (await answer.json()) as { name: string; start_url: string; display: string; icons: { src: string }[] };
  expect(manifest).toMatchObject({ name: "Hygieia", start_url: "/", display: "standalone" });
  for (const { src } of manifest.icons) {
    const icon = await page.request.get(new URL(src, origin).href);
    expect(icon.headers()["content-type"]).toBe("image/svg+xml");
  }
  await context.close();
});

test("Chromium itself finds nothing that stands in the way of installing the app", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hygieia-profile-"));
  // A private window has nowhere to install to: this is one that keeps what it has.
  const { context, page } = await openProfile(folder, origin);
  await page.getByRole("heading", { name: "Make your vault" }).waitFor();
  const debug = await context.newCDPSession(page);
  const { url, errors, manifest } = await debug.send("Page.getAppManifest");
  expect(errors).toEqual([]);
  expect(url).toBe(`${origin}/manifest.webmanifest`);
  expect(manifest).toMatchObject({ name: "Hygieia", startUrl: `${origin}/`, id: `${origin}/`, display: "kStandalone" });
  expect((await debug.send("Page.getInstallabilityErrors")).installabilityErrors).toEqual([]);
  await context.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 }); // Chromium may still write to it
});

test("without a network the app still opens, says so, and shows nothing of the vault", async () => {
  const { context, page } = await openWindow(browser, origin);
  await signUp(page, { email: "off@line.example", name: "Mira Halvorsen", password: PASSWORD });
  await page.waitForFunction(async () => (await navigator.serviceWorker.ready).active?.state === "activated");
  await page.reload(); // from now on the worker is in charge, and has seen every file
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  await context.setOffline(true);
  await page.reload();
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  // To the page itself the network is there: only what it asks for fails.
  await page.getByText("Hygieia is not answering.").waitFor();
  expect(await page.locator("body").innerText()).not.toContain("Mira");
  await context.close();
});

test("with the server stopped the app and the vault open in a new tab, which says so and fills once it is back", async () => {
  const { context, page } = await openWindow(browser, origin);
  await signUp(page, { email: "stopped@server.example", name: "Mira Halvorsen", password: PASSWORD });
  await page.waitForFunction(async () => (await caches.match("/whole")) !== undefined);
  await page.close();
  await server.stop();
  const tab = await context.newPage();
  await tab.goto(`${origin}/reports`);
  await openVault(tab, PASSWORD);
  await tab.getByText("Hygieia is not answering.", { exact: true }).waitFor();
  await tab.getByText("Reports open when it answers again.").waitFor(); // no gateway was named
  await tab.getByText("Hygieia does not answer. Your reports are not lost. Check your connection and try again.").waitFor();
  await server.again();
  await tab.getByText("Nothing here yet", { exact: true }).waitFor();
  await context.close();
});

test("a page that came over plain HTTP from elsewhere says why it cannot work and what to do, and asks for nothing", async () => {
  const far = await startBrowser("--host-resolver-rules=MAP vault.example 127.0.0.1");
  const { page, faults } = await openWindow(far, server.origin.replace("127.0.0.1", "vault.example"));
  await page.getByRole("heading", { name: "This page cannot keep secrets" }).waitFor();
  expect(await page.evaluate(() => isSecureContext)).toBe(false);
  for (const words of [
    "This page came over a connection that anyone on the way could change.",
    "Open the same address with https:// in front.",
    "On the computer that runs Hygieia, open http://localhost with its port.",
    "Your reports are not touched by this.",
  ]) {
    await page.getByText(words).waitFor();
  }
  expect(await page.locator("input, button").count()).toBe(0);
  expect(page.workers()).toHaveLength(0);
  // Chromium says that it heeds no policy of such a page's about other windows.
  expect(faults.filter((fault) => !fault.includes("Cross-Origin-Opener-Policy"))).toEqual([]);
  await far.close();
});
