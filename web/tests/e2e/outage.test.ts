// The server goes away and comes back while the vault is open.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { connectionLost, openWindow, signUp, startBrowser } from "./window.ts";

let server: Server;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), startBrowser()]);
  const origin = server.origin.replace("127.0.0.1", "localhost");
  ({ page } = await openWindow(browser, origin));
  await signUp(page, { email: "mira@halvorsen.example", name: "Mira Halvorsen", password: PASSWORD });
});
afterAll(async () => {
  await browser.close();
  await server.remove();
});

const add = (name: string, bytes: number): Promise<void> =>
  page.locator("input[type=file][multiple]").first().setInputFiles([
    { name, mimeType: "application/octet-stream", buffer: Buffer.alloc(bytes, name) },
  ]);

test("a change waits, is said to wait, and is sent when the server is back", async () => {
  await add("Heart monitor.bin", 100_000);
  await page.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
  await server.stop();
  await page.getByRole("button", { name: "More for Heart monitor" }).click();
  await page.getByRole("menuitem", { name: "Rename or change kind" }).click();
  await page.getByRole("dialog").getByLabel("Title").fill("Heart, a day long");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("Hygieia is not answering.").waitFor();
  await page.locator("tr", { hasText: "Heart, a day long" }).getByText("Waits to be sent").waitFor();
  await server.again();
  await page.getByText("Waits to be sent").waitFor({ state: "detached" });
  await page.getByText("Hygieia is not answering.").waitFor({ state: "detached" });
  expect(await page.getByRole("link", { name: "Heart, a day long" }).count()).toBe(1);
});

test("an upload that loses the server says what is safe, and goes on by itself", async () => {
  await page.getByRole("button", { name: "Clear the list" }).click();
  await server.stop();
  await add("Knee MRI.bin", 3_000_000);
  await page.getByText(connectionLost).first().waitFor();
  await server.again();
  await page.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
});
