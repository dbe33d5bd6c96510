// A browser that shows scenes, and watches that the page breaks no rule meanwhile.

import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

import type { Scene } from "./app/scenes.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

export interface Look {
  readonly theme: "light" | "dark";
  readonly width: number;
  readonly height: number;
  readonly isPhone: boolean;
}

export const desktop = { width: 1280, height: 800, isPhone: false } as const;
export const phone = { width: 390, height: 844, isPhone: true } as const;

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args: flags });
}

export interface Shown {
  readonly page: Page;
  /** Broken rules of the page's policy, scripts that failed, requests to other origins. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

/** Show `scene` and do what a person does in it. */
export async function show(
  browser: Browser,
  origin: string,
  scene: Scene,
  look: Look,
  options: { dir?: "rtl"; language?: string; forcedColors?: "active" } = {},
): Promise<Shown> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.theme,
    reducedMotion: "reduce",
    forcedColors: options.forcedColors ?? "none",
    hasTouch: look.isPhone,
    isMobile: look.isPhone,
    locale: "en-GB",
    timezoneId: "UTC",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  const faults = await watch(context, page, origin);
  const query = new URLSearchParams({
    scene: scene.name,
    ...(options.dir !== undefined && { dir: options.dir }),
    ...(options.language !== undefined && { language: options.language }),
  });
  await page.goto(`${origin}/?${query.toString()}`);
  await page.locator("h1, h2").first().waitFor({ state: "attached" });
  await scene.act?.(page);
  await page.evaluate(() => document.fonts.ready);
  return { page, faults, close: () => context.close() };
}

async function watch(context: BrowserContext, page: Page, origin: string): Promise<string[]> {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("blob:") && !url.startsWith("data:")) faults.push(`request: ${url}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  return faults;
}
