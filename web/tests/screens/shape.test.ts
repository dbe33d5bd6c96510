// Right to left, forced colours, German and large text: the same screens hold.

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { scenes } from "./app/scenes.ts";
import { serveScreens, type Served } from "./serve.ts";
import { desktop, openWindow, phone, show, startBrowser } from "./stage.ts";

let served: Served;
let browser: Browser;
let context: BrowserContext;
let small: BrowserContext;
beforeAll(async () => {
  [served, browser] = await Promise.all([serveScreens(), startBrowser()]);
  [context, small] = await Promise.all([openWindow(browser, desktop), openWindow(browser, phone)]);
});
afterAll(async () => {
  await browser.close();
  await served.close();
});

const main = scenes.filter(({ name }) =>
  ["sign-up", "kit", "unlock", "vault", "vault-uploads", "copies", "security", "settings", "trash"].includes(name),
);

async function turnRound(page: Page): Promise<void> {
  await page.evaluate(() => {
    document.documentElement.dir = "rtl";
  });
}

describe("right to left", () => {
  test.each(main)("$name has nothing off the screen", async (scene) => {
    const { page, faults } = await show(small, served.origin, scene);
    await turnRound(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(phone.width);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("the rail stands at the right and codes still run left to right", async () => {
    const { page } = await show(context, served.origin, scenes.find(({ name }) => name === "vault")!);
    await turnRound(page);
    const rail = await page.locator(".rail").boundingBox();
    expect(rail!.x).toBeGreaterThan(desktop.width / 2);
    await page.close();
    const kit = await show(context, served.origin, scenes.find(({ name }) => name === "kit")!);
    await turnRound(kit.page);
    const [first, second] = await kit.page.locator(".kit-code li").all();
    expect((await first!.boundingBox())!.x).toBeLessThan((await second!.boundingBox())!.x);
    await kit.page.close();
  });
});

test.each(main)("$name fits a phone in German, at twice the text", async (scene) => {
  if (scene.act !== undefined) return;
  const { page } = await show(small, served.origin, scene, { language: "de" });
  expect(await page.evaluate(() => document.documentElement.lang)).toBe("de");
  await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
  // Polled: a page that has just changed its language and its text is not laid out at once on a busy machine.
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width);
  await page.close();
});

test("forced colours keep every edge that tells a state", async () => {
  const { page } = await show(context, served.origin, scenes.find(({ name }) => name === "vault")!);
  await page.emulateMedia({ forcedColors: "active", reducedMotion: "reduce" });
  const current = page.locator('.nav[aria-current="page"]');
  const folder = page.locator('.folder[aria-pressed="true"]');
  expect(await current.evaluate((one) => getComputedStyle(one).outlineStyle)).toBe("solid");
  const borders = await page.locator(".folder").evaluateAll((all) => all.map((one) => getComputedStyle(one).borderTopColor));
  expect(await folder.evaluate((one) => getComputedStyle(one).borderTopColor)).not.toBe(borders[1]);
  await page.close();
});

test("a list of ten thousand reports draws few rows, tells how many there are, and shows those scrolled to", async () => {
  const { page } = await show(context, served.origin, scenes.find(({ name }) => name === "vault-ten-thousand")!);
  const drawn = page.locator("tr[data-report]");
  expect(await page.locator("table").getAttribute("aria-rowcount")).toBe("10001");
  expect(await drawn.count()).toBeLessThan(80);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await page.locator('tr[aria-rowindex="10001"]').waitFor();
  expect(await drawn.count()).toBeLessThan(80);
  await page.getByRole("searchbox").fill("count 9999");
  await page.getByText("1 report found").waitFor({ state: "attached" });
  expect(await drawn.count()).toBe(1);
  await page.close();
});
