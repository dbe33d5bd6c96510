import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());

async function until(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !what(); ) {
    if (Date.now() > end) throw new Error("it does not happen");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const portOf = (listener: HttpServer): number => (listener.address() as AddressInfo).port;

async function contentOf(page: Page, id: string): Promise<Uint8Array> {
  return (await page.engine.preview(id, { maxBytes: 1 << 26 })).bytes;
}

async function sameAs(file: File, bytes: Uint8Array): Promise<boolean> {
  return Buffer.from(await file.arrayBuffer()).equals(Buffer.from(bytes));
}

describe("a server that lies", () => {
  let browser: Browser;
  let page: Page;
  let email: string;
  const roots: string[] = [];
  beforeAll(async () => {
    email = newEmail();
    browser = new Browser(server);
    browser.meddle = async (request) => {
      const isIndex = request.method === "PUT" && request.url.endsWith("/index");
      if (isIndex) roots.push(((await request.json()) as { root: string }).root);
      return null;
    };
    page = await signedUp(browser, email);
    await page.store(fileOf("report.bin", 2_500_000, 7));
  });
  beforeEach(() => {
    browser.meddle = () => null;
  });

  it.each([
    ["weaker", { m: 1024, t: 1, p: 1 }],
    ["heavier", { m: 2 ** 24, t: 3, p: 1 }],
  ])("and asks for %s stretching learns nothing of the password", async (_what, kdf) => {
    const asked: string[] = [];
    const there = new Browser(server);
    const fresh = await there.page();
    there.meddle = async (request, forward) => {
      asked.push(new URL(request.url).pathname);
      const answer = (await (await forward()).json()) as object;
      return new Response(JSON.stringify({ ...answer, kdf }));
    };
    const refused = fresh.engine.signIn({ email, password: PASSWORD });
    await expect(refused).rejects.toMatchObject({ code: "kdf-refused" });
    expect(asked).toEqual(["/api/v1/sign-in/parameters"]);
    await browser.page();
  });

  it("about the sealed key is refused", async () => {
    const there = new Browser(server);
    const fresh = await there.page();
    there.meddle = async (request, forward) => {
      if (request.method !== "POST" || !request.url.endsWith("/sessions")) return null;
      const answer = (await (await forward()).json()) as { account: Record<string, string> };
      answer.account["sealed_key"] = answer.account["sealed_key"]!.replace("\n\n", "\nComment: x\n\n");
      return new Response(JSON.stringify(answer), { status: 201 });
    };
    await expect(fresh.engine.signIn({ email, password: PASSWORD })).rejects.toMatchObject({
      code: "sealed-key-refused",
    });
    expect(fresh.state.kind).toBe("none");
  });

  it("and shows an older index is not believed by a device that has seen a newer one", async () => {
    const again = await browser.page();
    browser.meddle = async (request, forward) => {
      if (request.method !== "GET" || !request.url.endsWith("/api/v1/index")) return null;
      const answer = (await (await forward()).json()) as object;
      return new Response(JSON.stringify({ ...answer, root: roots[0] }));
    };
    await again.engine.unlock(PASSWORD);
    expect(again.status).toBe("failed");
    expect(again.error).toMatchObject({ code: "rollback" });
    browser.meddle = () => null;
    await again.engine.refresh();
    expect(again.rows).toHaveLength(1);
  });

  it("with blocks that are not what was asked for gives nothing", async () => {
    const again = await browser.page();
    await again.engine.unlock(PASSWORD);
    browser.meddle = (request) =>
      request.url.includes("/ipfs/") ? new Response(new Uint8Array(1000)) : null;
    await expect(contentOf(again, again.row("report").id)).rejects.toMatchObject({ code: "block-refused" });
    const proof = await again.engine.verify(again.row("report").id, () => {});
    expect(proof.gateways[0]).toMatchObject({ state: "lied", blocks: 0 });
  });
});

describe("with gateways beside the server", () => {
  it("blocks that one does not have or falsifies come from another", async () => {
    const browser = new Browser(server);
    const page = await signedUp(browser);
    const file = fileOf("scan.bin", 3_000_000, 8);
    await page.store(file);
    // The same server by another name stands for a gateway.
    const gateway = server.origin.replace("127.0.0.1", "localhost");
    await page.engine.changeSettings({ gateways: [gateway] });
    let lies = 0;
    browser.meddle = (request) => {
      if (!request.url.startsWith(`${server.origin}/ipfs/`)) return null;
      lies++;
      return lies % 2 === 0 ? new Response("no", { status: 429, headers: { "Retry-After": "1" } }) : new Response("lie");
    };
    expect(await sameAs(file, await contentOf(page, page.row("scan").id))).toBe(true);
    expect(lies).toBeGreaterThan(0);
    const states = page.engine.connection.current.gateways;
    expect(states.find(({ url }) => url === gateway)).toMatchObject({ state: "used" });
  });

  it("a gateway that sends on to another is not followed there", async () => {
    const browser = new Browser(server);
    const page = await signedUp(browser);
    await page.store(fileOf("scan.bin", 3_000_000, 10));
    const asked = { gateway: 0, other: 0 };
    const other = createServer((_, response) => {
      asked.other++;
      response.end();
    });
    const gateway = createServer((request, response) => {
      asked.gateway++;
      response.writeHead(302, { Location: `http://localhost:${portOf(other)}${request.url ?? ""}` }).end();
    });
    for (const each of [other, gateway]) await once(each.listen(0, "127.0.0.1"), "listening");
    await page.engine.changeSettings({ gateways: [`http://localhost:${portOf(gateway)}`] });
    browser.meddle = (request) => (request.url.startsWith(`${server.origin}/ipfs/`) ? new Response("lie") : null);
    await expect(contentOf(page, page.row("scan").id)).rejects.toThrow();
    expect(asked.gateway).toBeGreaterThan(0);
    expect(asked.other).toBe(0);
    for (const each of [other, gateway]) each.close();
  });

  it("the vault is read with the server stopped, and changes wait until it is back", async () => {
    const browser = new Browser(server);
    const page = await signedUp(browser);
    const file = fileOf("note.txt", 1000, 9);
    await page.store(file);
    const gateway = server.origin.replace("127.0.0.1", "localhost");
    await page.engine.changeSettings({ gateways: [gateway] });
    const { id } = page.row("note");
    const isDown = (request: Request): never | null => {
      if (request.url.startsWith(server.origin)) throw new TypeError("network");
      return null;
    };
    page.engine.lock(); // or it would send what waits, too
    browser.meddle = isDown;
    const again = await browser.page();
    await again.engine.unlock(PASSWORD);
    expect(again.engine.connection.current.kind).toBe("gateways");
    expect(await sameAs(file, await contentOf(again, id))).toBe(true);
    await again.engine.edit(id, { title: "Renamed meanwhile" });
    await again.engine.trash([id]);
    expect(again.row("Renamed meanwhile")).toMatchObject({ state: "waiting" });
    expect(again.row("Renamed meanwhile").deleted).not.toBeNull();
    expect(again.engine.connection.current.waiting).toBe(2);
    browser.meddle = () => null;
    await until(() => again.engine.connection.current.waiting === 0);
    await until(() => again.row("Renamed meanwhile").state === "saved");
    expect(again.row("Renamed meanwhile")).toMatchObject({ revision: 2 });
  });
});

describe("an upload", () => {
  it("that a reload interrupted goes on with the same file, and sends only what is missing", async () => {
    const browser = new Browser(server);
    const page = await signedUp(browser);
    const file = fileOf("long.bin", 20_000_000, 10);
    let batches = 0;
    let stored = 0;
    browser.meddle = async (request, forward) => {
      if (!request.url.endsWith("/blocks")) return null;
      if (++batches > 1) throw new TypeError("network");
      const answer = await forward();
      stored++;
      return answer;
    };
    await page.engine.upload([{ file }]);
    await until(() => batches > 1 && stored === 1);
    const again = await browser.page();
    page.engine.lock();
    browser.meddle = () => null;
    await again.engine.unlock(PASSWORD);
    expect(again.uploads!.items).toMatchObject([{ fileName: "long.bin", state: "needs-file" }]);
    let sent = 0;
    browser.meddle = async (request) => {
      if (request.url.endsWith("/blocks")) sent += (await request.arrayBuffer()).byteLength;
      return null;
    };
    expect(await again.engine.resumeUploads([new File(["other"], "long.bin")])).toEqual([]);
    expect(await again.engine.resumeUploads([file])).toHaveLength(1);
    await again.settled();
    expect(again.uploads!.items[0]).toMatchObject({ state: "saved" });
    expect(sent).toBeLessThan(file.size - 5_000_000);
    expect(await sameAs(file, await contentOf(again, again.row("long").id))).toBe(true);
  });

  it("that is paused lets the others go on, and goes on itself when it is told to", async () => {
    const browser = new Browser(server);
    const page = await signedUp(browser);
    const long = fileOf("long.bin", 9_000_000, 13);
    const items = [long, fileOf("other.bin", 3_000_000, 14)].map((file) => ({ file }));
    const [first, second] = await page.engine.upload(items);
    page.engine.pauseUpload(first!);
    const stateOf = (id: string | undefined) => page.uploads!.items.find((item) => item.id === id)!.state;
    await until(() => stateOf(second) === "saved");
    expect(stateOf(first)).toBe("paused");
    page.engine.pauseUploads();
    page.engine.continueUpload(first!);
    await until(() => stateOf(first) === "saved");
    expect(await sameAs(long, await contentOf(page, page.row("long").id))).toBe(true);
  });

  it("of a file that changed meanwhile starts afresh under another key", async () => {
    const browser = new Browser(server);
    const page = await signedUp(browser);
    browser.meddle = (request) => {
      if (request.url.endsWith("/blocks")) throw new TypeError("network");
      return null;
    };
    await page.engine.upload([{ file: fileOf("long.bin", 9_000_000, 11) }]);
    await until(() => page.uploads!.items[0]!.state === "waiting");
    const again = await browser.page();
    page.engine.lock();
    browser.meddle = () => null;
    await again.engine.unlock(PASSWORD);
    const other = fileOf("long.bin", 9_000_000, 12);
    await again.engine.resumeUploads([other]);
    await again.settled();
    const [upload] = again.uploads!.items;
    if (upload!.state === "failed") {
      expect(upload!.error).toMatchObject({ code: "content-changed" });
      await again.engine.uploadAnyway(upload!.id);
      await again.settled();
    }
    expect(again.uploads!.items[0]).toMatchObject({ state: "saved" });
    expect(await sameAs(other, await contentOf(again, again.row("long").id))).toBe(true);
  });

  it("of a file that changed while the network was away starts afresh on a shared computer too", async () => {
    const browser = new Browser(server);
    const email = newEmail();
    (await signedUp(browser, email)).engine.lock();
    const page = await browser.page();
    await page.engine.signIn({ email, password: PASSWORD, sharedComputer: true });
    let tries = 0;
    browser.meddle = (request) => {
      if (!request.url.endsWith("/blocks")) return null;
      tries++;
      throw new TypeError("network");
    };
    const [before, after] = [fileOf("long.bin", 9_000_000, 15), fileOf("long.bin", 9_000_000, 16)];
    const file = fileOf("long.bin", 9_000_000, 15);
    // The same size and time, another content: what an editor or a sync program may leave.
    file.stream = () => (tries === 0 ? before : after).stream();
    await page.engine.upload([{ file }]);
    await until(() => page.uploads!.items[0]!.state === "waiting");
    browser.meddle = () => null;
    page.engine.continueUploads();
    await page.settled();
    const [upload] = page.uploads!.items;
    expect(upload).toMatchObject({ state: "failed", error: { code: "content-changed" } });
    await page.engine.uploadAnyway(upload!.id);
    await page.settled();
    expect(page.uploads!.items[0]).toMatchObject({ state: "saved" });
    expect(await sameAs(after, await contentOf(page, page.row("long").id))).toBe(true);
  });

  it("is not called saved by a server that drops what it takes", async () => {
    const browser = new Browser(server);
    const page = await signedUp(browser);
    // All but the roots, which are asked for first.
    const roots: string[] = [];
    browser.meddle = async (request) => {
      if (/\/api\/v1\/(?:reports|index)$/.test(request.url) && request.method !== "GET") {
        for (const [, root] of (await request.clone().text()).matchAll(/"root":\s*"(\w+)"/g)) roots.push(root!);
      }
      const isDropped = request.url.includes("/ipfs/") && !roots.some((root) => request.url.includes(root));
      return isDropped ? new Response("", { status: 404 }) : null;
    };
    await page.store(fileOf("dropped.bin", 3_000_000, 13));
    expect(page.uploads!.items[0]).toMatchObject({ state: "failed", error: { code: "not-saved" } });
  });
});

describe("two devices at once", () => {
  it("lose no change of each other's", async () => {
    const email = newEmail();
    const first = await signedUp(new Browser(server), email);
    await first.store(fileOf("a.txt", 10, 1), fileOf("b.txt", 11, 2));
    const shell = server.person("beside");
    shell("login", email);
    const { id: a } = first.row("a");
    const { id: b } = first.row("b");
    shell("edit", a, "--title", "A of the shell");
    await first.engine.edit(b, { title: "B of the page" });
    shell("rm", b);
    await first.engine.edit(a, { category: "lab" });
    await first.engine.refresh();
    expect(first.row("A of the shell")).toMatchObject({ category: "lab", revision: 3 });
    expect(first.row("B of the page").deleted).not.toBeNull();
  });
});
