// Every screen and state in both themes, on a desktop and on a phone (a file each, so that both cores work): no
// rule of WCAG 2.2 AA broken that a program can check, no rule of the page's own policy broken, nothing asked of
// another origin, and at other widths nothing out of sight, cut off or over something else.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";

import { scenes } from "./app/scenes.ts";
import { misfits, overlaps } from "./shape.ts";
import { turnTo, useStage, type Size } from "./stage.ts";

const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const only = process.env.SCENES?.split(",");

async function violations(page: Page): Promise<readonly string[]> {
  const found = await page.evaluate(async (values) => {
    const { axe } = globalThis as unknown as { axe: { run(on: Document, options: object): Promise<AxeResults> } };
    const { violations: broken } = await axe.run(document, { runOnly: { type: "tag", values } });
    return broken.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary ?? ""}`).join("; ")}`);
  }, tags);
  return found;
}

/** Holds every scene to the rules in a window of `size`. */
export function holdScenesToTheRules(size: Size): void {
  const stage = useStage();
  let axe: string;
  beforeAll(async () => {
    axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  });

  test.each(scenes.filter(({ name }) => only?.includes(name) ?? true))("$name is within reach of everyone", async (scene) => {
    const { page, faults } = await stage.show(scene, size);
    const seen = [...faults];
    await page.evaluate(axe); // by the debugger, which the page's policy does not bind
    for (const colorScheme of ["light", "dark"] as const) {
      await turnTo(page, colorScheme);
      expect(await violations(page), colorScheme).toEqual([]);
    }
    for (const width of size.isPhone ? [320] : [800, 1600]) {
      await page.setViewportSize({ width, height: size.height });
      // What floats follows the window by its own clock.
      const bad = async (): Promise<readonly string[]> => [...(await misfits(page)), ...(await overlaps(page))];
      await expect.poll(bad, { message: `${String(width)} pixels wide` }).toEqual([]);
    }
    await page.close();
    expect(seen).toEqual([]);
  });
}
