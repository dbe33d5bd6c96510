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
    /** It ends in dots: what is in it goes on unseen, and no further than it itself. */
    const isShortened = (one: Element): boolean => {
      const { overflowX, textOverflow } = getComputedStyle(one);
      return overflowX === "hidden" && textOverflow === "ellipsis";
    };
    const bad: string[] = [];
    if (document.documentElement.scrollWidth > limit) bad.push(`the page is ${String(document.documentElement.scrollWidth)} wide`);
    for (const one of document.body.querySelectorAll("*")) {
      if (!one.checkVisibility({ visibilityProperty: true }) || one.closest("svg, option") !== null) continue;
      const around = [one, ...parents(one)];
      if (around.some(isHidden)) continue;
      const { overflowX, overflowY, textOverflow } = getComputedStyle(one);
      if (overflowX === "hidden" && textOverflow !== "ellipsis" && one.scrollWidth > one.clientWidth + 1) bad.push(`cut off: ${said(one)}`);
      if (overflowY === "hidden" && one.scrollHeight > one.clientHeight + 1) bad.push(`cut off below: ${said(one)}`);
      if (parents(one).some(isShortened)) continue;
      const { left, right, width: own } = one.getBoundingClientRect();
      if (own === 0 || (left >= -1 && right <= limit + 1)) continue;
      if (parents(one).some((at) => ["auto", "scroll"].includes(getComputedStyle(at).overflowX) && at.scrollWidth > at.clientWidth)) continue;
      bad.push(`${String(Math.round(left))} to ${String(Math.round(right))}: ${said(one)}`);
    }
    return bad;
  }, width);
}

/** Words and controls of one layer of which one lies over the other. */
export function overlaps(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    interface Thing {
      readonly at: Element;
      readonly said: string;
      readonly layer: Element;
      readonly box: DOMRect;
    }
    /** What has a height of its own above the page, as bars, menus and messages, is over what it has to be over. */
    const layerOf = (one: Element): Element => {
      let at = one;
      while (at !== document.body && getComputedStyle(at).zIndex === "auto") at = at.parentElement!;
      return at;
    };
    /** The button that shows a password stands in its field. */
    const isInField = (one: Element, other: Element): boolean =>
      one.parentElement === other.parentElement && one.parentElement!.matches(".input-group");
    /** What is seen of a box: where something scrolls or is cut, the rest is out of sight. */
    const seen = (one: Element, box: DOMRect): DOMRect | null => {
      let { left, top, right, bottom } = box;
      for (let at = one.parentElement; at !== null && at !== document.body; at = at.parentElement) {
        const { overflowX, clipPath } = getComputedStyle(at);
        if (clipPath !== "none") return null;
        if (overflowX === "visible") continue;
        const frame = at.getBoundingClientRect();
        [left, right] = [Math.max(left, frame.left), Math.min(right, frame.right)];
        [top, bottom] = [Math.max(top, frame.top), Math.min(bottom, frame.bottom)];
      }
      return right - left < 1 || bottom - top < 1 ? null : new DOMRect(left, top, right - left, bottom - top);
    };
    const things: Thing[] = [];
    const add = (at: Element, said: string, box: DOMRect): void => {
      if (!at.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || getComputedStyle(at).clipPath !== "none") return;
      const shown = seen(at, box);
      if (shown !== null) things.push({ at, said, layer: layerOf(at), box: shown });
    };
    for (const one of document.body.querySelectorAll("a[href], button, input, select, textarea, summary")) {
      const said = `${one.tagName.toLowerCase()} ${(one.ariaLabel ?? one.textContent).trim().slice(0, 30)}`;
      for (const box of one.getClientRects()) add(one, said, box);
    }
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
      const words = node.nodeValue!.trim();
      if (words === "" || node.parentElement!.closest("svg, option, script") !== null) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) add(node.parentElement!, `"${words.slice(0, 30)}"`, box);
    }
    const isOver = ({ box: a }: Thing, { box: b }: Thing): boolean =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
    const bad: string[] = [];
    for (const [place, one] of things.entries()) {
      for (const other of things.slice(place + 1)) {
        if (one.layer !== other.layer || one.at.contains(other.at) || other.at.contains(one.at)) continue;
        if (!isInField(one.at, other.at) && isOver(one, other)) bad.push(`${one.said} over ${other.said}`);
      }
    }
    return bad;
  });
}

/** The colours of a person who chose hers for every page: light on black here, which shows most. */
export async function forceColours(page: Page): Promise<void> {
  await page.emulateMedia({ forcedColors: "active", colorScheme: "dark", reducedMotion: "reduce" });
}
