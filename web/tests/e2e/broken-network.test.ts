// The network breaks at every step of an upload, before and after the server has done what was asked: in the end the file
// is there once, whole, and nobody was told "saved" before.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { PASSWORD, type Server } from "../server/serving.ts";
import { Middle, type Asked, type Fate } from "./middle.ts";
import { choose, connectionLost, openVault, openWindow, report, signUp, startBrowser, type Window } from "./window.ts";

const email = "mira@halvorsen.example";
const saved = "Saved. 1 copy checked.";

let server: Server;
let middle: Middle;
let browser: Browser;
let shown: Window;
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

/** Each kind of request that storing a file makes, in the order in which they are made. */
const steps: readonly [string, string, RegExp][] = [
  ["an upload begins", "POST", /\/uploads$/],
  ["blocks are sent", "POST", /\/uploads\/[^/]+\/blocks$/],
  ["the report is committed", "POST", /\/reports$/],
  ["the report is read back", "GET", /^\/ipfs\//],
  ["the index is changed", "PUT", /\/index$/],
  ["an upload ends", "DELETE", /\/uploads\/[^/]+$/],
];

let files = 0;
/** A file of three leaves, unlike any other. */
function newFile(): { name: string; title: string; mimeType: string; content: Buffer } {
  const title = `Scan ${++files}`;
  return { name: `${title}.bin`, title, mimeType: "application/octet-stream", content: Buffer.alloc(3_000_000, title) };
}

function listed(title: string): { id: string }[] {
  const { reports } = JSON.parse(shell("--json", "ls")) as { reports: { id: string; title: string }[] };
  return reports.filter((one) => one.title === title);
}

async function clear(): Promise<void> {
  const button = shown.page.getByRole("button", { name: "Clear the list" });
  if ((await button.count()) > 0) await button.click();
}

describe.each(steps)("when the connection breaks as %s", (_what, method, path) => {
  const isThis = (asked: Asked): boolean => asked.method === method && path.test(asked.path);

  test.each<[string, Fate]>([
    ["before the server hears of it", "cut"],
    ["after the server has done it", "cut-answer"],
  ])("once, %s, the file is stored all the same, once", async (_when, fate) => {
    await clear();
    const { title, ...file } = newFile();
    let cuts = 0;
    middle.meddle = (asked) => (isThis(asked) && cuts++ === 0 ? fate : "pass");
    await choose(shown.page, file);
    await report(shown.page, title).waitFor();
    await shown.page.getByText(saved, { exact: true }).waitFor();
    expect(cuts).toBeGreaterThan(0);
    const [only, ...more] = listed(title);
    expect(more).toEqual([]);
    expect(Buffer.from(shell("cat", only!.id), "latin1").equals(file.content)).toBe(true);
  });

  test("and stays broken, the page says what is safe, and goes on when it is back", async () => {
    await clear();
    const { title, ...file } = newFile();
    let isBroken = false;
    middle.meddle = (asked) => {
      isBroken ||= isThis(asked);
      return isBroken ? "cut" : "pass";
    };
    await choose(shown.page, file);
    await shown.page.getByText(connectionLost).first().waitFor();
    expect(await shown.page.getByText(saved, { exact: true }).count()).toBe(0);
    middle.meddle = () => "pass";
    await shown.page.getByText(saved, { exact: true }).waitFor();
    expect(listed(title)).toHaveLength(1);
  });
});

/** Holds back the answer to the first blocks until `letGo`: the file is in the middle of being sent. */
function holdFirst(): { isHeld: () => boolean; letGo: () => void } {
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
  return { isHeld: () => isHeld, letGo };
}

test.each([
  ["by its own button", "Pause {name}", "Resume {name}"],
  ["with all others", "Pause all", "Resume"],
])("an upload that is paused %s waits, and goes on where it was", async (_how, pause, resume) => {
  await clear();
  const { title, ...file } = newFile();
  const button = (name: string) => shown.page.getByRole("button", { name: name.replace("{name}", file.name), exact: true });
  const { isHeld, letGo } = holdFirst();
  await choose(shown.page, file);
  await expect.poll(isHeld).toBe(true);
  await button(pause).click();
  await shown.page.getByText(/^Paused at /).waitFor();
  letGo();
  await button(resume).waitFor();
  expect(listed(title)).toEqual([]);
  await button(resume).click();
  await shown.page.getByText(saved, { exact: true }).waitFor();
  const [only, ...more] = listed(title);
  expect(more).toEqual([]);
  expect(Buffer.from(shell("cat", only!.id), "latin1").equals(file.content)).toBe(true);
});

/** Gives an upload up by its own button, and hears that it is. */
async function cancel(name: string): Promise<void> {
  await shown.page.getByRole("button", { name: `Cancel ${name}`, exact: true }).click();
  await shown.page.locator("li.up", { hasText: name }).getByText("Cancelled. Nothing was added.", { exact: true }).waitFor();
}

test("an upload that is cancelled in the middle ends, the server is told, and the same file is added at once", async () => {
  await clear();
  const { title, ...given } = newFile();
  // More than is sent in one go.
  const file = { ...given, content: Buffer.alloc(9_000_000, title) };
  const { isHeld, letGo } = holdFirst();
  middle.asked.length = 0;
  await choose(shown.page, file);
  await expect.poll(isHeld).toBe(true);
  await cancel(file.name);
  await expect.poll(() => middle.count("DELETE", /\/uploads\/[^/]+$/)).toBe(1);
  expect(middle.count("POST", /\/reports$/)).toBe(0);
  expect(await report(shown.page, title).count()).toBe(0);

  await choose(shown.page, file);
  await shown.page.getByText(saved, { exact: true }).waitFor();
  letGo(); // what it hears of the first one by now changes nothing
  await report(shown.page, title).waitFor();
  const [only, ...more] = listed(title);
  expect(more).toEqual([]);
  expect(Buffer.from(shell("cat", only!.id), "latin1").equals(file.content)).toBe(true);
});

test("an upload that is cancelled while it waits for the network is not gone on with by the page that comes after", async () => {
  await clear();
  const { title, ...file } = newFile();
  let isBroken = false;
  middle.meddle = ({ path }) => {
    isBroken ||= path.endsWith("/blocks");
    return isBroken && path.includes("/uploads") ? "cut" : "pass";
  };
  await choose(shown.page, file);
  await shown.page.getByText(connectionLost).first().waitFor();
  await cancel(file.name);
  middle.meddle = () => "pass";
  await shown.page.reload();
  await openVault(shown.page, PASSWORD);
  // Once another one is through, that one would have been, or be in the list for its file.
  await choose(shown.page, newFile());
  await shown.page.getByText(saved, { exact: true }).waitFor();
  expect(await shown.page.locator("li.up").count()).toBe(1);
  expect(await report(shown.page, title).count()).toBe(0);
  expect(listed(title)).toEqual([]);
});

test("a server that loses its power amid an upload gets the rest when it is back", async () => {
  await clear();
  const { title, ...file } = newFile();
  let isDown = false;
  middle.meddle = ({ path }) => {
    if (isDown || !path.endsWith("/blocks")) return "pass";
    isDown = true;
    void server.kill().then(() => server.again());
    return "cut-answer";
  };
  await choose(shown.page, file);
  await shown.page.getByText(saved, { exact: true }).waitFor();
  expect(isDown).toBe(true);
  expect(listed(title)).toHaveLength(1);
});

test("an upload whose session ends is not lost: the password goes on with it", async () => {
  await clear();
  const { title, ...file } = newFile();
  middle.meddle = ({ path }) => {
    if (!path.endsWith("/blocks")) return "pass";
    middle.meddle = () => "pass";
    return async (given) => {
      await shown.context.clearCookies(); // as when its time is over
      return given;
    };
  };
  await choose(shown.page, file);
  await shown.page.getByText("This device was signed out").waitFor();
  await openVault(shown.page, PASSWORD);
  await shown.page.getByText(/Choose the same files/).first().waitFor();
  await choose(shown.page, file);
  await report(shown.page, title).waitFor();
  expect(listed(title)).toHaveLength(1);
});

test("in all of this the page broke no rule and asked nobody else", () => {
  const usual = /net::ERR_|status of 401/;
  expect(shown.faults.filter((fault) => !usual.test(fault))).toEqual([]);
});
