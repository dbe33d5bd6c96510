/** What a person is told of gateways: which of them served what, and which of them failed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, networkFetch, Server } from "./serving.ts";

const MIRROR = "https://mirror.example";

let server: Server;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  server = await Server.start();
  browser = new Browser(server);
  page = await signedUp(browser);
  await page.store(fileOf("one.txt", 100, 1), fileOf("two.txt", 100, 2), fileOf("three.txt", 100, 3));
  await page.engine.changeSettings({ gateways: [MIRROR] });
});
beforeEach(() => {
  browser.meddle = mirrored;
});
afterAll(() => server.remove());

/** A second gateway that has what the server has. */
function mirrored(request: Request): Promise<Response> | null {
  return request.url.startsWith(MIRROR) ? networkFetch(request.url.replace(MIRROR, server.origin)) : null;
}

/** The server's own gateway gives `answer` for what `isMeant`; the mirror stays honest unless told. */
function meddleWith(isMeant: (url: string) => boolean, answer: () => Response, isMirrorMeant = false): void {
  browser.meddle = (request) => {
    const isOwn = request.url.startsWith(`${server.origin}/ipfs/`);
    if ((isOwn || (isMirrorMeant && request.url.startsWith(MIRROR))) && isMeant(request.url)) return answer();
    return mirrored(request);
  };
}

const lie = (): Response => new Response(new Uint8Array(50).fill(1));

describe("a test of all copies", () => {
  it("names a gateway that lies, and finds every report at the others", async () => {
    meddleWith(() => true, lie);
    await page.engine.testCopies();
    const { status, tested, items, failed } = page.engine.copies.view.current;
    expect({ status, tested }).toEqual({ status: "ready", tested: 3 });
    expect(failed).toEqual([{ url: server.origin, state: "lied" }]);
    expect(items.filter(({ state }) => state === "missing")).toEqual([]);
  });

  it("goes on where every gateway lies about one report, which counts as not found", async () => {
    const { cid, id } = page.row("two");
    meddleWith((url) => url.includes(cid), lie, true);
    await page.engine.testCopies();
    const { status, items, failed } = page.engine.copies.view.current;
    expect(status).toBe("ready");
    expect(items.filter(({ state }) => state === "missing").map(({ report }) => report)).toEqual([id]);
    expect(failed.map(({ state }) => state)).toEqual(["lied", "lied"]);
  });

  it("names one that does not answer; forgets both at the next test", async () => {
    meddleWith(() => true, () => new Response("", { status: 500 }));
    await page.engine.testCopies();
    expect(page.engine.copies.view.current).toMatchObject({
      status: "ready",
      failed: [{ url: server.origin, state: "down" }],
    });
    browser.meddle = mirrored;
    await page.engine.testCopies();
    expect(page.engine.copies.view.current.failed).toEqual([]);
  });

  it("says that none answers where none does, and of no report that it is gone", async () => {
    meddleWith(() => true, () => new Response("", { status: 500 }), true);
    const before = page.engine.copies.view.current.items;
    await page.engine.testCopies();
    expect(page.engine.copies.view.current).toMatchObject({
      status: "failed",
      error: { code: "unreachable" },
      items: before,
    });
  });

  it("reads every part of a report: where one leaf is gone the report is not found, and names who gave it", async () => {
    const gone = (): Response => new Response("", { status: 404 });
    await page.store(fileOf("long.bin", 3_000_000, 4));
    const { id } = page.row("long");
    const found = () => page.engine.copies.view.current.items.find(({ report }) => report === id);
    meddleWith(() => true, gone);
    await page.engine.testCopies();
    expect(found()).toMatchObject({ state: "one", places: [MIRROR] });
    browser.meddle = mirrored;
    const { gateways } = await page.engine.verify(id, () => {});
    const leaf = gateways[0]!.cids.at(-1)!;
    meddleWith((url) => url.includes("format=car") || url.includes(leaf), gone, true);
    await page.engine.testCopies();
    expect(found()).toMatchObject({ state: "missing", copies: 0 });
  });
});

describe("a check of one report", () => {
  it("says which blocks came from which gateway", async () => {
    const { id, cid } = page.row("one");
    meddleWith((url) => url.includes(cid), () => new Response("", { status: 404 }));
    const { gateways, signature } = await page.engine.verify(id, () => {});
    expect(signature).toBe("valid");
    const [own, mirror] = gateways;
    expect(mirror).toMatchObject({ url: MIRROR, blocks: 1, cids: [cid] });
    expect(own!.cids).toHaveLength(own!.blocks);
    expect(own!.cids).not.toContain(cid);
    expect(own!.blocks).toBeGreaterThan(3);
  });

  it("calls no signature wrong that it could not read", async () => {
    meddleWith(() => true, () => new Response("", { status: 500 }), true);
    const seen: unknown[] = [];
    const last = await page.engine.verify(page.row("one").id, ({ signature }) => seen.push(signature));
    expect(last.signature).toBeNull();
    expect(last.checks.filter(({ state }) => state === "bad")).toEqual([]);
    expect(new Set(seen)).toEqual(new Set([null]));
  });

  it("names the author of what another person shared, and her key's fingerprint", async () => {
    const { email: mine } = (page.state as { person: { email: string } }).person;
    const boris = newEmail();
    const shell = server.person("boris");
    shell("signup", boris, "--name", "Boris", "--kit", `${server.folder}/kit`);
    await page.engine.sharing.meet(boris);
    const path = join(server.folder, "note.txt");
    writeFileSync(path, "a note");
    const put = shell("--json", "put", "--title", "From Boris", path);
    const { reports } = JSON.parse(put) as { reports: { id: string }[] };
    shell("share", reports[0]!.id, "--with", mine);
    await page.engine.sharing.refreshReceived();
    const row = page.row("From Boris");
    const { signer } = await page.engine.verify(row.id, () => {});
    const { fingerprint } = JSON.parse(shell("--json", "whoami")) as { fingerprint: string };
    expect(signer).toEqual({ keyId: row.author, name: "Boris", fingerprint: fingerprint.toLowerCase() });
  });
});
