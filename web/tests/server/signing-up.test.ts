/** A sign-up that was cut short, wherever it was: the next one, or signing in, ends at the kit. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Browser, newEmail, type Page } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());

type Loss = (forward: () => Promise<Response>) => Promise<void>;
const answerLost: Loss = async (forward) => void (await forward());
const neverArrived: Loss = async () => {};

/** Signs up with the network gone as the account is asked for. */
async function cutShort(browser: Browser, request: Parameters<Page["engine"]["signUp"]>[0], lose: Loss): Promise<Page> {
  const page = await browser.page();
  browser.meddle = async (asked, forward) => {
    if (!asked.url.endsWith("/api/v1/accounts")) return null;
    await lose(forward);
    throw new TypeError("network");
  };
  await expect(page.engine.signUp(request)).rejects.toMatchObject({ code: "unreachable" });
  expect(page.state.kind).toBe("none");
  browser.meddle = () => null;
  return page;
}

/** The vault is whole: the kit is proven, a report goes in. */
async function goesOn(page: Page): Promise<void> {
  expect(page.state.kind).toBe("kit");
  await page.engine.confirmKit({ kind: "code", text: (await page.engine.pendingKit())!.code });
  await page.store(fileOf("note.txt", 100));
  expect(page.row("note")).toMatchObject({ state: "saved" });
}

it.each([
  ["whose answer was lost", answerLost, {}],
  ["that never arrived", neverArrived, {}],
  ["whose answer was lost, on a shared computer", answerLost, { sharedComputer: true }],
])("a sign-up %s is sent again, and ends at the kit", async (_what, lose, options) => {
  const request = { email: newEmail(), name: "Ana", password: PASSWORD, ...options };
  const page = await cutShort(new Browser(server), request, lose);
  await page.engine.signUp(request);
  await goesOn(page);
});

it("the account that was made is opened with its own password, whatever was typed since", async () => {
  const browser = new Browser(server);
  const request = { email: newEmail(), name: "Ana", password: PASSWORD };
  const page = await cutShort(browser, request, answerLost);
  const again = page.engine.signUp({ ...request, password: "another staple of batteries" });
  await expect(again).rejects.toMatchObject({ code: "duplicate" });
  const later = await browser.page();
  await later.engine.signIn({ email: request.email, password: PASSWORD });
  await goesOn(later);
});

it("the email can be corrected after a sign-up that never arrived", async () => {
  const request = { email: newEmail(), name: "Ana", password: PASSWORD };
  const page = await cutShort(new Browser(server), request, neverArrived);
  await page.engine.signUp({ ...request, email: newEmail() });
  await goesOn(page);
});

describe("a kit that could not be made", () => {
  /** Signs up with a server that stores the first index and makes nothing of the kit. */
  async function withoutKit(browser: Browser, email: string): Promise<Page> {
    const page = await browser.page();
    browser.meddle = (asked) => (asked.url.endsWith("/index/kit") ? new Response("", { status: 503 }) : null);
    await expect(page.engine.signUp({ email, name: "Ana", password: PASSWORD })).rejects.toMatchObject({ code: "failed" });
    expect(page.state.kind).toBe("open");
    expect(page.status).toBe("ready");
    return page;
  }

  it("is shown as soon as it can be", async () => {
    const browser = new Browser(server);
    const page = await withoutKit(browser, newEmail());
    await page.engine.refresh();
    expect(page.state.kind).toBe("open");
    browser.meddle = () => null;
    await page.engine.refresh();
    expect(page.state).toMatchObject({ kind: "kit", isFirst: true });
    await goesOn(page);
    await page.engine.refresh();
    expect(page.state.kind).toBe("open");
  });

  it("is shown when the vault is opened the next time", async () => {
    const browser = new Browser(server);
    (await withoutKit(browser, newEmail())).engine.lock();
    browser.meddle = () => null;
    const again = await browser.page();
    await again.engine.unlock(PASSWORD);
    await goesOn(again);
  });

  it("is shown once the server answers again", async () => {
    const browser = new Browser(server);
    const page = await browser.page();
    let isAway = false;
    browser.meddle = (asked) => {
      isAway ||= asked.url.endsWith("/index/kit");
      if (isAway) throw new TypeError("network");
      return null;
    };
    const begun = page.engine.signUp({ email: newEmail(), name: "Ana", password: PASSWORD });
    await expect(begun).rejects.toMatchObject({ code: "failed" });
    browser.meddle = () => null;
    await vi.waitFor(() => expect(page.state.kind).toBe("kit"), 60_000);
    await goesOn(page);
  });

  it("is not made any more when she has made another since", async () => {
    const browser = new Browser(server);
    const email = newEmail();
    const page = await withoutKit(browser, email);
    browser.meddle = () => null;
    const elsewhere = await new Browser(server).page();
    await elsewhere.engine.signIn({ email, password: PASSWORD });
    await elsewhere.engine.newKit(PASSWORD);
    browser.use();
    await page.engine.refresh();
    expect(page.state.kind).toBe("open");
    expect(await page.engine.pendingKit()).toBeNull();
  });
});
