/** Chromium as a person has it, with everything that the policies of page and workers or its console complain about. */
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from "playwright-core";
import { expect } from "vitest";

import { hearBrokenRules } from "./broken-rules.ts";

const CHROMIUM = process.env["HYGIEIA_TEST_CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** What an upload says that waits for the network; what stands there of it is safe only where something was sent. */
export const connectionLost = /^Connection lost\. (?:.* is safe|Not added yet: keep this page open)\.$/;

export function startBrowser(...flags: readonly string[]): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags], headless: true });
}

export interface Window {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What went wrong in it: errors, what a policy stopped in page or worker, requests to anyone else. */
  readonly faults: string[];
}

const OPTIONS = { acceptDownloads: true, locale: "en-GB" };

/** A window of its own, as a private one is: nothing of it touches the disk. */
export async function openWindow(browser: Browser, origin: string): Promise<Window> {
  return watch(await browser.newContext(OPTIONS), origin);
}

/** A browser of its own that keeps what it has in `folder`, as most people's do. */
export async function openProfile(folder: string, origin: string): Promise<Window> {
  const options = { ...OPTIONS, executablePath: CHROMIUM, args: FLAGS, headless: true };
  return watch(await chromium.launchPersistentContext(folder, options), origin);
}

async function watch(context: BrowserContext, origin: string): Promise<Window> {
  // Two noisy cores: what hangs fails all the same.
  context.setDefaultTimeout(90_000);
  const faults: string[] = [];
  context.on("request", (request) => {
    const url = request.url();
    const isOwn = url.startsWith(origin) || url.startsWith("blob:") || url.startsWith("data:");
    if (!isOwn) faults.push(`asked ${url}`);
  });
  const page = await openTab({ context, faults });
  await page.goto(origin);
  return { context, page, faults };
}

/** Chromium's word for a look at a newer service worker that leaving the page cut short. */
const LEFT = /An unknown error occurred when fetching the script/;

/** One more tab of a window, watched as its first is; it shows nothing yet. */
export async function openTab({ context, faults }: Pick<Window, "context" | "faults">): Promise<Page> {
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(`${error.name}: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !LEFT.test(message.text())) faults.push(message.text());
  });
  await hearBrokenRules(context, page, (words) => faults.push(words));
  return page;
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
  const made = await keepKit(page);
  await page.getByRole("heading", { name: "Reports" }).waitFor();
  return made;
}

/** Saves the kit that the page shows, and proves that it is in hand: by groups of its code, or by the file. */
export async function keepKit(page: Page, proof: "groups" | "file" = "groups"): Promise<MadeVault> {
  await page.getByRole("heading", { name: "Save your recovery kit now" }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save kit file" }).click(),
  ]);
  const kitFile = await download.path();
  await page.getByRole("button", { name: "Copy the code" }).waitFor();
  const code = await codeOn(page);
  if (proof === "groups") await typeGroups(page, code.split("-"));
  else await page.locator("input[type=file][accept*=json]").setInputFiles(kitFile);
  return { code, kitFile };
}

async function typeGroups(page: Page, groups: readonly string[]): Promise<void> {
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const field = page.getByRole("textbox", { name: `Group ${number}` });
    if ((await field.count()) > 0) await field.fill(groups[number - 1]!);
  }
  await page.getByRole("button", { name: "Open my vault" }).click();
}

/** The code as the page shows it. */
async function codeOn(page: Page): Promise<string> {
  const groups = await page.getByRole("list", { name: /^Recovery code/ }).locator(".code").allInnerTexts();
  expect(groups).toHaveLength(8);
  return groups.join("-");
}

export interface Picked {
  readonly name: string;
  readonly mimeType?: string;
  readonly content: string | Buffer;
}

/** Adds files as somebody does who chooses them. */
export async function choose(page: Page, ...files: readonly Picked[]): Promise<void> {
  const made = files.map(({ name, mimeType, content }) => ({
    name,
    mimeType: mimeType ?? "text/plain",
    buffer: Buffer.from(content),
  }));
  await page.locator("input[type=file][multiple]").first().setInputFiles(made);
}

/** Drops a file of `bytes` zeros that lies where the page may read it again: in its own file system. */
export async function drop(page: Page, name: string, bytes: number): Promise<void> {
  await page.evaluate(
    async ([fileName, size]) => {
      const folder = await navigator.storage.getDirectory();
      const handle = await folder.getFileHandle(fileName, { create: true });
      const writable = await handle.createWritable();
      await writable.write(new Uint8Array(size));
      await writable.close();
      // A dropped file's handle comes from the desktop, which a test has not.
      Object.assign(DataTransferItem.prototype, { getAsFileSystemHandle: () => Promise.resolve(handle) });
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(await handle.getFile());
      for (const type of ["dragenter", "dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      }
    },
    [name, bytes] as const,
  );
}

/** The link of a report in the list. */
export function report(page: Page, title: string): Locator {
  return page.getByRole("link", { name: title, exact: true });
}

/** Opens the vault on the page that asks for its password; `password` is typed as it is. */
export async function openVault(page: Page, password: string): Promise<void> {
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Open vault" }).click();
}

export async function signIn(page: Page, email: string, password: string): Promise<void> {
  await page.goto(new URL("/sign-in", page.url()).href);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}
