/** A new session key that a reload interrupts, and earlier versions that go on under keys of their own (docs/spec/19 §1, §2). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";

const [mira, boris] = [newEmail(), newEmail()];
let server: Server;
let hers: Browser;
let his: Browser;
let page: Page;
let reader: Page;

beforeAll(async () => {
  server = await Server.start();
  [hers, his] = [new Browser(server), new Browser(server)];
  reader = await signedUp(his, boris);
  page = await signedUp(hers, mira);
  await page.engine.sharing.meet(boris);
});
afterAll(() => server.remove());

/** What blocks a browser sends, in bytes; from the batch `failing` on the network is gone. */
function watch(browser: Browser, failing = Infinity): { bytes: number } {
  const sent = { bytes: 0 };
  const stored: Promise<Response>[] = [];
  let batches = 0;
  browser.meddle = async (request, forward) => {
    if (!request.url.endsWith("/blocks")) return null;
    if (++batches >= failing) {
      await Promise.all(stored); // what was sent before has arrived
      throw new TypeError("network");
    }
    const answer = forward();
    stored.push(answer);
    sent.bytes += (await request.arrayBuffer()).byteLength;
    return answer;
  };
  return sent;
}

async function contentOf(at: Page, id: string, revision?: number): Promise<Buffer> {
  const options = { maxBytes: 1 << 26, ...(revision === undefined ? {} : { revision }) };
  return Buffer.from((await at.engine.preview(id, options)).bytes);
}

it("goes on after a reload where it was, under the key that it had begun with", async () => {
  const file = fileOf("long.bin", 20_000_000, 1);
  await page.store(file);
  const { id } = page.row("long");
  watch(hers, 2);
  await expect(page.engine.sharing.rekey(id, { keep: [] })).rejects.toMatchObject({ code: "unreachable" });
  hers.meddle = () => null;
  page.engine.lock();
  page = await hers.page();
  await page.engine.unlock(PASSWORD);
  // No file of hers waits for anything: the list of uploads is not about it.
  expect(page.uploads?.items ?? []).toEqual([]);
  expect(page.row("long")).toMatchObject({ revision: 1 });
  expect(await page.engine.sharing.planRekey(id)).toMatchObject({ isBegun: true });
  const rest = watch(hers);
  await page.engine.sharing.rekey(id, { keep: [] });
  hers.meddle = () => null;
  expect(rest.bytes).toBeLessThan(file.size - 5_000_000);
  expect(page.row("long")).toMatchObject({ revision: 2 });
  expect((await contentOf(page, id)).equals(Buffer.from(await file.arrayBuffer()))).toBe(true);
  expect(await page.engine.sharing.planRekey(id)).toMatchObject({ isBegun: false });
});

it("begins anew once others are to read it: what was sent may have been wrapped for whoever is gone", async () => {
  await page.store(fileOf("other.bin", 20_000_000, 2));
  const { id } = page.row("other");
  await page.engine.sharing.share({ reports: [id], people: [boris] });
  watch(hers, 2);
  await expect(page.engine.sharing.rekey(id, { keep: [] })).rejects.toMatchObject({ code: "unreachable" });
  hers.meddle = () => null;
  await page.engine.sharing.unshare({ reports: [id], person: boris });
  const sent = watch(hers);
  await page.engine.sharing.rekey(id, { keep: [] });
  hers.meddle = () => null;
  expect(sent.bytes).toBeGreaterThan(20_000_000);
  expect((await page.engine.sharing.readersOf(id)).readers).toHaveLength(1);
  expect(await page.engine.sharing.planRekey(id)).toMatchObject({ isBegun: false });
});

it("issues earlier versions again for her alone when asked to, and drops them otherwise", async () => {
  const files = [1, 2, 3].map((n) => fileOf(`version ${n}.txt`, 100 * n, 10 + n));
  await page.store(files[0]!);
  const { id } = page.row("version 1");
  await page.engine.sharing.share({ reports: [id], people: [boris] });
  for (const file of files.slice(1)) {
    await page.engine.update(id, { file });
    await page.settled();
  }
  const before = await page.engine.versions(id);
  const plan = await page.engine.sharing.planRekey(id);
  expect(plan.earlier).toEqual([{ revision: 1, sizeBytes: 100 }, { revision: 2, sizeBytes: 200 }]);
  const told: number[] = [];
  await page.engine.sharing.rekey(id, { keep: [], earlier: true }, ({ doneBytes }) => told.push(doneBytes));
  expect(told.at(-1)).toBe(600);
  const after = await page.engine.versions(id);
  expect(after.map(({ revision, sizeBytes }) => [revision, sizeBytes])).toEqual([[6, 300], [5, 200], [4, 100]]);
  expect(after.some(({ cid }) => before.some((old) => old.cid === cid))).toBe(false);
  for (const [place, file] of files.entries()) {
    expect((await contentOf(page, id, 4 + place)).equals(Buffer.from(await file.arrayBuffer()))).toBe(true);
  }
  // Whoever reads the report reads the current version, and none before it.
  his.use();
  const { key } = await reader.engine.sharing.meet(mira);
  await reader.engine.sharing.verifyPerson(mira, { kind: "seen", key });
  await reader.engine.sharing.refreshReceived();
  expect(await contentOf(reader, id)).toHaveLength(300);
  await expect(contentOf(reader, id, 5)).rejects.toMatchObject({ code: "not-found" });
  hers.use();
  // The command line reads each of them, as the page has written it.
  const shell = server.person("mira-at-a-shell");
  shell("login", mira);
  const out = join(server.folder, "fourth.txt");
  shell("get", id, "--revision", "4", "-o", out);
  expect(readFileSync(out).equals(Buffer.from(await files[0]!.arrayBuffer()))).toBe(true);
  await page.engine.sharing.rekey(id, { keep: [] });
  expect((await page.engine.versions(id)).map(({ revision }) => revision)).toEqual([7]);
});
