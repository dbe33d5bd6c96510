/** The server's list of changes, read while she changes things herself: what it says of before is no news. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Server } from "./serving.ts";
import { emailsReading, threePeople, type Somebody } from "./somebody.ts";

let server: Server;
let [ana, boris, cleo]: Somebody[] = [];
beforeAll(async () => {
  server = await Server.start();
  [ana, boris, cleo] = await threePeople(server);
});
afterAll(() => server.remove());

let stored = 0;
let report: string;
/** A report of hers that Boris reads. */
beforeEach(async () => {
  report = await ana!.store(`report ${++stored}.txt`, "other", stored);
  await ana!.at.engine.sharing.share({ reports: [report], people: [boris!.email] });
});

function rowOf(id: string) {
  return ana!.page.rows.find((row) => row.id === id)!;
}

/** Refreshes, and does `meanwhile` once the server has made its answer, which names the report as it was. */
async function refreshed(meanwhile: () => Promise<unknown>): Promise<void> {
  const { cid: root } = rowOf(report);
  let isFirst = true;
  ana!.browser.meddle = async ({ url }, forward) => {
    if (!new URL(url).pathname.endsWith("/changes") || !isFirst) return null;
    isFirst = false;
    const answer = (await (await forward()).json()) as object;
    await meanwhile();
    return new Response(JSON.stringify({ ...answer, items: [{ report, root, deleted: false }] }));
  };
  await ana!.at.engine.refresh();
  ana!.browser.meddle = () => null;
}

it("whom she lets in meanwhile is not taken for gone, and can be taken off again", async () => {
  const people = [cleo!.email];
  await refreshed(() => ana!.page.engine.sharing.share({ reports: [report], people }));
  expect(ana!.page.engine.sharing.notices.current).toEqual([]);
  expect((await ana!.vault.index.readersOf(report)).removed).toEqual([]);
  const { sharing } = ana!.at.engine;
  expect(await sharing.unshare({ reports: [report], person: cleo!.email })).toMatchObject([{ state: "done" }]);
  expect(await emailsReading(ana!, report)).toEqual([ana!.email, boris!.email].sort());
});

it("what she puts in the trash meanwhile stays there", async () => {
  await refreshed(() => ana!.page.engine.trash([report]));
  expect(rowOf(report).deleted).not.toBeNull();
  await ana!.at.engine.restore([report]);
});

it("an older root in the list alone takes nobody off", async () => {
  const { cid } = rowOf(report);
  await ana!.at.engine.sharing.share({ reports: [report], people: [cleo!.email] });
  const now = rowOf(report).cid;
  ana!.browser.meddle = async ({ url }, forward) => {
    if (!new URL(url).pathname.endsWith("/changes")) return null;
    const answer = (await (await forward()).json()) as object;
    return new Response(JSON.stringify({ ...answer, items: [{ report, root: cid, deleted: false }] }));
  };
  await ana!.at.engine.refresh();
  ana!.browser.meddle = () => null;
  expect(rowOf(report).cid).toBe(now);
  expect(ana!.page.engine.sharing.notices.current).toEqual([]);
  await ana!.at.engine.edit(report, { title: `renamed ${stored}` });
  expect(rowOf(report)).toMatchObject({ title: `renamed ${stored}`, state: "saved" });
});

it("whom she takes off is not taken for gone while that is under way", async () => {
  const second = await ana!.store(`second ${stored}.txt`, "other", 100 + stored);
  await ana!.at.engine.sharing.share({ reports: [second], people: [boris!.email] });
  let looks = 0;
  // The first is committed at the server by then, and neither is in the index.
  ana!.browser.meddle = async ({ method, url }) => {
    if (method === "PUT" && url.endsWith(`/reports/${second}`) && looks++ === 0) await ana!.page.engine.refresh();
    return null;
  };
  const { sharing } = ana!.at.engine;
  const done = await sharing.unshare({ reports: [report, second], person: boris!.email });
  ana!.browser.meddle = () => null;
  expect([looks, ...done.map(({ state }) => state)]).toEqual([1, "done", "done"]);
  await ana!.at.engine.refresh();
  expect(sharing.notices.current).toEqual([]);
  expect(await emailsReading(ana!, report)).toEqual([ana!.email]);
});
