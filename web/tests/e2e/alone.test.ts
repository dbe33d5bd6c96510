// Everything that a person does alone, in Chromium, on the built bundle and a real server.

import { readFile } from "node:fs/promises";

import type { Browser, Page } from "playwright-core";
import encodeQR from "qr";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { openWindow, signUp, startBrowser, type MadeVault } from "./window.ts";

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

test("what is in the trash can be put back, after a reload as well", async () => {
  await page.getByRole("button", { name: "More for Complete blood count" }).click();
  await page.getByRole("menuitem", { name: "Move to trash" }).click();
  await page.getByText("1 report", { exact: true }).waitFor();
  await page.goto(`${origin}/trash`);
  await unlock(PASSWORD);
  await page.getByRole("button", { name: "Put back: Complete blood count" }).click();
  await page.getByText("The trash is empty").waitFor();
  await place("Reports").click();
  await page.getByText("2 reports", { exact: true }).waitFor();
});

test("a wrong password opens nothing, and says so", async () => {
  await page.getByRole("button", { name: "Lock now" }).click();
  await tryPassword("not this one");
  await page.getByText("That password does not open this vault.").waitFor();
  await unlock(PASSWORD);
});

test("settings apply at once and outlive a reload", async () => {
  await place("Settings").click();
  await page.getByLabel("Language", { exact: true }).selectOption("de");
  await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
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

test("signing out everywhere ends the other device's session too", async () => {
  const other = await openWindow(browser, origin);
  await other.page.getByRole("link", { name: "Sign in" }).click();
  await other.page.getByLabel("Email").fill(email);
  await other.page.getByLabel("Password", { exact: true }).fill(nextPassword);
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await other.page.getByText("2 reports", { exact: true }).waitFor();

  await place("Security").click();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByText("You are signed out.").waitFor();

  await other.page.getByRole("link", { name: "Security" }).click();
  await other.page.getByText("This device was signed out").waitFor();
  await other.context.close();
});

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
  await page.getByText("2 reports", { exact: true }).waitFor();
});

test("in all of this the page broke no rule and asked nobody else", () => {
  // Chromium counts these among the page's errors: a refused password is an answer of 401, and leaving the page cuts
  // short the look for a newer service worker.
  const usual = /status of 401|An unknown error occurred when fetching the script/;
  expect(faults.filter((fault) => !usual.test(fault))).toEqual([]);
});
