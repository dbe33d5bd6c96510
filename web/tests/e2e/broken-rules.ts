/** What the workers of a page do against their policies, which Chromium tells its developer tools alone. */
import type { BrowserContext, Page } from "playwright-core";

/** Chromium's words where a policy or Trusted Types stopped something. What the network refused is no broken rule. */
const BROKEN = /Content Security Policy|This document requires 'Trusted|The action has been blocked/;

/**
 * Calls `told` for each rule that a worker of `page` breaks, those that workers started included, and for each that a
 * service worker does. Playwright keeps a worker's messages to itself unless its script wrote them.
 */
export async function hearBrokenRules(context: BrowserContext, page: Page, told: (words: string) => void): Promise<void> {
  const tools = await context.newCDPSession(page);
  const hear = (words: string): void => {
    if (BROKEN.test(words)) told(words);
  };
  tools.on("Log.entryAdded", ({ entry }) => {
    if (entry.source === "worker") hear(entry.text);
  });
  tools.on("ServiceWorker.workerErrorReported", ({ errorMessage }) => hear(errorMessage.errorMessage));
  await Promise.all([tools.send("Log.enable"), tools.send("ServiceWorker.enable")]);
}
