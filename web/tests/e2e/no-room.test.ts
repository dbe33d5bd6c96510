// What the server takes no more of, in the words of the page: files once its disk is full, and guesses at a password.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { choose, openWindow, report, signIn, signUp, startBrowser, type Window } from "./window.ts";

const email = "mira@halvorsen.example";
const diskFull = "The server has no space left. Nothing was lost. Try again later.";

let disk: string;
let server: Server;
let browser: Browser;
let shown: Window;
let origin: string;

beforeAll(() => {
  disk = mkdtempSync(join(tmpdir(), "hygieia-disk-"));
  // A file system that is really full: little more than what a store keeps free. It is mounted, which needs root.
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=70m,mode=700", "tmpfs", disk]);
});
afterAll(() => {
  execFileSync("umount", ["-l", disk]);
  rmSync(disk, { recursive: true });
});

beforeAll(async () => {
  const settings = {
    HYGIEIA_BLOCKS: `directory:${join(disk, "blocks")}`,
    HYGIEIA_SIGN_IN_ATTEMPTS_ACCOUNT: "1",
  };
  [server, browser] = await Promise.all([Server.start(settings), startBrowser()]);
  origin = server.origin.replace("127.0.0.1", "localhost");
  shown = await openWindow(browser, origin);
  await signUp(shown.page, { email, name: "Mira Halvorsen", password: PASSWORD });
});
afterAll(async () => {
  await browser.close();
  await server.remove();
});

test("a server whose disk is full says so, keeps what it has, and takes the same file once there is room", async () => {
  const { page } = shown;
  await choose(page, { name: "Letter.txt", content: "Dear Mira\n" });
  await report(page, "Letter").waitFor();
  const name = "Knee MRI.bin";
  await choose(page, { name, mimeType: "application/octet-stream", content: Buffer.alloc(7 << 20, 7) });
  await page.locator("li.up", { hasText: name }).getByText(diskFull, { exact: true }).waitFor();
  expect(await report(page, "Knee MRI").count()).toBe(0);
  await report(page, "Letter").click();
  await page.getByText("Dear Mira").waitFor();
  await page.keyboard.press("Escape");

  execFileSync("mount", ["-o", "remount,size=160m", disk]);
  await page.getByRole("button", { name: `Try again: ${name}` }).click();
  await report(page, "Knee MRI").waitFor();
  await page.locator("li.up", { hasText: name }).getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
});

test("after too many guesses the right password waits as well, for as long as the server says", async () => {
  const { context, page, faults } = await openWindow(browser, origin);
  await signIn(page, email, "a guess");
  await page.getByRole("alert").getByText("This email and password do not open a vault here.").waitFor();
  let asked = 0;
  page.on("request", (request) => (asked += Number(/\/api\/v1\/sessions$/.test(request.url()))));
  const answered = page.waitForResponse((answer) => answer.status() === 429);
  await signIn(page, email, PASSWORD);
  const seconds = Number((await answered).headers()["retry-after"]);
  expect(seconds).toBeGreaterThan(60);
  const left = `about ${Math.ceil(seconds / 60)} minutes left`;
  await page.getByText(`Too many tries. Wait: ${left}. Your reports are safe.`, { exact: true }).waitFor();
  expect(asked).toBe(1);
  expect(faults.filter((fault) => !/status of (?:401|429)/.test(fault))).toEqual([]);
  await context.close();
});

test("in all of this the page broke no rule and asked nobody else", () => {
  expect(shown.faults.filter((fault) => !/status of 507/.test(fault))).toEqual([]);
});
