/** Chromium as a person has it, with everything that the page's policy or console complains about. */
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { expect } from "vitest";

const CHROMIUM = process.env["HYGIEIA_TEST_CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS, headless: true });
}

export interface Window {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What went wrong in it: errors, refused scripts, requests to anyone else. */
  readonly faults: string[];
}

export async function openWindow(browser: Browser, origin: string): Promise<Window> {
  const context = await browser.newContext({ acceptDownloads: true, locale: "en-GB" });
  // Two noisy cores: what hangs fails all the same.
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const faults: string[] = [];
  context.on("request", (request) => {
    const url = request.url();
    const isOwn = url.startsWith(origin) || url.startsWith("blob:") || url.startsWith("data:");
    if (!isOwn) faults.push(`asked ${url}`);
  });
  page.on("pageerror", (error) => faults.push(`${error.name}: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  await page.goto(origin);
  return { context, page, faults };
}

export interface MadeVault {
  readonly code: string;
  readonly kitFile: string;
}

/** Signs up and proves the kit, as the screens lead. */
export async function signUp(page: Page, person: { email: string; name: string; password: string }): Promise<MadeVault> {
  await page.getByLabel("Your name").fill(person.name);
  await page.getByLabel("Email").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  await page.getByText("Strong.").waitFor();
  await page.getByRole("checkbox", { name: /I understand/ }).check();
  await page.getByRole("button", { name: "Make my keys" }).click();
  await page.getByRole("heading", { name: "Save your recovery kit now" }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save kit file" }).click(),
  ]);
  const kitFile = await download.path();
  await page.getByRole("button", { name: "Copy the code" }).waitFor();
  const code = await codeOn(page);
  const groups = code.split("-");
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const field = page.getByRole("textbox", { name: `Group ${number}` });
    if ((await field.count()) > 0) await field.fill(groups[number - 1]!);
  }
  await page.getByRole("button", { name: "Open my vault" }).click();
  await page.getByRole("heading", { name: "Reports" }).waitFor();
  return { code, kitFile };
}

/** The code as the page shows it. */
async function codeOn(page: Page): Promise<string> {
  const groups = await page.getByRole("list", { name: /^Recovery code/ }).locator(".code").allInnerTexts();
  expect(groups).toHaveLength(8);
  return groups.join("-");
}
