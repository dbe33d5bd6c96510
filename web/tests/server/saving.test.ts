/** A report saved into the file that the person picked: there whole and verified, or not at all. */
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { startVault, type Browser, type Page } from "./running.ts";
import { fileOf, type Server } from "./serving.ts";

const BYTES = 6_000_000;

let server: Server;
let browser: Browser;
let page: Page;
let cid: string;
let id: string;
const file = fileOf("scan.bin", BYTES, 3);
beforeAll(async () => {
  ({ server, browser, page } = await startVault());
  await page.store(file);
  ({ id, cid } = page.row("scan"));
});
beforeEach(() => {
  browser.meddle = () => null;
});
afterAll(() => server.remove());

/** A picked file as browsers give it: what is written is beside it, and in its place once it is closed. */
class Picked {
  content = Buffer.from("what was there before");
  isAborted = false;
  written = 0;
  /** Told of each write. */
  onWrite: () => void | Promise<void> = () => {};

  get handle(): FileSystemFileHandle {
    return { createWritable: () => Promise.resolve(this.writable()) } as unknown as FileSystemFileHandle;
  }

  private writable(): object {
    const parts: Buffer[] = [];
    return {
      write: async (octets: Uint8Array) => {
        parts.push(Buffer.from(octets));
        this.written += octets.length;
        await this.onWrite();
      },
      close: async () => void (this.content = Buffer.concat(parts)),
      abort: async () => void (this.isAborted = true),
    };
  }
}

/** How saving into `picked` ends. */
async function saved(picked: Picked, begun: (download: string) => void = () => {}) {
  const download = await page.engine.download(id, { kind: "file", handle: picked.handle });
  begun(download);
  const shown = () => page.engine.downloads.view.current.find((each) => each.id === download)!;
  await vi.waitFor(() => expect(shown().state).not.toBe("running"), 60_000);
  return shown();
}

it("it is there whole", async () => {
  const picked = new Picked();
  expect(await saved(picked)).toMatchObject({ state: "done", fileName: "scan.bin", sizeBytes: BYTES, error: null });
  expect(picked.content.equals(Buffer.from(await file.arrayBuffer()))).toBe(true);
  expect(picked.isAborted).toBe(false);
});

it("what was there before stays where saving is cancelled midway", async () => {
  const picked = new Picked();
  let download = "";
  picked.onWrite = () => page.engine.cancelDownload(download);
  expect(await saved(picked, (begun) => (download = begun))).toMatchObject({ state: "cancelled", error: null });
  expect(picked.written).toBeGreaterThan(0);
  expect(picked.written).toBeLessThan(BYTES);
  expect(picked.content.toString()).toBe("what was there before");
  expect(picked.isAborted).toBe(true);
});

it("what was there before stays where a block midway is false", async () => {
  const { gateways } = await page.engine.verify(id, () => {});
  const last = gateways[0]!.cids.at(-1)!;
  expect(last).not.toBe(cid);
  browser.meddle = (request) => {
    if (request.url.includes("format=car")) return new Response("", { status: 404 });
    return request.url.includes(last) ? new Response(new Uint8Array(1000)) : null;
  };
  const picked = new Picked();
  expect(await saved(picked)).toMatchObject({ state: "failed", error: { code: "block-refused" } });
  expect(picked.written).toBeGreaterThan(0);
  expect(picked.content.toString()).toBe("what was there before");
  expect(picked.isAborted).toBe(true);
});

it("what was there before stays where the disk takes no more, and that is said", async () => {
  const picked = new Picked();
  picked.onWrite = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  expect(await saved(picked)).toMatchObject({ state: "failed", error: { code: "device-full" } });
  expect(picked.isAborted).toBe(true);
});
