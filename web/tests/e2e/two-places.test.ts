// One vault in two tabs, in two browsers and on the command line, in turn and at once: each sees what the others did, and
// no change of the index is lost. And a vault that is full.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { writeFileSync } from "node:fs";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { choose, openVault, openWindow, report, signIn, signUp, startBrowser, type Window } from "./window.ts";

const email = "mira@halvorsen.example";

let server: Server;
let browser: Browser;
let first: Window;
let second: Window;
let shell: (...args: string[]) => string;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start({ HYGIEIA_QUOTA_BYTES: "8MiB" }), startBrowser()]);
  const origin = server.origin.replace("127.0.0.1", "localhost");
  [first, second] = await Promise.all([openWindow(browser, origin), openWindow(browser, origin)]);
  await signUp(first.page, { email, name: "Mira Halvorsen", password: PASSWORD });
  await signIn(second.page, email, PASSWORD);
  await second.page.getByRole("heading", { name: "Reports" }).waitFor();
  shell = server.person("cli");
  shell("login", email);
});
afterAll(async () => {
  await browser.close();
  await server.remove();
});

async function add(page: Page, title: string): Promise<void> {
  await choose(page, { name: `${title}.txt`, content: `${title}\n` });
  await report(page, title).waitFor();
}

async function rename(page: Page, from: string, to: string): Promise<void> {
  await page.getByRole("button", { name: `More for ${from}`, exact: true }).click();
  await page.getByRole("menuitem", { name: "Rename or change kind" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Title").fill(to);
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
}

/** The list as somebody sees it who comes in anew. */
async function titlesIn(page: Page): Promise<string[]> {
  await page.goto(new URL("/reports", page.url()).href);
  await openVault(page, PASSWORD);
  await page.locator("tr[data-report]").first().waitFor();
  return (await page.locator("tr[data-report] a.row-title").allInnerTexts()).sort();
}

function titlesOnTheCommandLine(): string[] {
  const { reports } = JSON.parse(shell("--json", "ls")) as { reports: { title: string }[] };
  return reports.map(({ title }) => title).sort();
}

/** Stores a file from the command line without standing in the browsers' way. */
function putAtOnce(title: string): Promise<void> {
  const path = join(server.folder, `${title}.txt`);
  writeFileSync(path, `${title}\n`);
  return new Promise((resolve, reject) => {
    execFile(...server.command("cli", "put", path), (error) => (error === null ? resolve() : reject(error)));
  });
}

test("what is stored in one browser is read in the other and on the command line, and the reverse", async () => {
  await add(first.page, "One");
  await add(second.page, "Two");
  await putAtOnce("Three");
  const all = ["One", "Three", "Two"];
  expect(titlesOnTheCommandLine()).toEqual(all);
  expect(await titlesIn(first.page)).toEqual(all);
  expect(await titlesIn(second.page)).toEqual(all);
});

test("two browsers and the command line at once lose nothing of each other's", async () => {
  await Promise.all([
    rename(first.page, "One", "Uno"),
    rename(second.page, "Two", "Duo"),
    putAtOnce("Four"),
    choose(first.page, { name: "Five.txt", content: "Five\n" }),
    choose(second.page, { name: "Six.txt", content: "Six\n" }, { name: "Seven.txt", content: "Seven\n" }),
  ]);
  await Promise.all([report(first.page, "Five").waitFor(), report(second.page, "Seven").waitFor()]);
  await Promise.all([report(first.page, "Uno").waitFor(), report(second.page, "Duo").waitFor()]);
  const all = ["Duo", "Five", "Four", "Seven", "Six", "Three", "Uno"];
  expect(titlesOnTheCommandLine()).toEqual(all);
  expect(await titlesIn(first.page)).toEqual(all);
  expect(await titlesIn(second.page)).toEqual(all);
});

test("two tabs of one browser work on one vault, and signing out in one closes the other", async () => {
  const tab = await first.context.newPage();
  await tab.goto(new URL("/reports", first.page.url()).href);
  await openVault(tab, PASSWORD);
  await report(tab, "Uno").waitFor();
  await Promise.all([add(tab, "From the second tab"), add(first.page, "From the first tab")]);
  const all = titlesOnTheCommandLine();
  expect(all).toContain("From the second tab");
  expect(all).toContain("From the first tab");
  expect(await titlesIn(tab)).toEqual(all);

  await tab.getByRole("link", { name: "Security" }).click();
  await tab.getByRole("button", { name: "Sign out", exact: true }).click();
  await tab.getByText("You are signed out.").waitFor();
  await first.page.getByRole("link", { name: "Security" }).click();
  await first.page.getByText(/signed out/).first().waitFor();
  expect(await first.page.locator("body").innerText()).not.toContain("Uno");
  await tab.close();
});

test("a vault that is full says so, keeps what it has, and takes a smaller file", async () => {
  const { page } = second;
  await choose(page, { name: "Too much.bin", mimeType: "application/octet-stream", content: Buffer.alloc(9 << 20, 7) });
  await page.getByText("Your space on this server is full. Nothing was lost. Delete something for good, or ask for more.").first().waitFor();
  await add(page, "Small enough");
  expect(titlesOnTheCommandLine()).toContain("Small enough");
  expect(titlesOnTheCommandLine()).not.toContain("Too much");
});

test("what a failed or cancelled upload had sent takes no more room", async () => {
  const { page } = second;
  const name = "Half of it.bin";
  await choose(page, { name, mimeType: "application/octet-stream", content: Buffer.alloc(6 << 20, "half") });
  await report(page, "Half of it").waitFor();
  expect(titlesOnTheCommandLine()).toContain("Half of it");
});

test("in all of this the pages broke no rule and asked nobody else", () => {
  const usual = /status of (?:401|409|412|507)/;
  expect([...first.faults, ...second.faults].filter((fault) => !usual.test(fault))).toEqual([]);
});
