// Writes a picture of every screen and state, for people to look at (scripts/screens, which sets SCREENS to the folder).

import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { scenes } from "./app/scenes.ts";
import { serveScreens, type Served } from "./serve.ts";
import { desktop, openWindow, phone, show, startBrowser, turnTo } from "./stage.ts";

const folder = process.env.SCREENS ?? "";
/** Some scenes only, by comma. */
const only = process.env.SCENES?.split(",");

describe.each([desktop, phone])("pictures, $name", (size) => {
  let served: Served;
  let browser: Browser;
  let context: BrowserContext;
  beforeAll(async () => {
    [served, browser] = await Promise.all([serveScreens(), startBrowser()]);
    context = await openWindow(browser, size);
    await mkdir(folder, { recursive: true });
  });
  afterAll(async () => {
    await browser.close();
    await served.close();
  });

  test.each(scenes.filter(({ name }) => only?.includes(name) ?? true))("$name", async (scene) => {
    const { page, faults } = await show(context, served.origin, scene);
    for (const colorScheme of ["light", "dark"] as const) {
      await turnTo(page, colorScheme);
      await page.screenshot({ path: join(folder, `${scene.name}-${size.name}-${colorScheme}.png`) });
    }
    await page.close();
    expect(faults).toEqual([]);
  });
});
