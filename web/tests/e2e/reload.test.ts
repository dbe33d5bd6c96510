// A page is loaded again in the middle of an upload, and the browser still knows where the file is.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { openWindow, signUp, startBrowser } from "./window.ts";

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

/** Drops a file of `bytes` zeros that lies where the page may read it again: in its own file system. */
async function drop(name: string, bytes: number): Promise<void> {
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

test("the upload goes on once the vault is open again, without the file being chosen", async () => {
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await server.stop();
  await drop("Knee MRI.bin", 3_000_000);
  await page.getByText(/^Connection lost\. .* is safe\.$/).first().waitFor();
  await page.reload();
  await server.again();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Open vault" }).click();
  await page.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
  expect(await page.getByRole("link", { name: "Knee MRI", exact: true }).count()).toBe(1);
  const refused = faults.filter((fault) => /Content Security Policy|Trusted/i.test(fault));
  expect(refused).toEqual([]);
});
