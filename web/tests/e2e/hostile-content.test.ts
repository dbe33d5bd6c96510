// Files made to run something, to fetch something, or to pass for something else (SN-07): they are names, text and pictures.

import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { makeDicom } from "../screens/engine/contents.ts";
import { PASSWORD, Server } from "../server/serving.ts";
import { pdf, programs, scannedPdf, type Program } from "./programs.ts";
import { choose, openVault, openWindow, report, signUp, startBrowser, type Window } from "./window.ts";

let server: Server;
let browser: Browser;
let shown: Window;
let page: Page;
/** A server that the files want to reach, and what reached it. */
let elsewhere: HttpServer;
let origin: string;
const reached: string[] = [];
let all: readonly Program[] = [];

beforeAll(async () => {
  elsewhere = createServer((request, response) => {
    reached.push(request.url!);
    response.end();
  });
  elsewhere.listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  origin = `http://127.0.0.1:${(elsewhere.address() as { port: number }).port}`;
  all = programs(origin);
  [server, browser] = await Promise.all([Server.start(), startBrowser()]);
  shown = await openWindow(browser, server.origin.replace("127.0.0.1", "localhost"));
  page = shown.page;
  page.on("dialog", (dialog) => {
    shown.faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  shown.context.on("page", (opened) => shown.faults.push(`a window: ${opened.url()}`));
  await signUp(page, { email: "mira@halvorsen.example", name: "Mira Halvorsen", password: PASSWORD });
});
afterAll(async () => {
  await browser.close();
  elsewhere.closeAllConnections();
  elsewhere.close();
  await server.remove();
});
afterEach(async () => {
  expect(await ran()).toBe(false);
  expect(reached).toEqual([]);
  expect(shown.faults).toEqual([]);
});

/** Whether anything of a file has run: each of them tries to leave this mark. */
function ran(): Promise<boolean> {
  return page.evaluate(() => "ran" in window || document.title.includes("ran"));
}

async function add(name: string, mimeType: string, content: string | Buffer): Promise<void> {
  await choose(page, { name, mimeType, content });
  await page.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Clear the list" }).click();
}

describe("a preview", () => {
  test.each(programs("http://127.0.0.1:9").map(({ name }) => name))("of %s runs nothing and asks nobody", async (name) => {
    const { mimeType, content, shows } = all.find((one) => one.name === name)!;
    const title = name.slice(0, name.lastIndexOf("."));
    await add(name, mimeType, content);
    await report(page, title).click();
    const drawer = page.getByRole("dialog");
    if (shows === "picture") await drawer.locator("canvas[width]").first().waitFor();
    else await drawer.getByText(shows).first().waitFor();
    // What draws it has no element that could load or run anything.
    const live = "iframe, frame, object, embed, script, img, video, audio, link, base, form[action], svg image, foreignObject";
    expect(await drawer.locator(live).count()).toBe(0);
    if (shows === "picture" && mimeType === "application/pdf") {
      await drawer.getByRole("button", { name: "Read as text" }).click();
      await drawer.getByText("Words on the page").waitFor();
    }
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
  });
});

describe("a file name", () => {
  test.each([
    ["that leaves its folder", "../../.bashrc", "bashrc"],
    ["that is a device", "CON.txt", "_CON.txt"],
    ["that hides its ending", "invoice\u202Efdp.exe", "invoice_fdp.exe"],
    ["that is markup", '"><img src=x onerror="window.ran=1">.txt', "onerror"],
    ["that is a message's pattern", "{count, plural, other {#}} {name}.txt", "{count, plural, other {#}} {name}.txt"],
    ["that is a word of the language's", "__proto__", "__proto__"],
    ["that is a constructor", "constructor.json", "constructor.json"],
    ["as long as a system bears", `${"é".repeat(110)}.txt`, ".txt"],
  ])("%s is shown as text, and saved as a file's name", async (_what, name, saved) => {
    await page.goto(`${new URL(page.url()).origin}/reports`);
    await openVault(page, PASSWORD);
    await page.locator(".page-head p").waitFor(); // tells how many reports there are, once that is known
    const before = new Set(await ids());
    await add(name, "text/plain", `${name}\n`);
    await expect.poll(async () => (await ids()).length).toBe(before.size + 1);
    const id = (await ids()).find((one) => !before.has(one))!;
    await page.locator(`tr[data-report="${id}"] a.row-title`).click();
    const drawer = page.getByRole("dialog");
    await drawer.locator("pre").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      drawer.getByRole("button", { name: "Download" }).click(),
    ]);
    const offered = download.suggestedFilename();
    expect(offered).toContain(saved);
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(offered).not.toMatch(/[/\\\u0000-\u001f\u202a-\u202e]|^\./);
    expect(Buffer.byteLength(offered)).toBeLessThanOrEqual(255);
  });

  function ids(): Promise<string[]> {
    return page.locator("tr[data-report]").evaluateAll((rows) => rows.map((row) => row.getAttribute("data-report")!));
  }
});

test("a picture that would fill all memory is not opened, and said to be too large", async () => {
  await page.goto(`${new URL(page.url()).origin}/reports`);
  await openVault(page, PASSWORD);
  await page.locator(".page-head p").waitFor(); // tells how many reports there are, once that is known
  await add("Bomb.png", "image/png", enormousPng());
  await report(page, "Bomb").click();
  await page.getByRole("dialog").getByText("This picture has more points than can be shown here.").waitFor();
});

/** The head of a PNG of 60,000 by 60,000 points. */
function enormousPng(): Buffer {
  const head = Buffer.alloc(33);
  Buffer.from("89504e470d0a1a0a0000000d49484452", "hex").copy(head);
  head.writeUInt32BE(60_000, 16);
  head.writeUInt32BE(60_000, 20);
  Buffer.from("0802000000", "hex").copy(head, 24);
  return Buffer.concat([head, pdf("")]);
}

test("a scanned page is drawn, although its picture needs a decoder of pdf.js's own", async () => {
  await page.goto(`${new URL(page.url()).origin}/reports`);
  await openVault(page, PASSWORD);
  await page.locator(".page-head p").waitFor(); // tells how many reports there are, once that is known
  await add("Scanned.pdf", "application/pdf", scannedPdf());
  await report(page, "Scanned").click();
  await page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("[role=dialog] canvas");
    if (canvas === null) return false;
    const [red, green, blue] = canvas.getContext("2d")!.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
    return red! > 150 && green! < 80 && blue! < 80;
  });
});

test("a scan is drawn, with what its header says of whom and when", async () => {
  await page.goto(`${new URL(page.url()).origin}/reports`);
  await openVault(page, PASSWORD);
  await page.locator(".page-head p").waitFor(); // tells how many reports there are, once that is known
  await add("Knee.dcm", "", Buffer.from(makeDicom())); // few systems know a media type for it
  await report(page, "Knee").click();
  const drawer = page.getByRole("dialog");
  for (const words of ["The only picture. Not for diagnosis.", "Halvorsen Mira", "St Brigid Hospital", "4 Nov 2026"]) {
    await drawer.getByText(words, { exact: true }).waitFor();
  }
  await page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("[role=dialog] canvas");
    const shade = (x: number, y: number): number => canvas!.getContext("2d")!.getImageData(x, y, 1, 1).data[0]!;
    return canvas?.width === 64 && shade(20, 32) > 150 && shade(2, 2) < 20;
  });
});
