/** What a closed page, or a server that was away, left to be told or to be done. */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { PASSWORD, fileOf, Server } from "./serving.ts";
import { compared, emailsReading, inDays, request, threePeople, type Somebody } from "./somebody.ts";

let server: Server;
let [ana, boris, cleo]: Somebody[] = [];
beforeAll(async () => {
  server = await Server.start();
  [ana, boris, cleo] = await threePeople(server);
});
afterAll(() => server.remove());

/** Closes her page and opens another. */
async function reopened(somebody: Somebody): Promise<void> {
  somebody.at.engine.lock();
  somebody.page = await somebody.browser.page();
  await somebody.page.engine.unlock(PASSWORD);
  await somebody.page.engine.sharing.refreshDelegations();
}

function noticesOf({ page }: Somebody) {
  return page.engine.sharing.notices.current;
}

it("a notice stands on the next page, under a new password too, until she has seen it", async () => {
  await ana!.at.engine.sharing.delegate(request(boris!.email));
  await ana!.meetChanged(boris!);
  const reports = [await ana!.store("one.txt", "lab", 1), await ana!.store("two.txt", "lab", 2)];
  const left = { kind: "left-out", reports, people: [{ email: boris!.email, why: "changed" }] };
  expect(noticesOf(ana!)).toMatchObject([left]);
  await reopened(ana!);
  await vi.waitFor(() => expect(noticesOf(ana!)).toMatchObject([left]), 60_000);
  const three = await ana!.store("three.txt", "lab", 3);
  const more = { ...left, reports: [...reports, three] };
  expect(noticesOf(ana!)).toMatchObject([more]);
  const next = "another staple of batteries";
  await ana!.at.engine.changePassword({ current: PASSWORD, next });
  await ana!.at.engine.changePassword({ current: next, next: PASSWORD });
  await reopened(ana!);
  await vi.waitFor(() => expect(noticesOf(ana!)).toMatchObject([more]), 60_000);
  await ana!.page.engine.sharing.seen(noticesOf(ana!).map(({ id }) => id));
  await reopened(ana!);
  await ana!.page.engine.sharing.refreshDelegations();
  expect(noticesOf(ana!)).toEqual([]);
  await compared(ana!, boris!);
});

it("a doctor's report that could not go on to her delegate goes on at the next opening", async () => {
  await ana!.at.engine.sharing.delegate(request(boris!.email, { rights: ["upload"], categories: ["imaging"] }));
  await ana!.at.engine.sharing.delegate(request(cleo!.email, { categories: ["imaging"] }));
  await boris!.at.engine.sharing.refreshDelegations();
  const file = fileOf("scan.txt", 300, 10);
  await boris!.at.engine.upload([{ file, owner: ana!.email, category: "imaging" }]);
  await boris!.page.settled();
  let refused = 0;
  ana!.browser.meddle = ({ method, url }) => {
    if (method !== "PUT" || !url.includes("/reports/")) return null;
    refused++;
    return new Response(JSON.stringify({ code: "quota-exceeded" }), { status: 507 });
  };
  await ana!.at.engine.refresh();
  ana!.browser.meddle = () => null;
  expect(refused).toBeGreaterThan(0);
  const { id } = ana!.page.row("scan");
  await ana!.at.engine.refresh();
  expect(await emailsReading(ana!, id)).toEqual([ana!.email, boris!.email].sort());
  await reopened(ana!);
  const all = [ana!, boris!, cleo!].map(({ email }) => email).sort();
  await vi.waitFor(async () => expect(await emailsReading(ana!, id)).toEqual(all), 60_000);
});

/** Whom the server lets store for her, until when. */
async function uploaders(): Promise<{ key: string; expires: string }[]> {
  return ((await ana!.vault.transport.call("GET", "/uploaders")) as { items: { key: string; expires: string }[] }).items;
}

it("a permission to store is taken back where the ongoing share was not entered", async () => {
  const before = await uploaders();
  ana!.browser.meddle = ({ method, url }) =>
    method === "PUT" && url.endsWith("/index") ? new Response(JSON.stringify({ code: "quota-exceeded" }), { status: 507 }) : null;
  const asked = request(cleo!.email, { rights: ["upload"], categories: ["genetics"] });
  await expect(ana!.at.engine.sharing.delegate(asked)).rejects.toMatchObject({ code: "quota-exceeded" });
  ana!.browser.meddle = () => null;
  expect(await uploaders()).toEqual(before);
});

it("a permission to store that a re-delegation would give is taken back, too", async () => {
  const rights = ["upload", "redelegate"] as const;
  const { id: parent } = await ana!.at.engine.sharing.delegate(request(boris!.email, { rights, categories: ["dental"] }));
  await boris!.at.engine.sharing.refreshDelegations();
  await compared(boris!, cleo!);
  const change = { rights: ["upload"], categories: ["dental"], parent, expires: inDays(20) } as const;
  const { id } = await boris!.at.engine.sharing.delegate(request(cleo!.email, change));
  await ana!.at.engine.sharing.refreshDelegations();
  const before = await uploaders();
  ana!.browser.meddle = ({ method, url }) =>
    method === "PUT" && url.endsWith("/index") ? new Response(JSON.stringify({ code: "quota-exceeded" }), { status: 507 }) : null;
  await expect(ana!.at.engine.sharing.grant(id)).rejects.toMatchObject({ code: "quota-exceeded" });
  ana!.browser.meddle = () => null;
  expect(await uploaders()).toEqual(before);
  await ana!.at.engine.sharing.grant(id);
  expect(await uploaders()).toHaveLength(before.length + 1);
});

/** Ids of what Cleo holds, by what she has been told. */
async function held(): Promise<string[]> {
  await cleo!.at.engine.sharing.refreshDelegations();
  return cleo!.page.engine.sharing.delegations.current.items.map(({ id }) => id);
}

it("an end that the page was closed on is told by the next one", async () => {
  const given = await ana!.at.engine.sharing.delegate(request(cleo!.email, { categories: ["allergy"] }));
  expect(await held()).toContain(given.id);
  const reached = new Promise<void>((resolve) => {
    ana!.browser.meddle = ({ method, url, signal }) => {
      if (method !== "POST" || !url.endsWith("/inbox")) return null;
      resolve();
      // No answer comes as long as the page is there.
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new DOMException("gone", "AbortError"))));
    };
  });
  ana!.at.engine.sharing.endDelegation(given.id).catch(() => {});
  await reached;
  ana!.browser.meddle = () => null;
  expect(await ana!.vault.store.tasks("end")).toHaveLength(1);
  await reopened(ana!);
  await vi.waitFor(async () => expect(await ana!.vault.store.tasks("end")).toEqual([]), 60_000);
  expect(await held()).not.toContain(given.id);
});

it("an end is told, though the permission could not be taken back", async () => {
  const given = await ana!.at.engine.sharing.delegate(request(cleo!.email, { rights: ["upload"], categories: ["letter"] }));
  expect(await held()).toContain(given.id);
  ana!.browser.meddle = ({ url }) =>
    url.includes("/uploaders/") ? new Response(JSON.stringify({ code: "quota-exceeded" }), { status: 507 }) : null;
  expect(await ana!.at.engine.sharing.endDelegation(given.id)).toMatchObject({ isServerTold: false });
  ana!.browser.meddle = () => null;
  expect(await held()).not.toContain(given.id);
});
