// A rule that any worker breaks is seen: without this, "not one violation" would hold for the page alone.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, Server } from "../server/serving.ts";
import { Middle } from "./middle.ts";
import { pdf } from "./programs.ts";
import { choose, openWindow, report, signUp, startBrowser, type Window } from "./window.ts";

/** Every script that runs beside the page, by the start of its name. */
const WORKERS = ["worker-main", "worker-courier", "worker-digest", "worker-hash", "pdf.worker", "service-worker", "service-worker-aside"];
/** Where none of them may reach: their server, gateways by https and one's own machine are the most that any may. */
const FORBIDDEN = "http://elsewhere.invalid";

let middle: Middle;
let server: Server;
let browser: Browser;
let shown: Window;

beforeAll(async () => {
  [[middle, server], browser] = await Promise.all([Middle.start(), startBrowser()]);
  middle.meddle = ({ path }) => {
    const name = WORKERS.find((one) => path === `/${one}.js` || path.startsWith(`/assets/${one}`));
    if (name === undefined) return "pass";
    const more = `\nfetch("${FORBIDDEN}/${name}/").catch(() => undefined);\n`;
    return (given) => ({ ...given, body: Buffer.concat([given.body, Buffer.from(more)]) });
  };
  shown = await openWindow(browser, middle.origin);
});
afterAll(async () => {
  await browser.close();
  await middle.stop();
  await server.remove();
});

test("each worker that reaches where it may not is among the faults, by what it asked for", async () => {
  const { page, faults } = shown;
  await signUp(page, { email: "mira@halvorsen.example", name: "Mira Halvorsen", password: PASSWORD });
  // What is small is hashed and sent by the engine's worker itself; this is longer than what may be on its way, so
  // that its hashing ends no sooner than some of it has arrived.
  const scan = { name: "Scan.bin", mimeType: "application/octet-stream", content: Buffer.alloc(40 << 20) };
  await choose(page, { name: "Letter.pdf", mimeType: "application/pdf", content: pdf("") }, scan);
  await page.getByText("Saved. 1 copy checked.", { exact: true }).nth(1).waitFor();
  await report(page, "Letter").click();
  await page.getByRole("dialog").locator("canvas[width]").first().waitFor();
  const silent = (): string[] => WORKERS.filter((name) => !faults.some((fault) => fault.includes(`${FORBIDDEN}/${name}/`)));
  await expect.poll(silent).toEqual([]);
  // It is the policy that stopped them: nothing was asked.
  expect(faults.filter((fault) => fault.startsWith("asked"))).toEqual([]);
});

test.each([
  ["text that would run", "setTimeout('1', 0)", "'TrustedScript'"],
  ["the address of a script", "new Worker('/service-worker.js')", "'TrustedScriptURL'"],
])("Trusted Types hold in the engine's worker for %s, and it is seen", async (_what, act, words) => {
  const engine = shown.page.workers().find((worker) => worker.url().includes("worker-main"))!;
  await expect(engine.evaluate(act)).rejects.toThrow(words);
  await expect.poll(() => shown.faults.filter((fault) => fault.includes(words))).toHaveLength(1);
});
