// A server that lies, in Chromium: what it falsifies is refused in words, before anything is opened, shown or sent.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { PASSWORD, type Server } from "../server/serving.ts";
import { flipped, Middle, rewriting, type Fate } from "./middle.ts";
import { choose, openVault, openWindow, report, signIn, signUp, startBrowser, type Window } from "./window.ts";

const email = "mira@halvorsen.example";
const secret = "Haemoglobin 132 g/L";
const lying =
  "The server sent keys that are not yours, or asks for a weaker lock. Nothing was opened and nothing was sent. " +
  "Do not try again here; ask the person who runs it.";
const rolledBack =
  "The server shows an older list than this device has seen, so we do not use it. Your reports are safe. " +
  "Ask the person who runs it.";
const falsified =
  "What came back is not what was put in, so it stays closed. Try again; another place may have a good copy.";

type Document = Record<string, unknown>;

let server: Server;
let middle: Middle;
let browser: Browser;
let owner: Window;
/** Roots of the vault's index, oldest first. */
const roots: string[] = [];
/** What the server says of somebody else when she signs in. */
let stranger: Document;

beforeAll(async () => {
  [[middle, server], browser] = await Promise.all([Middle.start(), startBrowser()]);
  middle.meddle = ({ method, path }) => {
    if (method === "PUT" && path.endsWith("/api/v1/index")) {
      return rewriting((answer) => {
        roots.push(String(answer["root"]));
        return answer;
      });
    }
    if (method === "POST" && path.endsWith("/api/v1/sessions")) {
      return rewriting((answer) => {
        stranger = answer["account"] as Document;
        return answer;
      });
    }
    return "pass";
  };
  const other = await openWindow(browser, middle.origin);
  await signUp(other.page, { email: "eve@elsewhere.example", name: "Eve", password: PASSWORD });
  await other.context.close();
  roots.length = 0;
  owner = await openWindow(browser, middle.origin);
  await signUp(owner.page, { email, name: "Mira Halvorsen", password: PASSWORD });
  await add("Blood test.txt");
  await add("Letter.txt");
  const again = await openWindow(browser, middle.origin);
  await signIn(again.page, "eve@elsewhere.example", PASSWORD);
  await again.page.getByRole("heading", { name: "Reports" }).waitFor();
  await again.context.close();
});
afterAll(async () => {
  await browser.close();
  await middle.stop();
  await server.remove();
});
beforeEach(() => {
  middle.meddle = () => "pass";
});

async function add(name: string): Promise<void> {
  await choose(owner.page, { name, content: `${secret} ${name}\n` });
  await report(owner.page, name.slice(0, -4)).waitFor();
}

async function reopen(): Promise<void> {
  await owner.page.reload();
  await openVault(owner.page, PASSWORD);
}

/** Answers to `path` are changed, whoever asks. */
function lie(method: string, path: RegExp, fate: Fate): void {
  middle.meddle = (asked) => (asked.method === method && path.test(asked.path) ? fate : "pass");
}

const changed = (change: (account: Document) => Document): Fate =>
  rewriting((answer) => ({ ...answer, account: change(answer["account"] as Document) }));

describe("a new device that signs in", () => {
  test.each([
    ["weaker stretching", { kdf: { m: 1024, t: 1, p: 1 } }],
    ["stretching that no device can bear", { kdf: { m: 2 ** 24, t: 3, p: 1 } }],
    ["stretching that is no number", { kdf: { m: "65536", t: 3, p: 4 } }],
    ["no account to stretch for", { account: "me" }],
  ])("refuses %s, and sends nothing made of the password", async (_what, lies) => {
    const { context, page } = await openWindow(browser, middle.origin);
    lie("POST", /\/sign-in\/parameters$/, rewriting((answer) => ({ ...answer, ...lies })));
    const before = middle.asked.length;
    await signIn(page, email, PASSWORD);
    await page.getByText(lying).waitFor();
    const after = middle.asked.slice(before).filter(({ method, path }) => method !== "GET" && path.includes("/api/"));
    expect(after.map(({ path }) => path)).toEqual(["/api/v1/sign-in/parameters"]);
    await context.close();
  });

  test.each<[string, (account: Document) => Document]>([
    ["somebody else's certificate", (mine) => ({ ...mine, certificate: stranger["certificate"] })],
    ["a certificate that is none", (mine) => ({ ...mine, certificate: "-----BEGIN PGP PUBLIC KEY BLOCK-----" })],
    ["somebody else's sealed key", (mine) => ({ ...mine, sealed_key: stranger["sealed_key"] })],
    [
      "the sealed key with a word more",
      (mine) => ({ ...mine, sealed_key: String(mine["sealed_key"]).replace("\n\n", "\nComment: x\n\n") }),
    ],
    ["a seal that nobody made", (mine) => ({ ...mine, seal_mac: "0".repeat(64) })],
    ["somebody else's whole account", () => stranger],
  ])("refuses %s, opens nothing and ends the session", async (_what, change) => {
    const { context, page } = await openWindow(browser, middle.origin);
    lie("POST", /\/api\/v1\/sessions$/, changed(change));
    const before = middle.asked.length;
    await signIn(page, email, PASSWORD);
    await page.getByText(lying).waitFor();
    const after = middle.asked.slice(before);
    expect(after.some(({ method, path }) => method === "DELETE" && path.endsWith("/sessions/current"))).toBe(true);
    expect(after.some(({ path }) => path.endsWith("/index"))).toBe(false);
    expect(await page.locator("body").innerText()).not.toContain("Blood test");
    await context.close();
  });
});

describe("a device that knows its vault", () => {
  test.each<[string, (index: Document) => Document]>([
    ["an older index", (index) => ({ ...index, root: roots[0] })],
    ["an empty vault", (index) => ({ ...index, root: null })],
  ])("does not believe %s, and takes the right one again", async (_what, change) => {
    lie("GET", /\/api\/v1\/index$/, rewriting(change));
    await reopen();
    await owner.page.getByText(rolledBack).waitFor();
    expect(await owner.page.locator("tr[data-report]").count()).toBe(0);
    middle.meddle = () => "pass";
    await owner.page.getByRole("button", { name: "Try again" }).click();
    await owner.page.getByText("2 reports", { exact: true }).waitFor();
  });

  test("shows nothing of an index whose blocks are false", async () => {
    lie("GET", /\/ipfs\//, (given) => ({ ...given, body: flipped(given.body) }));
    await reopen();
    await owner.page.getByText(falsified).waitFor();
    expect(await owner.page.locator("tr[data-report]").count()).toBe(0);
  });

  test("shows nothing of a report whose blocks are false, nor saves any of it", async () => {
    await reopen();
    await owner.page.getByText("2 reports", { exact: true }).waitFor();
    lie("GET", /\/ipfs\//, (given) => ({ ...given, body: flipped(given.body) }));
    await report(owner.page, "Blood test").click();
    const drawer = owner.page.getByRole("dialog");
    await drawer.getByText(falsified).first().waitFor();
    expect(await drawer.innerText()).not.toContain(secret);
    let saved = 0;
    owner.page.on("download", () => saved++);
    await drawer.getByRole("button", { name: "Download" }).click();
    await owner.page.getByText(falsified).nth(1).waitFor();
    expect(saved).toBe(0);
    await owner.page.keyboard.press("Escape");
  });

  test("does not call saved what the server drops", async () => {
    await reopen();
    await owner.page.getByText("2 reports", { exact: true }).waitFor();
    lie("GET", /\/ipfs\//, (given) => ({ ...given, status: 404, body: Buffer.from("{}") }));
    await choose(owner.page, { name: "Dropped.txt", content: "dropped\n" });
    await owner.page.getByText("It was sent, and could not be read back. Do not count it as saved.").first().waitFor();
    expect(await owner.page.getByText(/^Saved\./).count()).toBe(0);
  });
});
