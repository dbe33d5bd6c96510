// How a page is turned round and said in another language while it is shown, and what of it does not fit then.

import type { Page } from "playwright-core";

import type { TestEngine } from "./engine/test-engine.ts";

export async function turnRound(page: Page): Promise<void> {
  await page.evaluate(() => {
    document.documentElement.dir = "rtl";
  });
}

/** Change to German under the page's feet: what a person did in English stays done. */
export async function speakGerman(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { engine } = globalThis as unknown as { engine: TestEngine };
    engine.settings.set({ ...engine.settings.current, language: "de" });
  });
  await page.locator("html[lang=de]").waitFor();
}

/** What reaches over the sides of the screen, or is cut off, where nothing scrolls to it. */
export function misfits(page: Page): Promise<readonly string[]> {
  const { width } = page.viewportSize()!;
  return page.evaluate((limit) => {
    const said = (one: Element): string => `${one.tagName.toLowerCase()}.${[...one.classList].join(".")} ${(one.textContent ?? "").trim().slice(0, 40)}`;
    const parents = (one: Element): Element[] => {
      const found: Element[] = [];
      for (let at = one.parentElement; at !== null && at !== document.body; at = at.parentElement) found.push(at);
      return found;
    };
    const isHidden = (one: Element): boolean => getComputedStyle(one).clipPath !== "none";
    const bad: string[] = [];
    if (document.documentElement.scrollWidth > limit) bad.push(`the page is ${String(document.documentElement.scrollWidth)} wide`);
    for (const one of document.body.querySelectorAll("*")) {
      if (!one.checkVisibility({ visibilityProperty: true }) || one.closest("svg, option") !== null) continue;
      const around = [one, ...parents(one)];
      if (around.some(isHidden)) continue;
      const { overflowX, overflowY, textOverflow } = getComputedStyle(one);
      if (overflowX === "hidden" && textOverflow !== "ellipsis" && one.scrollWidth > one.clientWidth + 1) bad.push(`cut off: ${said(one)}`);
      if (overflowY === "hidden" && one.scrollHeight > one.clientHeight + 1) bad.push(`cut off below: ${said(one)}`);
      const { left, right, width: own } = one.getBoundingClientRect();
      if (own === 0 || (left >= -1 && right <= limit + 1)) continue;
      if (parents(one).some((at) => ["auto", "scroll"].includes(getComputedStyle(at).overflowX) && at.scrollWidth > at.clientWidth)) continue;
      bad.push(`${String(Math.round(left))} to ${String(Math.round(right))}: ${said(one)}`);
    }
    return bad;
  }, width);
}

/** The colours of a person who chose hers for every page: light on black here, which shows most. */
export async function forceColours(page: Page): Promise<void> {
  await page.emulateMedia({ forcedColors: "active", colorScheme: "dark", reducedMotion: "reduce" });
}
