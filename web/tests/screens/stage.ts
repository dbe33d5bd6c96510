// A browser that shows scenes, and watches that the page breaks no rule meanwhile.

import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll, inject } from "vitest";

import { hearBrokenRules } from "../e2e/broken-rules.ts";
import type { Scene } from "./app/scene.ts";
import { sceneOf } from "./app/scenes.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

export interface Size {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly isPhone: boolean;
}

export const desktop: Size = { name: "desktop", width: 1280, height: 800, isPhone: false };
export const phone: Size = { name: "phone", width: 390, height: 844, isPhone: true };

/** The app in a browser of its own, with one window of each size that is asked for. */
export class Stage {
  readonly origin = inject("origin");
  private browser: Browser | undefined;
  private readonly windows = new Map<Size, Promise<BrowserContext>>();

  async start(settings: readonly string[]): Promise<void> {
    const args = [...flags, ...settings];
    this.browser = await chromium.launch({ executablePath, args });
  }

  async close(): Promise<void> {
    await this.browser?.close();
  }

  /** Show a scene in a new page, and do what a person does in it. */
  async show(scene: Scene | string, size: Size = desktop): Promise<Shown> {
    const window = this.windows.get(size) ?? openWindow(this.browser!, size);
    this.windows.set(size, window);
    return show(await window, this.origin, typeof scene === "string" ? sceneOf(scene) : scene);
  }

  /** The page alone, where faults are another test's matter. */
  async open(name: string, size: Size = desktop): Promise<Page> {
    const { page } = await this.show(name, size);
    return page;
  }
}

/** A stage for all tests of this file or block. `settings` are the browser's own, as a person sets them. */
export function useStage(settings: readonly string[] = []): Stage {
  const stage = new Stage();
  beforeAll(() => stage.start(settings));
  afterAll(() => stage.close());
  return stage;
}

/** A window of the given size, as a person with no settings of her own has it, but without motion. */
function openWindow(browser: Browser, size: Size): Promise<BrowserContext> {
  return browser.newContext({
    viewport: { width: size.width, height: size.height },
    reducedMotion: "reduce",
    hasTouch: size.isPhone,
    isMobile: size.isPhone,
    locale: "en-GB",
    timezoneId: "UTC",
    permissions: ["clipboard-read", "clipboard-write"],
  });
}

export interface Shown {
  readonly page: Page;
  /** Broken rules of the page's policy, scripts that failed, requests to other origins. */
  readonly faults: readonly string[];
}

async function show(context: BrowserContext, origin: string, scene: Scene): Promise<Shown> {
  const page = await context.newPage();
  const faults = await watch(page, origin);
  await page.goto(`${origin}/?${new URLSearchParams({ scene: scene.name }).toString()}`);
  await page.locator("h1, h2").first().waitFor({ state: "attached" });
  await scene.act?.(page);
  await page.evaluate(() => document.fonts.ready);
  return { page, faults };
}

/** Turn the page to a theme, and wait until every colour has arrived. */
export async function turnTo(page: Page, colorScheme: "light" | "dark"): Promise<void> {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await page.waitForFunction((wanted) => getComputedStyle(document.documentElement).colorScheme === wanted, colorScheme, { polling: 50 });
  await page.evaluate(async () => {
    const turning = () => document.getAnimations().filter((one) => one instanceof CSSTransition);
    do {
      // The end of one transition of a colour can begin that of what inherits it.
      await Promise.allSettled(turning().map((one) => one.finished));
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    } while (turning().length > 0);
  });
}

async function watch(page: Page, origin: string): Promise<string[]> {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("blob:")) faults.push(`request: ${url}`);
  });
  await hearBrokenRules(page.context(), page, (words) => faults.push(`worker: ${words}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  return faults;
}
