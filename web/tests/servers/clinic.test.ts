// The six main flows in Chromium, on a server whose documents are in MongoDB and whose blocks are in Kubo; and what the
// page has written opened by Python, and by four programs of Debian's with nothing of ours.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { choose, openVault, openWindow, report, signUp, startBrowser, type MadeVault, type Window } from "../e2e/window.ts";
import { PASSWORD, Server } from "../server/serving.ts";
import { openByHand, Stores } from "./stores.ts";

const email = "mira@halvorsen.example";
const nextPassword = "seven magnet otter lantern plum";
const scan = Buffer.alloc(3_000_000, "a leaf and another ");
const blood = "Haemoglobin 132 g/L\n";
const letter = "Dear Mira\n";

let stores: Stores;
let server: Server;
let browser: Browser;
let shown: Window;
let page: Page;
let vault: MadeVault;

// One story: each test goes on where the one before ended.
beforeAll(async () => {
  [stores, browser] = await Promise.all([Stores.start(), startBrowser()]);
  server = await Server.start(stores.settings);
  shown = await openWindow(browser, server.origin.replace("127.0.0.1", "localhost"));
  page = shown.page;
});
afterAll(async () => {
  await browser.close();
  await server.remove();
  await stores.end();
});

test("signing up makes a vault whose kit is proven", async () => {
  vault = await signUp(page, { email, name: "Mira Halvorsen", password: PASSWORD });
});

test("files are stored, and saved means read back", async () => {
  await choose(page, { name: "Blood test.txt", content: blood }, { name: "Scan.bin", mimeType: "application/octet-stream", content: scan });
  await page.getByText("Saved. 1 copy checked.", { exact: true }).nth(1).waitFor();
  await report(page, "Scan").waitFor();
});

test("a report is shown, and its download is the file", async () => {
  await report(page, "Blood test").click();
  await page.getByRole("dialog").getByText(blood.trim()).waitFor();
  await page.keyboard.press("Escape");
  await report(page, "Scan").click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("dialog").getByRole("button", { name: "Download" }).click(),
  ]);
  expect(readFileSync(await download.path()).equals(scan)).toBe(true);
  await page.keyboard.press("Escape");
});

test("a report is renamed and gets new content, and its versions tell of both", async () => {
  await report(page, "Blood test").click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("Title").fill("Blood count");
  await drawer.getByRole("button", { name: "Save" }).click();
  await drawer.getByRole("heading", { name: "Blood count" }).waitFor();
  const again = { name: "Blood test.txt", mimeType: "text/plain", buffer: Buffer.from(`${blood}Again\n`) };
  await drawer.locator("input[type=file]").setInputFiles([again]);
  await page.getByText("Saved. 1 copy checked.", { exact: true }).nth(2).waitFor();
  await drawer.getByRole("tab", { name: "Versions" }).click();
  await drawer.locator(".version-rows > li").nth(2).waitFor();
  await page.keyboard.press("Escape");
});

test("a report goes to the trash and comes back", async () => {
  await page.getByRole("button", { name: "More for Scan", exact: true }).click();
  await page.getByRole("menuitem", { name: "Move to trash" }).click();
  await page.getByText("1 report", { exact: true }).waitFor();
  await page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name: "Trash" }).click();
  await page.getByRole("button", { name: "Put back: Scan" }).click();
  await page.getByText("The trash is empty").waitFor();
});

test("Python reads what the page wrote, and the page what Python wrote", async () => {
  const shell = server.person("cli");
  shell("login", email);
  const { reports } = JSON.parse(shell("--json", "ls")) as { reports: { id: string; title: string }[] };
  expect(reports.map(({ title }) => title).sort()).toEqual(["Blood count", "Scan"]);
  const { id } = reports.find(({ title }) => title === "Scan")!;
  expect(Buffer.from(shell("cat", id), "latin1").equals(scan)).toBe(true);
  const path = join(server.folder, "letter.txt");
  writeFileSync(path, letter);
  shell("put", path);
  await page.goto(new URL("/reports", page.url()).href);
  await openVault(page, PASSWORD);
  await report(page, "letter").click();
  await page.getByRole("dialog").getByText(letter.trim()).waitFor();
  await page.keyboard.press("Escape");
});

test("sq, curl, jq and argon2 open what the page wrote, with its kit and nothing of ours", () => {
  const opened = openByHand({ kit: readFileSync(vault.kitFile), password: PASSWORD, gateway: server.origin });
  const digest = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
  expect(opened).toEqual([digest(`${blood}Again\n`), digest(scan), digest(letter)].sort());
});

test("kit file and code set a new password, and all is there", async () => {
  await page.goto(new URL("/reset", page.url()).href);
  await page.locator("input[type=file]").setInputFiles(vault.kitFile);
  await page.getByLabel("Recovery code").fill(vault.code);
  await page.getByLabel("New password").fill(nextPassword);
  await page.getByText(/^(?:Strong|Good)\.$/).waitFor();
  await page.getByRole("button", { name: "Set the new password" }).click();
  await page.getByText("3 reports", { exact: true }).waitFor();
});

test("in all of this the page broke no rule and asked nobody else", () => {
  const usual = /status of 401/;
  expect(shown.faults.filter((fault) => !usual.test(fault))).toEqual([]);
});
