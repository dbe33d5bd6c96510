// A large report goes straight into the file that the person picks: the browser's own downloads would keep it twice.

import { createHash, randomBytes } from "node:crypto";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { Middle } from "./middle.ts";
import { choose, openWindow, report, signUp, startBrowser, type Window } from "./window.ts";

/** As the built script says above which size a place is picked (features/report/save-report.ts). */
const THRESHOLD = /\b1<<30(?=;async function [\w$]+\(\{fileName:)/g;
const content = randomBytes((5 << 20) + 7);

let middle: Middle;
let server: Server;
let browser: Browser;
let shown: Window;
let lowered = 0;
/** What the browser's own downloads were given after the kit. */
const downloads: string[] = [];

beforeAll(async () => {
  [[middle, server], browser] = await Promise.all([Middle.start(), startBrowser()]);
  // The way is the same for 5 MiB as for a gibibyte, which would take this test minutes: only the bar is lower.
  middle.meddle = ({ path }) =>
    path.startsWith("/assets/Inside-") && path.endsWith(".js")
      ? (given) => {
          const script = given.body.toString();
          lowered += script.match(THRESHOLD)?.length ?? 0;
          return { ...given, body: Buffer.from(script.replace(THRESHOLD, "1<<20")) };
        }
      : "pass";
  shown = await openWindow(browser, middle.origin);
  await signUp(shown.page, { email: "mira@halvorsen.example", name: "Mira Halvorsen", password: PASSWORD });
  shown.page.on("download", (download) => downloads.push(download.suggestedFilename()));
  await choose(shown.page, { name: "Scan of the knee.bin", mimeType: "application/octet-stream", content });
  await shown.page.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
  await report(shown.page, "Scan of the knee").click();
});
afterAll(async () => {
  await browser.close();
  await middle.stop();
  await server.remove();
});
beforeEach(() => {
  expect(lowered).toBeGreaterThan(0);
});

/** Answers the browser's dialog, which a test cannot: by a real file of the page's own file system, or by none. */
async function answerPicker(answer: "file" | "none"): Promise<void> {
  await shown.page.evaluate((what) => {
    const asked: string[] = [];
    Object.assign(globalThis, {
      pickerAsked: asked,
      showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) => {
        asked.push(suggestedName);
        if (what === "none") throw new DOMException("The user aborted a request.", "AbortError");
        return (await navigator.storage.getDirectory()).getFileHandle("picked.bin", { create: true });
      },
    });
  }, answer);
}

const pickerAsked = (): Promise<string[]> =>
  shown.page.evaluate(() => (globalThis as unknown as { pickerAsked: string[] }).pickerAsked);

/** SHA-256 of what stands in the picked file, and how much that is. */
function picked(): Promise<{ bytes: number; digest: string }> {
  return shown.page.evaluate(async () => {
    const handle = await (await navigator.storage.getDirectory()).getFileHandle("picked.bin");
    const octets = await (await handle.getFile()).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", octets));
    return { bytes: octets.byteLength, digest: [...digest].map((one) => one.toString(16).padStart(2, "0")).join("") };
  });
}

test("who picks no place is not asked again, and nothing is fetched", async () => {
  await answerPicker("none");
  await shown.page.getByRole("dialog").getByRole("button", { name: "Download" }).click();
  await expect.poll(pickerAsked).toEqual(["Scan of the knee.bin"]);
  expect(await shown.page.locator(".toast").count()).toBe(0);
  expect(await shown.page.locator(".download").count()).toBe(0);
  expect(downloads).toEqual([]);
});

test("what is picked holds the whole report, and the browser's downloads none of it", async () => {
  await answerPicker("file");
  await shown.page.getByRole("dialog").getByRole("button", { name: "Download" }).click();
  const digest = createHash("sha256").update(content).digest("hex");
  await expect.poll(picked).toEqual({ bytes: content.length, digest });
  expect(await pickerAsked()).toEqual(["Scan of the knee.bin"]);
  expect(await shown.page.locator(".download").count()).toBe(1);
  expect(downloads).toEqual([]);
  expect(shown.faults).toEqual([]);
});
