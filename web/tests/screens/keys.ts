// A person who has a keyboard and no mouse.

import type { Page } from "playwright-core";
import { expect } from "vitest";

/** What has the focus, by its name to a screen reader or its words. */
export function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const at = document.activeElement;
    if (!(at instanceof HTMLElement)) return "";
    const label = at.id === "" ? null : document.querySelector(`label[for="${at.id}"]`);
    return (at.getAttribute("aria-label") ?? label?.textContent ?? at.closest("label")?.textContent ?? at.textContent).trim();
  });
}

/** Press Tab until `name` has the focus. A page where that takes fifty steps is one that a keyboard cannot use. */
export async function tabTo(page: Page, name: string | RegExp, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
  const passed: string[] = [];
  for (let step = 0; step < 50; step += 1) {
    await page.keyboard.press(key);
    const at = await focused(page);
    if (typeof name === "string" ? at === name : name.test(at)) return;
    passed.push(at);
  }
  throw new Error(`${String(name)} is out of reach; passed ${passed.join(" | ")}`);
}

/** Wait until what has the focus is named so: a dialog takes it a moment after it is drawn. */
export async function focusOn(page: Page, name: string | RegExp): Promise<void> {
  const focus = expect.poll(() => focused(page));
  if (typeof name === "string") await focus.toBe(name);
  else await focus.toMatch(name);
}

/** Go to `name` by Tab, and press a key there. */
export async function press(page: Page, name: string | RegExp, key: "Enter" | "Space" = "Enter"): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press(key);
}
