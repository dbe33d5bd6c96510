import type { Browser } from "playwright-core";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fileOf, PASSWORD, Server } from "../server/serving.ts";
import { openWindow, signUp, startBrowser } from "./window.ts";

let server: Server;
let browser: Browser;
let origin: string;
beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), startBrowser()]);
  // A secure context without TLS.
  origin = server.origin.replace("127.0.0.1", "localhost");
});
afterAll(async () => {
  await browser.close();
  await server.remove();
});

it("from sign-up to a report that the command line reads too", async () => {
  const { page, faults } = await openWindow(browser, origin);
  const email = "ana@example.org";
  await signUp(page, { email, name: "Ana", password: PASSWORD });

  const scan = Buffer.from(await fileOf("scan.dat", 3_000_000, 5).arrayBuffer());
  const files = [
    { name: "blood test.txt", mimeType: "text/plain", buffer: Buffer.from("Haemoglobin 14.1 g/dl\n") },
    { name: "scan.dat", mimeType: "application/octet-stream", buffer: scan },
  ];
  await page.locator("input[type=file][multiple]").first().setInputFiles(files);
  await page.getByText("2 reports", { exact: true }).waitFor();

  await page.reload();
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  expect(await page.title()).toContain("Locked");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Open vault" }).click();
  await page.getByRole("link", { name: /^scan/ }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("dialog").getByRole("button", { name: "Download" }).first().click(),
  ]);
  expect(readFileSync(await download.path()).equals(scan)).toBe(true);

  const shell = server.person("cli");
  shell("login", email);
  const listed = JSON.parse(shell("--json", "ls")) as { reports: { id: string; title: string }[] };
  expect(listed.reports.map(({ title }) => title).sort()).toEqual(["blood test", "scan"]);
  const { id } = listed.reports.find(({ title }) => title === "scan")!;
  expect(Buffer.from(shell("cat", id), "latin1").equals(scan)).toBe(true);

  const letter = join(server.folder, "letter.txt");
  writeFileSync(letter, "Dear Ana\n");
  shell("put", letter);
  await page.reload();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Open vault" }).click();
  await page.getByRole("link", { name: /^letter/ }).waitFor();
  expect(faults).toEqual([]);
});
