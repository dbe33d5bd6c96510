// Not a test of anything but that every scene can be shown: it writes the pictures that people look at (`make screens`).

import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { scenes } from "./app/scenes.ts";
import { serveScreens, type Served } from "./serve.ts";
import { desktop, phone, show, startBrowser, type Look } from "./stage.ts";

const folder = process.env.SCREENS;
const only = process.env.SCENES?.split(",");
const looks: readonly (Look & { name: string })[] = (["light", "dark"] as const).flatMap((theme) => [
  { ...desktop, theme, name: `${theme}-desktop` },
  { ...phone, theme, name: `${theme}-phone` },
]);

describe.skipIf(folder === undefined)("every screen and state", () => {
  let served: Served;
  let browser: Browser;
  beforeAll(async () => {
    [served, browser] = await Promise.all([serveScreens(), startBrowser()]);
    await mkdir(folder!, { recursive: true });
  });
  afterAll(async () => {
    await browser.close();
    await served.close();
  });

  for (const scene of scenes.filter(({ name }) => only?.includes(name) ?? true)) {
    test(scene.name, async () => {
      for (const look of looks) {
        const { page, close } = await show(browser, served.origin, scene, look);
        const path = join(folder!, `${scene.name}-${look.name}.png`);
        await page.screenshot({ path });
        await close();
      }
      expect(scene.path).toMatch(/^\//);
    });
  }
});
