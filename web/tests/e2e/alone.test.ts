// Everything that a person does alone, in Chromium, on the built bundle and a real server.

import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Browser, Locator, Page } from "playwright-core";
import encodeQR from "qr";
import { afterAll, beforeAll, expect, test } from "vitest";

import { tabTo } from "../screens/keys.ts";
import { PASSWORD, Server } from "../server/serving.ts";
import { keepKit, openWindow, report, signIn, signUp, startBrowser, type MadeVault } from "./window.ts";

const email = "mira@halvorsen.example";
const hostile = '<img src=x onerror="document.title=1">.html';
const nextPassword = `${PASSWORD} and one more word`;
const lastPassword = "seven magnet otter lantern plum";

let server: Server;
let browser: Browser;
let page: Page;
let faults: readonly string[];
let vault: MadeVault;
let origin: string;

// One story: each test goes on where the one before ended, as a person's day does.
beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), startBrowser()]);
  origin = server.origin.replace("127.0.0.1", "localhost");
  ({ page, faults } = await openWindow(browser, origin));
  vault = await signUp(page, { email, name: "Mira Halvorsen", password: PASSWORD });
});
afterAll(async () => {
  await browser.close();
  await server.remove();
});

async function add(...files: readonly { name: string; mimeType: string; text: string }[]): Promise<void> {
  const made = files.map(({ name, mimeType, text }) => ({ name, mimeType, buffer: Buffer.from(text) }));
  await page.locator("input[type=file][multiple]").first().setInputFiles(made);
}

/** Chooses a picture of a square that says `text`, as the printed page has one. */
async function choosePicture(text: string): Promise<void> {
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.getByText("Choose a picture", { exact: true }).click(),
  ]);
  const picture = Buffer.from(encodeQR(text, "gif", { scale: 6 }));
  await chooser.setFiles({ name: "square.gif", mimeType: "image/gif", buffer: picture });
}

async function tryPassword(password: string): Promise<void> {
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Open vault" }).click();
}

async function unlock(password: string): Promise<void> {
  await tryPassword(password);
  await page.locator(".rail").or(page.getByRole("alert")).first().waitFor();
  expect(await page.getByRole("alert").allInnerTexts()).toEqual([]);
}

const place = (name: string) => page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name });

test("a file whose name and content are a program is a name and text, and nothing runs", async () => {
  await add(
    { name: "Blood test.txt", mimeType: "text/plain", text: "Haemoglobin 132 g/L\n" },
    { name: hostile, mimeType: "text/html", text: "<script>document.title = 1</script>" },
  );
  await page.getByText("Saved. 1 copy checked.").nth(1).waitFor();
  await page.getByRole("link", { name: /^<img/ }).click();
  await page.getByText("<script>document.title = 1</script>").waitFor();
  expect(await page.title()).toBe("Reports · Hygieia");
  await page.keyboard.press("Escape");
});

test("the same file again is noticed, and not added twice", async () => {
  await add({ name: "Blood test copy.txt", mimeType: "text/plain", text: "Haemoglobin 132 g/L\n" });
  await page.getByText("The same file is in your vault already.", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Cancel Blood test copy.txt" }).click();
  await page.getByText("Cancelled. Nothing was added.", { exact: true }).waitFor();
  expect(await page.locator("tr[data-report]").count()).toBe(2);
  await page.getByRole("button", { name: "Clear the list" }).click();
});

test("a folder is added with all in it but what systems leave there", async () => {
  const folder = join(server.folder, "Old reports");
  mkdirSync(join(folder, "2019"), { recursive: true });
  for (const name of ["Discharge.txt", "2019/Ankle X-ray.txt", ".DS_Store"]) writeFileSync(join(folder, name), name);
  await page.locator("input[webkitdirectory]").first().setInputFiles(folder);
  await page.getByText("Saved. 1 copy checked.", { exact: true }).nth(1).waitFor();
  for (const title of ["Discharge", "2019/Ankle X-ray"]) await report(page, title).waitFor();
  expect(await page.locator("tr[data-report]").count()).toBe(4);
  await page.getByRole("button", { name: "Clear the list" }).click();
});

test("a picture is added by pasting it", async () => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  await page.evaluate(async () => {
    const picture = await new OffscreenCanvas(8, 8).getContext("2d")!.canvas.convertToBlob({ type: "image/png" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
  });
  await page.keyboard.press("Control+V");
  await page.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
  await page.getByText("5 reports", { exact: true }).waitFor();
  await report(page, "image").click();
  await page.getByRole("dialog").locator("canvas[width='8']").waitFor();
  await page.keyboard.press("Escape");
});

test("a report is renamed, and its versions tell of it", async () => {
  await page.getByRole("link", { name: "Blood test" }).first().click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("Title").fill("Complete blood count");
  await drawer.getByLabel("Kind of report").selectOption("lab");
  await drawer.getByRole("button", { name: "Save" }).click();
  await drawer.getByRole("heading", { name: "Complete blood count" }).waitFor();
  await drawer.getByRole("tab", { name: "Versions" }).click();
  await drawer.getByText("Title or kind changed, the version now").waitFor();
});

test("verifying says which server gave how many parts, and all that it checked", async () => {
  await page.getByRole("tab", { name: "Verify" }).click();
  await page.getByText("File and signature are right").waitFor();
  expect(await page.locator(".gw li").innerText()).toMatch(new RegExp(`${origin}\\s+\\d+ parts?`));
  for (const words of ["All parts are there", "The signature is right", "The file has not changed"]) {
    await page.getByText(words).waitFor();
  }
});

test("the download is the file, bit for bit, under its own name", async () => {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("dialog").getByRole("button", { name: "Download" }).click(),
  ]);
  expect(download.suggestedFilename()).toBe("Blood test.txt");
  expect(await readFile(await download.path(), "utf8")).toBe("Haemoglobin 132 g/L\n");
  await page.keyboard.press("Escape");
});

test("by keys alone, too, from the list to the whole file", async () => {
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await tabTo(page, "Complete blood count");
  await page.keyboard.press("Enter");
  await page.locator("[role=dialog] :focus").waitFor();
  await tabTo(page, "Download");
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  expect(download.suggestedFilename()).toBe("Blood test.txt");
  expect(await readFile(await download.path(), "utf8")).toBe("Haemoglobin 132 g/L\n");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("what is in the trash can be put back, after a reload as well", async () => {
  await page.getByRole("button", { name: "More for Complete blood count" }).click();
  await page.getByRole("menuitem", { name: "Move to trash" }).click();
  await page.getByText("4 reports", { exact: true }).waitFor();
  await page.goto(`${origin}/trash`);
  await unlock(PASSWORD);
  await page.getByRole("button", { name: "Put back: Complete blood count" }).click();
  await page.getByText("The trash is empty").waitFor();
  await place("Reports").click();
  await page.getByText("5 reports", { exact: true }).waitFor();
});

test("a wrong password opens nothing, and says so", async () => {
  await page.getByRole("button", { name: "Lock now" }).click();
  await tryPassword("not this one");
  await page.getByText("That password does not open this vault.").waitFor();
  await unlock(PASSWORD);
});

test("left alone it warns and stays if told to, else it locks by itself and nothing of it is on the page", async () => {
  await report(page, "Complete blood count").waitFor();
  const warning = page.locator("strong", { hasText: /^Your vault locks in \d+ seconds?\.$/ });
  await laterUntil(14, warning);
  await page.getByRole("button", { name: "Stay open" }).click();
  await warning.waitFor({ state: "detached" });
  await laterUntil(15, page.getByText("It locked by itself after a quiet time. Nothing is lost."));
  expect(await page.title()).toBe("Locked · Hygieia");
  expect(await page.locator("body").innerText()).not.toContain("blood");
  await page.reload(); // to the time that it is
  await unlock(PASSWORD);
});

/** So much later `shown` stands there; a sign of life that was still on its way has the quiet begin anew. */
async function laterUntil(minutes: number, shown: Locator): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    await laterBy(minutes);
    if (await shown.waitFor({ timeout: 15_000 }).then(() => true, () => false)) return;
  }
  throw new Error(`after ${minutes} quiet minutes not shown: ${String(shown)}`);
}

/** Puts the clock of the vault's worker so many minutes on and stops it there, as when the computer had slept. */
async function laterBy(minutes: number): Promise<void> {
  const worker = page.workers().find((each) => each.url().includes("/assets/worker-main"));
  await worker!.evaluate((milliseconds) => {
    const then = Date.now() + milliseconds;
    Date.now = () => then;
  }, minutes * 60_000);
}

/** Types into the search, and waits for the list to be that one report's. */
async function searchFinds(words: string, title: string): Promise<void> {
  await page.getByRole("searchbox").fill(words);
  await report(page, title).waitFor();
  await expect.poll(() => page.locator("tr[data-report]").count()).toBe(1);
}

test("settings apply at once, to the search as well, and outlive a reload", async () => {
  await searchFinds("lab results", "Complete blood count");
  await place("Settings").click();
  await page.getByLabel("Language", { exact: true }).selectOption("de");
  await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
  await page.getByRole("link", { name: "Berichte" }).first().click();
  await searchFinds("laborwerte", "Complete blood count");
  await page.getByRole("searchbox").fill("lab results");
  await report(page, "Complete blood count").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Einstellungen" }).first().click();
  await page.getByLabel("Dunkel").check();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.reload();
  await page.getByLabel("Passwort", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByLabel("Sprache", { exact: true }).selectOption("en");
  await page.getByRole("heading", { name: "Settings" }).waitFor();
});

test("the password changes, and the old one is refused", async () => {
  await place("Security").click();
  await page.getByLabel("Your password now").fill(PASSWORD);
  await page.getByLabel("New password").fill(nextPassword);
  await page.getByText(/^(?:Strong|Good)\.$/).waitFor();
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Your password is changed.").waitFor();
  await page.getByRole("button", { name: "Lock now" }).click();
  await tryPassword(PASSWORD);
  await page.getByText("That password does not open this vault.").waitFor();
  await unlock(nextPassword);
});

test("a new kit is printed, and opens the vault from then on", async () => {
  await place("Security").click();
  await page.getByRole("button", { name: "Make a new kit" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Your password now").fill(nextPassword);
  await dialog.getByRole("button", { name: "Make a new kit" }).click();
  await page.getByText("Now destroy the old one. With its code it still opens your vault, also what you add later.").waitFor();
  await page.getByRole("button", { name: "Print or save the kit first" }).waitFor();
  await page.evaluate(() => {
    window.print = () => document.body.setAttribute("data-printed", "");
  });
  await page.getByRole("button", { name: "Print", exact: true }).click();
  await page.getByText("Code printed").waitFor();
  await page.locator("body[data-printed]").waitFor();
  await onlyTheKitIsPrinted();
  const old = vault;
  vault = await keepKit(page, "file");
  expect(vault.code).not.toBe(old.code);
  await place("Security").waitFor();
});

/** What paper shows: the code, the square and how to go on without us, on one sheet, and nothing to press. */
async function onlyTheKitIsPrinted(): Promise<void> {
  await page.emulateMedia({ media: "print" });
  const whereTo = `open ${origin}/reset, choose your kit file, and type this code.`;
  for (const words of [`Vault of ${email} at ${origin}`, whereTo, "With the hygieia command, on any computer."]) {
    await page.getByText(words).waitFor();
  }
  expect(await page.locator(".kit-code .code").first().isVisible()).toBe(true);
  expect(await page.getByRole("img", { name: "QR picture of your recovery code" }).isVisible()).toBe(true);
  expect(await page.getByRole("button").count()).toBe(0);
  const pages = (await page.pdf({ format: "A4" })).toString("latin1").match(/\/Type \/Page\b/g);
  expect(pages).toHaveLength(1);
  await page.emulateMedia({ media: null });
}

test("another device is signed out by itself, and signing out everywhere ends all sessions", async () => {
  const other = await openWindow(browser, origin);
  await signIn(other.page, email, nextPassword);
  await other.page.getByText("5 reports", { exact: true }).waitFor();

  await place("Reports").click();
  await place("Security").click();
  await page.getByRole("button", { name: /^Sign out: / }).click();
  await page.getByText("That device is signed out").waitFor();
  await isSignedOutAt(other.page, "Security");
  await other.page.getByLabel("Password", { exact: true }).fill(nextPassword);
  await other.page.getByRole("button", { name: "Open vault" }).click();
  await other.page.getByRole("heading", { name: "Where you are signed in" }).waitFor();

  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByText("You are signed out.").waitFor();

  await isSignedOutAt(other.page, "Reports", "Security");
  await other.context.close();
});

/** A page that asks the server for something learns it: for a place that is opened, if not before. */
async function isSignedOutAt(at: Page, ...places: string[]): Promise<void> {
  const words = at.getByText("This device was signed out");
  for (const name of places) {
    await Promise.race([at.getByRole("link", { name }).first().click(), words.waitFor()]);
  }
  await words.waitFor();
}

test("the printed square gives the code, and another square does not", async () => {
  await page.goto(`${origin}/reset`);
  await page.getByRole("button", { name: "Scan the printed square" }).click();
  await choosePicture("https://hygieia.example/");
  await page.getByText("That square holds something else.").waitFor();
  await page.getByRole("button", { name: "Scan the printed square" }).click();
  await choosePicture(vault.code);
  await page.waitForFunction(
    (code) => document.querySelector<HTMLInputElement>("input[name=recovery-code]")?.value === code,
    vault.code,
  );
});

test("kit file and code, typed in any fashion, set a new password", async () => {
  await page.goto(`${origin}/reset`);
  await page.locator("input[type=file]").setInputFiles(vault.kitFile);
  await page.getByLabel("Recovery code").fill(vault.code.toLowerCase().replaceAll("-", "  "));
  await page.getByLabel("New password").fill(lastPassword);
  await page.getByText(/^(?:Strong|Good)\.$/).waitFor();
  await page.getByRole("button", { name: "Set the new password" }).click();
  await page.getByText("5 reports", { exact: true }).waitFor();
});

test("in all of this the page broke no rule and asked nobody else", () => {
  // Chromium counts it among the page's errors that a refused password is an answer of 401.
  const usual = /status of 401/;
  expect(faults.filter((fault) => !usual.test(fault))).toEqual([]);
});
