// Other places than the own server: gateways that a person names, one that lies, one that is busy, one that never answers;
// the vault with its server gone; and whether its copies are still there.

import { readFile } from "node:fs/promises";

import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD, type Server } from "../server/serving.ts";
import { flipped, Middle, type Asked, type Fate } from "./middle.ts";
import { choose, connectionLost, openVault, openWindow, report, signUp, startBrowser, type Window } from "./window.ts";

const email = "mira@halvorsen.example";
const secret = "Haemoglobin 132 g/L";
const scan = Buffer.alloc(5_000_000, "knee");
const isDown = "Hygieia is not answering.";

let server: Server;
/** Where the page comes from: before the server. The two gateways stand before the same one. */
let middle: Middle;
let second: Middle;
let third: Middle;
let browser: Browser;
let shown: Window;
let page: Page;
let shell: (...args: string[]) => string;

// One story: each test goes on where the one before ended.
beforeAll(async () => {
  [second, third] = [await Middle.open(), await Middle.open()];
  // Verified when a test says so, and not beside it.
  const settings = { HYGIEIA_COPY_NODES: second.origin, HYGIEIA_WANTED_COPIES: "2", HYGIEIA_VERIFY_HOURS: "0" };
  [[middle, server], browser] = await Promise.all([Middle.start(settings), startBrowser()]);
  for (const gateway of [second, third]) gateway.standBefore(server);
  shown = await openWindow(browser, middle.origin);
  page = shown.page;
  await signUp(page, { email, name: "Mira Halvorsen", password: PASSWORD });
  await choose(
    page,
    { name: "Blood test.txt", content: `${secret}\n` },
    { name: "Patient.json", mimeType: "application/fhir+json", content: '{"resourceType":"Patient","name":[{"text":"Mira"}]}' },
    { name: "Knee MRI.bin", mimeType: "application/octet-stream", content: scan },
  );
  await page.getByText("Saved. 1 copy checked.", { exact: true }).nth(2).waitFor();
  shell = server.person("cli");
  shell("login", email);
});
afterAll(async () => {
  await browser.close();
  for (const each of [middle, second, third]) await each.stop();
  await server.remove();
});

const place = (name: string): Locator =>
  page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name });

const isBlock = ({ path }: Asked): boolean => path.startsWith("/ipfs/");

/** What happens to each question for blocks from now on. */
function blocksOf(gateway: Middle, fate: Fate): void {
  gateway.meddle = (asked) => (isBlock(asked) ? fate : "pass");
}

/** A page that knows nothing yet of who lied or was busy. */
async function anew(): Promise<void> {
  await page.goto(`${middle.origin}/reports`);
  await openVault(page, PASSWORD);
  await page.getByText("3 reports", { exact: true }).waitFor();
}

async function downloaded(title: string): Promise<Buffer> {
  await report(page, title).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("dialog").getByRole("button", { name: "Download", exact: true }).click(),
  ]);
  const content = await readFile(await download.path());
  await page.keyboard.press("Escape");
  return content;
}

async function see(title: string, words: string): Promise<void> {
  await report(page, title).click();
  await page.getByRole("dialog").getByText(words).first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** Waits until the browser has kept a part of the app that this page has not used yet. */
async function isKept(part: string): Promise<void> {
  await page.waitForFunction(async (name) => {
    for (const cache of await caches.keys()) {
      const kept = await (await caches.open(cache)).keys();
      if (kept.some(({ url }) => url.includes(name))) return true;
    }
    return false;
  }, part);
}

/** What Verify says of a gateway. */
function useOf(gateway: Middle): Locator {
  return page.locator(".gw li", { hasText: gateway.origin });
}

test("the dashboard shows the copies that the server found, and where they are", async () => {
  expect(await server.admin("verify")).toBe(0);
  await place("Safe copies").click();
  await page.getByRole("heading", { name: "3 of 3 fetched and unchanged" }).waitFor();
  await page.locator(".legend li", { hasText: "2 copies" }).getByText("3", { exact: true }).waitFor();
  await page.getByRole("row", { name: new RegExp(`^${new URL(second.origin).host}\\s+3$`) }).waitFor();
});

test("one copy is shown as one copy", async () => {
  blocksOf(second, (given) => ({ ...given, status: 404, body: Buffer.from("gone") }));
  expect(await server.admin("verify")).toBe(6);
  await place("Reports").click();
  await place("Safe copies").click();
  await page.getByText("3 reports have only one copy.").waitFor();
  await page.getByRole("region", { name: "These need another copy" }).getByRole("link", { name: "Knee MRI" }).waitFor();
  second.meddle = () => "pass";
});

test("what no place has when she tests is said not to be found, until it is there again", async () => {
  const { reports } = JSON.parse(shell("--json", "ls")) as { reports: { title: string; cid: string }[] };
  const { cid } = reports.find(({ title }) => title === "Knee MRI")!;
  middle.meddle = ({ path }) =>
    path.startsWith(`/ipfs/${cid}`) ? (given) => ({ ...given, status: 404, body: Buffer.from("gone") }) : "pass";
  const testAll = page.getByRole("button", { name: "Test all now" });
  await testAll.click();
  await page.getByText("1 report was not found.").waitFor();
  await page.getByRole("heading", { name: "2 of 3 fetched and unchanged" }).waitFor();
  middle.meddle = () => "pass";
  await testAll.click();
  await page.getByRole("heading", { name: "3 of 3 fetched and unchanged" }).waitFor();
});

test("gateways are named in the settings, and what is none is refused in words", async () => {
  await place("Settings").click();
  const address = page.getByLabel("Address of a gateway");
  const add = async (text: string): Promise<void> => {
    await address.fill(text);
    await address.press("Enter");
  };
  const remove = (name: string): Locator => page.getByRole("button", { name: `Remove ${name}`, exact: true });
  await add("http://gateway.example/ipfs/");
  await page.getByText("This is not the address of a gateway.").waitFor();
  for (const origin of ["https://gateway.example", second.origin, third.origin]) {
    await add(origin);
    await remove(origin).waitFor();
  }
  await add(`${second.origin}/`);
  await page.getByText("This gateway is in the list already.").waitFor();
  await remove("https://gateway.example").click();
  await remove("https://gateway.example").waitFor({ state: "detached" });
  await page.reload();
  await openVault(page, PASSWORD);
  await remove(third.origin).waitFor();
  expect(await page.getByRole("button", { name: /^Remove/ }).count()).toBe(2);
});

test("where the server lies about blocks, everything opens from a gateway, and the check names the liar", async () => {
  blocksOf(middle, (given) => ({ ...given, body: flipped(given.body) }));
  await anew();
  await see("Blood test", secret);
  await report(page, "Knee MRI").click();
  await page.getByRole("tab", { name: "Verify" }).click();
  await page.getByText("File and signature are right").waitFor();
  expect(await useOf(middle).innerText()).toContain("Sent something false, not used");
  expect(await useOf(second).innerText()).toMatch(/\d+ parts/);
  expect(await useOf(third).innerText()).toContain("Not needed");
});

test("where it has no time for blocks, the check says that it is busy", async () => {
  blocksOf(middle, (given) => ({ ...given, status: 429, headers: { ...given.headers, "retry-after": "60" }, body: Buffer.from("") }));
  await page.getByRole("button", { name: "Check again" }).click();
  await expect.poll(() => useOf(middle).innerText()).toContain("Busy, asked again later");
  await page.getByText("File and signature are right").waitFor();
  expect(await useOf(second).innerText()).toMatch(/\d+ parts/);
  await anew();
  await see("Blood test", secret);
});

test("where it begins no answer, the download goes on elsewhere, bit for bit", async () => {
  middle.meddle = () => "pass";
  await anew();
  const stalled: Asked[] = [];
  middle.meddle = (asked) => {
    if (!asked.path.includes("format=car")) return "pass";
    stalled.push(asked);
    return () => new Promise(() => {});
  };
  second.asked.length = 0;
  expect((await downloaded("Knee MRI")).equals(scan)).toBe(true);
  expect(stalled).toHaveLength(1);
  expect(second.count("GET", /^\/ipfs\//)).toBeGreaterThan(0);
});

test("without the server the open page still lists, previews and downloads, past a gateway that lies", async () => {
  middle.meddle = () => "pass";
  await anew();
  await isKept("DataPreview");
  middle.meddle = () => "cut";
  blocksOf(second, (given) => ({ ...given, body: flipped(given.body) }));
  await page.getByRole("searchbox").fill("blood");
  await report(page, "Patient").waitFor({ state: "detached" });
  await page.getByRole("searchbox").fill("");
  await see("Blood test", secret);
  await see("Patient", "Mira");
  expect((await downloaded("Knee MRI")).equals(scan)).toBe(true);
  await page.getByText(isDown).waitFor();
  await page.getByText("You can still read and download through gateways. Adding waits here. Share when it answers again.").waitFor();
});

test("loaded again without the server it opens from gateways, and changes wait", async () => {
  await anew();
  await page.getByText(isDown).waitFor();
  await page.getByRole("button", { name: "More for Blood test" }).click();
  await page.getByRole("menuitem", { name: "Rename or change kind" }).click();
  await page.getByRole("dialog").getByLabel("Title").fill("Blood count");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.locator("tr", { hasText: "Blood count" }).getByText("Waits to be sent").waitFor();
  await page.getByText("Waiting: 1 change.").waitFor();
  await choose(page, { name: "Letter.txt", content: "Dear Mira\n" });
  await page.getByText(connectionLost).first().waitFor();
});

test("all of it is sent when the server is back", async () => {
  middle.meddle = () => "pass";
  await page.getByText(isDown).waitFor({ state: "detached" });
  await page.getByText("Waits to be sent").waitFor({ state: "detached" });
  await page.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();
  const { reports } = JSON.parse(shell("--json", "ls")) as { reports: { title: string }[] };
  expect(reports.map(({ title }) => title).sort()).toEqual(["Blood count", "Knee MRI", "Letter", "Patient"]);
});

test("in all of this no gateway was asked for anything but parts and addresses, and the page broke no rule", () => {
  const others = [...second.asked, ...third.asked].filter(({ path }) => !/^\/ip[fn]s\//.test(path));
  expect(others).toEqual([]);
  const usual = new RegExp(`net::ERR_|status of 4(?:04|29)|asked (?:${second.origin}|${third.origin})/ip[fn]s/`);
  expect(shown.faults.filter((fault) => !usual.test(fault))).toEqual([]);
});
