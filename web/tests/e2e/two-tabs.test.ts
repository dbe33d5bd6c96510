// Two tabs of one browser and their uploads: each upload is one tab's at a time, goes on in the other when that one ends,
// however it ends, and is in the vault once.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { PASSWORD, type Server } from "../server/serving.ts";
import { Middle } from "./middle.ts";
import { choose, drop, openTab, openVault, openWindow, report, signUp, startBrowser, type Window } from "./window.ts";

const email = "mira@halvorsen.example";
const saved = "Saved. 1 copy checked.";
const elsewhere = "In the hands of another tab of this browser. Go on there, or close that tab.";
const stopped = "Stopped. Choose the same file to go on.";
const SIZE = 3_000_000;

let server: Server;
let middle: Middle;
let browser: Browser;
let shown: Window;
let first: Page;
let second: Page;
let shell: (...args: string[]) => string;

beforeAll(async () => {
  [[middle, server], browser] = await Promise.all([Middle.start(), startBrowser()]);
  shown = await openWindow(browser, middle.origin);
  await signUp(shown.page, { email, name: "Mira Halvorsen", password: PASSWORD });
  shell = server.person("cli");
  shell("login", email);
});
afterAll(async () => {
  await browser.close();
  await middle.stop();
  await server.remove();
});
beforeEach(async () => {
  middle.meddle = () => "pass";
  middle.asked.length = 0;
  first = await openedTab();
});
afterEach(async () => {
  middle.meddle = () => "pass";
  await Promise.all([first, second].map((page) => page.close()));
});

/** A tab with the vault open in it. */
async function openedTab(): Promise<Page> {
  const page = await openTab(shown);
  await page.goto(new URL("/reports", middle.origin).href);
  await openVault(page, PASSWORD);
  await page.getByRole("heading", { name: "Reports", exact: true }).waitFor();
  return page;
}

/** A file longer than those that are sent in one go, unlike any other. */
function fileOf(title: string) {
  return { name: `${title}.bin`, mimeType: "application/octet-stream", content: Buffer.alloc(SIZE, title) };
}

/** The first tab sends what `start` gives it and hears no answer until `letGo`; the second is opened meanwhile. */
async function openedMeanwhile(start: (page: Page) => Promise<void>): Promise<{ letGo: () => void }> {
  let letGo!: () => void;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let isHeld = false;
  middle.meddle = ({ path }) => {
    if (isHeld || !path.endsWith("/blocks")) return "pass";
    isHeld = true;
    return async (given) => {
      await held;
      return given;
    };
  };
  await start(first);
  await expect.poll(() => isHeld).toBe(true);
  second = await openedTab();
  await second.getByText(elsewhere, { exact: true }).waitFor();
  return { letGo };
}

/** How many uploads carried the octets of a file: the blocks of an index are far less. */
function filesSent(): number {
  const big = middle.asked.filter(({ path, bytes }) => path.endsWith("/blocks") && bytes > SIZE / 2);
  return new Set(big.map(({ path }) => path)).size;
}

/** It is in the vault once, whole. */
function isStoredOnce({ name, content }: { name: string; content: Buffer }): void {
  const { reports } = JSON.parse(shell("--json", "ls")) as { reports: { id: string; title: string }[] };
  const [only, ...more] = reports.filter(({ title }) => `${title}.bin` === name);
  expect(more).toEqual([]);
  expect(Buffer.from(shell("cat", only!.id), "latin1").equals(content)).toBe(true);
}

test("files given to both tabs at once are all stored, and each once", async () => {
  second = await openedTab();
  const files = ["Ankle", "Back", "Chest", "Elbow"].map(fileOf);
  await Promise.all([choose(first, ...files.slice(0, 2)), choose(second, ...files.slice(2))]);
  await Promise.all([first, second].map((page) => page.getByText(saved, { exact: true }).nth(1).waitFor()));
  files.forEach(isStoredOnce);
  expect(filesSent()).toBe(files.length);
});

test("a second tab leaves to the first one what that sends, and shows it saved once it is", async () => {
  const file = fileOf("Hip");
  const { letGo } = await openedMeanwhile((page) => choose(page, file));
  expect(await second.getByRole("button", { name: `Cancel ${file.name}` }).count()).toBe(0);
  letGo();
  await Promise.all([first, second].map((page) => page.getByText(saved, { exact: true }).waitFor()));
  await report(second, "Hip").waitFor();
  isStoredOnce(file);
  expect(filesSent()).toBe(1);
});

test("an upload whose tab is closed goes on in the other one, which wants the file", async () => {
  const file = fileOf("Jaw");
  const { letGo } = await openedMeanwhile((page) => choose(page, file));
  await first.close();
  await second.getByText(stopped, { exact: true }).waitFor();
  letGo();
  await choose(second, file);
  await second.getByText(saved, { exact: true }).waitFor();
  isStoredOnce(file);
  expect(filesSent()).toBe(1);
});

test("an upload whose tab is closed goes on by itself in the other one that may still read the file", async () => {
  const file = { name: "Knee.bin", content: Buffer.alloc(SIZE) };
  await openedMeanwhile((page) => drop(page, file.name, SIZE));
  await first.close();
  await second.getByText(saved, { exact: true }).waitFor();
  isStoredOnce(file);
  expect(filesSent()).toBe(1);
});

test("a vault that is locked in one tab stays open in the other, where the upload goes on", async () => {
  const file = fileOf("Lung");
  const { letGo } = await openedMeanwhile((page) => choose(page, file));
  await first.getByRole("button", { name: "Lock now" }).click();
  await first.getByRole("heading", { name: "Welcome back" }).waitFor();
  await second.getByText(stopped, { exact: true }).waitFor();
  letGo();
  await choose(second, file);
  await second.getByText(saved, { exact: true }).waitFor();
  // Who comes back to the first tab finds it stored, and nothing left to do.
  await openVault(first, PASSWORD);
  await report(first, "Lung").waitFor();
  expect(await first.locator(".up-name").count()).toBe(0);
  isStoredOnce(file);
  expect(filesSent()).toBe(1);
});

test("in all of this the pages broke no rule and asked nobody else", () => {
  expect(shown.faults.filter((fault) => !/net::ERR_/.test(fault))).toEqual([]);
});
