// The colours that a person has chosen are there from the first frame after a reload, whatever her system prefers.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { openVault, openWindow, signUp, startBrowser } from "./window.ts";

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

/** From the next load on, each scheme of colours that a frame has, and each that the page is turned to, in order. */
async function watchColours(page: Page): Promise<() => Promise<string[]>> {
  await page.addInitScript(() => {
    const seen: string[] = [];
    const look = (): void => {
      const scheme = getComputedStyle(document.documentElement).colorScheme;
      if (seen.at(-1) !== scheme) seen.push(scheme);
    };
    const frame = (): void => {
      look();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    // One that is there for less than a frame is not seen, but by luck alone.
    new MutationObserver(() => seen.length > 0 && look()).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-theme"] });
    Object.assign(globalThis, { seen });
  });
  return () => page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen);
}

test.each([
  ["Dark", "dark", "light"],
  ["Light", "light", "dark"],
] as const)("%s is what she chose: every frame is %s, and none %s", async (name, chosen, system) => {
  const { context, page, faults } = await openWindow(browser, origin);
  await page.emulateMedia({ colorScheme: system });
  await signUp(page, { email: `${chosen}@halvorsen.example`, name: "Mira Halvorsen", password: PASSWORD });
  await page.getByRole("navigation").getByRole("link", { name: "Settings" }).first().click();
  await page.getByLabel(name, { exact: true }).check();
  await page.waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, chosen);
  const seen = await watchColours(page);
  // The app's own script comes only once the empty page is on the screen; a service worker would have it at once.
  await page.evaluate(async () => (await navigator.serviceWorker.ready).unregister());
  await page.route(/\/assets\/index-[^/]*\.js$/, async (route) => {
    await expect.poll(async () => (await seen()).length).toBeGreaterThan(0);
    await route.continue();
  });
  await page.reload();
  await openVault(page, PASSWORD);
  await page.getByRole("heading", { name: "Settings" }).waitFor();
  expect(await seen()).toEqual([chosen]);
  expect(faults).toEqual([]);
  await context.close();
});
