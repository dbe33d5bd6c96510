// A person who has a keyboard and no mouse.

import type { Page } from "playwright-core";

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
