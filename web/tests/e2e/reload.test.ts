// A page is loaded again in the middle of an upload, and the browser still knows where the file is.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { connectionLost, drop, openWindow, signUp, startBrowser } from "./window.ts";

let server: Server;
let browser: Browser;
let page: Page;
let faults: string[];
beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), startBrowser()]);
  ({ page, faults } = await openWindow(browser, server.origin.replace("127.0.0.1", "localhost")));
  await signUp(page, { email: "mira@halvorsen.example", name: "Mira Halvorsen", password: PASSWORD });
});
afterAll(async () => {
  await browser.close();
  await server.remove();
});

test("the upload goes on once the vault is open again, without the file being chosen", async () => {
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await server.stop();
  await drop(page, "Knee MRI.bin", 3_000_000);
  await page.getByText(connectionLost).first().waitFor();
  await page.reload();
  await page.getByText("Hygieia is not answering.").waitFor();
  expect(await page.locator("main").innerText()).toContain("Your password still opens your vault");
  await server.again();
  await page.getByText("Hygieia is not answering.").waitFor({ state: "detached" });
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Open vault" }).click();
  await page.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
  expect(await page.getByRole("link", { name: "Knee MRI", exact: true }).count()).toBe(1);
  const refused = faults.filter((fault) => /Content Security Policy|Trusted/i.test(fault));
  expect(refused).toEqual([]);
});
