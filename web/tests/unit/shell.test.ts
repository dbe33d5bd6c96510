/** The app's own files under the service worker: what is kept, and when what is kept of earlier builds goes. */
import { beforeEach, describe, expect, it } from "vitest";
import { Shell } from "../../src/service-worker/shell.ts";

const ORIGIN = "http://vault.example";

/** The caches of a browser, in as far as the shell uses them. */
class Caches {
  readonly all = new Map<string, Map<string, Response>>();
  isFull = false;

  open(name: string): Promise<Cache> {
    const kept = this.all.get(name) ?? new Map<string, Response>();
    this.all.set(name, kept);
    const cache = {
      match: async (asked: Request | string) => kept.get(pathOf(asked))?.clone(),
      put: async (asked: Request | string, response: Response) => {
        if (this.isFull) throw new DOMException("no room", "QuotaExceededError");
        kept.set(pathOf(asked), response);
      },
    };
    return Promise.resolve(cache as unknown as Cache);
  }

  async match(asked: Request | string, { cacheName }: { cacheName: string }): Promise<Response | undefined> {
    return this.all.get(cacheName)?.get(pathOf(asked))?.clone();
  }

  async keys(): Promise<string[]> {
    return [...this.all.keys()];
  }

  async delete(name: string): Promise<boolean> {
    return this.all.delete(name);
  }
}

function pathOf(asked: Request | string): string {
  return new URL(typeof asked === "string" ? asked : asked.url, ORIGIN).pathname;
}

/** A page as the build `name` writes it; one of its scripts is the same in every build. */
const pageOf = (name: string): string =>
  `<script src="/assets/same.js"></script><script type="module" src="/assets/index-${name}.js"></script>`;

/** What the server has now, by path; null: it does not answer. */
let served: Map<string, string> | null;
/** A page of somebody in between, which answers in the place of everything. */
let inPlace: string | null;
let asked: string[];
let caches: Caches;
let room: number;
let pages: number;

function build(name: string): Shell {
  const assets = [`/assets/index-${name}.js`, `/assets/lazy-${name}.js`, "/assets/same.js"];
  served = new Map([["/", pageOf(name)], ...assets.map((path): [string, string] => [path, `${path} of it`])]);
  return new Shell(
    {
      caches: caches as unknown as CacheStorage,
      fetch: async (input) => {
        const path = pathOf(input as Request | string);
        asked.push(path);
        if (served === null) throw new TypeError("no network");
        if (inPlace !== null) return new Response(inPlace, { headers: { "Content-Type": "text/html; charset=utf-8" } });
        const body = served.get(path);
        return body === undefined ? new Response("", { status: 404 }) : new Response(body);
      },
      room: async () => room,
      pages: async () => pages,
    },
    name,
    assets,
  );
}

const get = (path: string): Request => new Request(ORIGIN + path);
const text = async (response: Promise<Response>): Promise<string> => (await response).text();

beforeEach(() => {
  [asked, caches, room, pages, inPlace] = [[], new Caches(), 1e9, 1, null];
});

describe("the app's own files", () => {
  it("are all there once a vault was open, though only some of them were used", async () => {
    const shell = build("one");
    await shell.keepPage();
    await shell.asset(get("/assets/index-one.js"));
    await shell.keepAll("/assets/index-one.js");
    expect(asked.filter((path) => path === "/assets/index-one.js")).toHaveLength(1);
    served = null;
    expect(await text(shell.page(get("/reports/1")))).toBe(pageOf("one"));
    expect(await text(shell.asset(get("/assets/lazy-one.js")))).toBe("/assets/lazy-one.js of it");
  });

  it("are asked for once, whatever is opened afterwards", async () => {
    const shell = build("one");
    await shell.keepAll("/assets/index-one.js");
    asked = [];
    await shell.keepAll("/assets/index-one.js");
    expect(asked).toEqual([]);
  });

  it("come newest first while there is a network", async () => {
    const shell = build("one");
    await shell.keepPage();
    served!.set("/", "a newer page");
    expect(await text(shell.page(get("/")))).toBe("a newer page");
  });

  it("leave the room that there is to the reports where it is short", async () => {
    const shell = build("one");
    room = 50_000_000;
    await shell.keepAll("/assets/index-one.js");
    expect(asked).toEqual([]);
  });

  it("are handed on where the device is full, and not kept", async () => {
    const shell = build("one");
    caches.isFull = true;
    expect(await text(shell.asset(get("/assets/lazy-one.js")))).toBe("/assets/lazy-one.js of it");
    caches.isFull = false;
    await shell.asset(get("/assets/lazy-one.js"));
    expect(asked).toEqual(["/assets/lazy-one.js", "/assets/lazy-one.js"]);
  });

  it("that could not all be had are asked for again at the next opening", async () => {
    const shell = build("one");
    const whole = served!;
    served = new Map([...whole].filter(([path]) => path !== "/assets/same.js"));
    await expect(shell.keepAll("/assets/index-one.js")).rejects.toThrow(TypeError);
    served = whole;
    await shell.keepAll("/assets/index-one.js");
    served = null;
    expect(await text(shell.asset(get("/assets/same.js")))).toBe("/assets/same.js of it");
  });
});

describe("what the server gives in their place", () => {
  const notOurs = "<p>Sign in to this network.</p>";

  it("is not kept as the page: the browser tries again", async () => {
    const shell = build("one");
    const whole = served!;
    served = new Map([...whole].filter(([path]) => path !== "/"));
    await expect(shell.keepPage()).rejects.toThrow(TypeError);
    inPlace = notOurs;
    await expect(shell.keepPage()).rejects.toThrow(TypeError);
    inPlace = pageOf("another");
    await expect(shell.keepPage()).rejects.toThrow(TypeError);
    [served, inPlace] = [whole, null];
    await shell.keepPage();
    served = null;
    expect(await text(shell.page(get("/")))).toBe(pageOf("one"));
  });

  it("is handed on where a part was asked for, and not kept as that part", async () => {
    const shell = build("one");
    inPlace = notOurs;
    expect(await text(shell.asset(get("/assets/lazy-one.js")))).toBe(notOurs);
    await expect(shell.keepAll("/assets/index-one.js")).rejects.toThrow(TypeError);
    inPlace = null;
    expect(await text(shell.asset(get("/assets/lazy-one.js")))).toBe("/assets/lazy-one.js of it");
    await shell.keepAll("/assets/index-one.js");
    served = null;
    expect(await text(shell.asset(get("/assets/same.js")))).toBe("/assets/same.js of it");
  });
});

describe("a new build", () => {
  async function both(): Promise<{ old: Shell; fresh: Shell }> {
    const old = build("old");
    await old.keepPage();
    await old.keepAll("/assets/index-old.js");
    const fresh = build("new");
    await fresh.keepPage();
    return { old, fresh };
  }

  it("leaves an open page of the old one all its parts, which the server no longer has", async () => {
    const { fresh } = await both();
    await fresh.keepAll("/assets/index-old.js"); // the old page's own request
    pages = 2;
    await fresh.keepAll("/assets/index-new.js");
    expect(await text(fresh.asset(get("/assets/lazy-old.js")))).toBe("/assets/lazy-old.js of it");
  });

  it("takes what stayed the same from the old one, and lets that go when its page is the only one", async () => {
    const { fresh } = await both();
    asked = [];
    await fresh.keepAll("/assets/index-new.js");
    expect(asked).not.toContain("/assets/same.js");
    expect([...caches.all.keys()]).toEqual(["hygieia-app-new"]);
  });

  it("that is not whole yet leaves the page without a network to the old one", async () => {
    const { fresh } = await both();
    served = null;
    expect(await text(fresh.page(get("/")))).toBe(pageOf("old"));
    build("new");
    await fresh.keepAll("/assets/index-new.js");
    served = null;
    expect(await text(fresh.page(get("/")))).toBe(pageOf("new"));
  });

  it("that has all its parts and no page leaves the page without a network to the old one", async () => {
    await both();
    pages = 2; // what is kept of the old one stays
    const newest = build("newest");
    await newest.keepAll("/assets/index-newest.js");
    served = null;
    expect(await text(newest.page(get("/")))).toBe(pageOf("old"));
  });

  it("touches no cache that is not the app's", async () => {
    const { fresh } = await both();
    await caches.open("somebody else's");
    await fresh.keepAll("/assets/index-new.js");
    expect([...caches.all.keys()]).toContain("somebody else's");
  });
});
