// The first visit: how much script comes before the vault is open, what can be installed, and what is there offline.

import { gzipSync } from "node:zlib";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { openWindow, signUp, startBrowser } from "./window.ts";

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

test("what comes before a password is typed fits the budget, scripts of workers included", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const sizes = new Map<string, number>();
  const reading: Promise<void>[] = [];
  context.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (!/\.(?:m?js|css)$/.test(pathname)) return;
    reading.push(response.body().then((body) => void sizes.set(pathname, gzipSync(body, { level: 9 }).length)));
  });
  await page.goto(`${origin}/sign-in`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.waitForLoadState("networkidle");
  await Promise.all(reading);
  const sum = (ending: RegExp): number =>
    [...sizes].reduce((bytes, [path, size]) => bytes + (ending.test(path) ? size : 0), 0);
  expect(sum(/js$/), JSON.stringify(Object.fromEntries(sizes))).toBeLessThanOrEqual(mostScriptBytes);
  expect(sum(/js$/)).toBeGreaterThan(10_000);
  expect(sum(/css$/)).toBeLessThanOrEqual(mostStyleBytes);
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

test("without a network the app still opens, says so, and shows nothing of the vault", async () => {
  const { context, page } = await openWindow(browser, origin);
  await signUp(page, { email: "off@line.example", name: "Mira Halvorsen", password: PASSWORD });
  await page.waitForFunction(async () => (await navigator.serviceWorker.ready).active?.state === "activated");
  await page.reload(); // from now on the worker is in charge, and has seen every file
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  await context.setOffline(true);
  await page.reload();
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  expect(await page.locator("body").innerText()).not.toContain("Mira");
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
