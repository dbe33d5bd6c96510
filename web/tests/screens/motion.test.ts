// Whoever asked for less motion gets none; the others see that something is under way.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { useStage } from "./stage.ts";

const stage = useStage();

/** Milliseconds of the longest animation or transition on the page, repeated ones with all their rounds. */
function longest(page: Page): Promise<number> {
  return page.evaluate(() =>
    Math.max(0, ...document.getAnimations().map((each) => Number(each.effect?.getComputedTiming().endTime ?? 0))),
  );
}

test("a list on its way moves, but for whoever asked for less motion", async () => {
  const page = await stage.open("vault-loading");
  await expect.poll(() => longest(page)).toBeLessThanOrEqual(1);
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await expect.poll(() => longest(page)).toBeGreaterThan(1000);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await expect.poll(() => longest(page)).toBeLessThanOrEqual(1);
});
