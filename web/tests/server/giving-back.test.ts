/** A lost key: who holds her reports gives them back, and she says which key was hers. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());

async function verify(page: Page, email: string): Promise<void> {
  const { key, contact } = await page.engine.sharing.meet(email);
  if (contact.trust === "changed") await page.engine.sharing.acceptPerson(email, key);
  await page.engine.sharing.verifyPerson(email, { kind: "seen", key });
}

/** Once all uploads that `browser` begins from now on were ended, which no call waits for. */
function uploadsEnded(browser: Browser): () => Promise<void> {
  const open = new Set<string>();
  browser.meddle = async (request, forward) => {
    const { pathname } = new URL(request.url);
    if (request.method === "POST" && pathname.endsWith("/uploads")) {
      const answer = await forward();
      open.add(((await answer.clone().json()) as { upload: string }).upload);
      return answer;
    }
    if (request.method !== "DELETE") return null;
    const answer = await forward();
    open.delete(pathname.split("/").at(-1)!);
    return answer;
  };
  return () => expect.poll(() => open.size, { timeout: 60_000 }).toBe(0);
}

/** She lost her key and her devices: the operator's reset, and a vault under the same email. */
async function withNewKey(email: string): Promise<{ browser: Browser; page: Page }> {
  const admin = server.person("operator");
  const invite = admin("admin", "accounts", "reset", email, "--data", join(server.folder, "data")).trim();
  const browser = new Browser(server);
  const page = await browser.page();
  await page.engine.signUp({ email, name: "Ingrid", password: PASSWORD, invite });
  await page.engine.confirmKit({ kind: "code", text: (await page.engine.pendingKit())!.code });
  return { browser, page };
}

it("is given back by those who read her reports, and hers again once she says so", async () => {
  const [ana, ingrid] = [newEmail(), newEmail()];
  const anas = new Browser(server);
  const page = await signedUp(anas, ana);
  const before = new Browser(server);
  const lost = await signedUp(before, ingrid);
  await lost.store(fileOf("heart.txt", 300, 1), fileOf("never shared.txt", 300, 2), fileOf("trashed.txt", 300, 4));
  const { id } = lost.row("heart");
  const trashed = lost.row("trashed").id;
  await verify(lost, ana);
  await lost.engine.sharing.share({ reports: [id, trashed], people: [ana] });
  anas.use();
  await verify(page, ingrid);
  await page.engine.sharing.refreshReceived();
  expect(page.row("heart")).toMatchObject({ isMine: false });
  before.use();
  await lost.engine.trash([trashed]);

  const { browser: after, page: fresh } = await withNewKey(ingrid);
  expect(fresh.rows).toEqual([]);
  // Locked for the key that she lost, and nothing that was altered.
  await fresh.engine.refresh();
  expect(fresh.refused.find(({ report }) => report === id)).toMatchObject({ error: { code: "envelope-refused" } });

  anas.use();
  await page.engine.sharing.meet(ingrid);
  expect(page.engine.sharing.contacts.current).toMatchObject([{ email: ingrid, trust: "changed" }]);
  const refused = page.engine.sharing.share({ reports: [id], people: [ingrid] });
  await expect(refused).rejects.toMatchObject({ code: "certificate-changed", facts: { person: ingrid } });
  await page.engine.sharing.refreshDelegations();
  const [request] = page.engine.sharing.requests.current;
  // What she had put in the trash can be given back by nobody, which is told.
  expect(request).toMatchObject({ kind: "give-back", reports: [id], closed: [trashed] });
  await expect(page.engine.sharing.grant(request!.id)).rejects.toMatchObject({ code: "certificate-changed" });
  await verify(page, ingrid);
  // The server is asked for her certificate once more: it may be revoked by now.
  let asked = 0;
  anas.meddle = ({ url }) => {
    if (url.endsWith("/people/find")) asked++;
    return null;
  };
  expect(await page.engine.sharing.grant(request!.id)).toMatchObject([{ report: id, state: "done" }]);
  expect(asked).toBe(1);
  anas.meddle = () => null;
  expect(page.engine.sharing.requests.current).toEqual([]);

  after.use();
  await fresh.engine.sharing.refreshDelegations();
  // Nobody she knows says so yet.
  expect(fresh.engine.sharing.requests.current).toEqual([]);
  await verify(fresh, ana);
  await fresh.engine.sharing.refreshDelegations();
  const [mine] = fresh.engine.sharing.requests.current;
  expect(mine).toMatchObject({ kind: "former-key", reports: [id] });
  await fresh.engine.sharing.grant(mine!.id);
  expect(fresh.row("heart")).toMatchObject({ id, isMine: true });
  const { key } = fresh.engine.sharing.contacts.current.find(({ email }) => email === ana)!;
  expect((await fresh.engine.sharing.sharedWith()).get(id)).toEqual([key]);
  expect((await fresh.engine.preview(id, { maxBytes: 1000 })).bytes).toHaveLength(300);
  await fresh.engine.edit(id, { title: "heart, mine again" });
  expect(fresh.row("heart, mine again")).toMatchObject({ revision: 2, isMine: true });
  await fresh.engine.sharing.rekey(id, { keep: [] });
  expect((await fresh.engine.sharing.readersOf(id)).readers.map(({ email }) => email).sort()).toEqual(
    [ana, ingrid].sort(),
  );
  anas.use();
  await page.engine.sharing.refreshReceived();
  expect(page.row("heart, mine again")).toMatchObject({ revision: 3, isMine: false });

  // What she had put in the trash is in the account's, though her key does not open it: she puts it back.
  after.use();
  expect(await fresh.engine.sharing.lockedInTrash()).toEqual([trashed]);
  await fresh.engine.sharing.takeOut([trashed]);
  expect(await fresh.engine.sharing.lockedInTrash()).toEqual([]);
  anas.use();
  await page.engine.sharing.refreshDelegations();
  expect(page.engine.sharing.requests.current).toMatchObject([{ kind: "give-back", reports: [trashed], closed: [] }]);
  expect(await page.engine.sharing.grant(request!.id)).toMatchObject([{ report: trashed, state: "done" }]);
  after.use();
  await fresh.engine.refresh();
  expect(fresh.row("trashed")).toMatchObject({ id: trashed, isMine: true, deleted: null });
  expect((await fresh.engine.preview(trashed, { maxBytes: 1000 })).bytes).toHaveLength(300);
});

it("comes back by an ordinary share too; what cannot be entered now keeps nothing else from coming back", async () => {
  const [ana, ingrid] = [newEmail(), newEmail()];
  const anas = new Browser(server);
  const page = await signedUp(anas, ana);
  const before = new Browser(server);
  const lost = await signedUp(before, ingrid);
  await lost.store(fileOf("one.txt", 300, 11), fileOf("two.txt", 300, 12));
  const [one, two] = [lost.row("one").id, lost.row("two").id];
  await verify(lost, ana);
  await lost.engine.sharing.share({ reports: [one, two], people: [ana] });
  anas.use();
  await verify(page, ingrid);
  await page.engine.sharing.refreshReceived();

  const { browser: after, page: fresh } = await withNewKey(ingrid);
  anas.use();
  await verify(page, ingrid);
  const shared = await page.engine.sharing.share({ reports: [one, two], people: [ingrid] });
  expect(shared.map(({ state }) => state)).toEqual(["done", "done"]);

  after.use();
  await verify(fresh, ana);
  await fresh.engine.sharing.refreshDelegations();
  const [mine] = fresh.engine.sharing.requests.current;
  expect(mine).toMatchObject({ kind: "former-key" });
  expect([...(mine as { reports: readonly string[] }).reports].sort()).toEqual([one, two].sort());
  const readersOfTwo = (code: string, status: number): void => {
    after.meddle = ({ url }) =>
      url.includes(`/reports/${two}/shares`) ? new Response(JSON.stringify({ code }), { status }) : null;
  };
  // In an outage nothing is entered: nobody would look again for what the index has.
  readersOfTwo("unavailable", 503);
  await expect(fresh.engine.sharing.grant(mine!.id)).rejects.toMatchObject({ code: "unavailable" });
  expect(fresh.rows).toEqual([]);
  readersOfTwo("not-found", 404);
  const outcomes = await fresh.engine.sharing.grant(mine!.id);
  expect(new Map(outcomes.map(({ report, state }) => [report, state]))).toEqual(
    new Map([
      [one, "done"],
      [two, "failed"],
    ]),
  );
  const { key } = fresh.engine.sharing.contacts.current.find(({ email }) => email === ana)!;
  expect(await fresh.engine.sharing.sharedWith()).toEqual(new Map([[one, [key]]]));
  expect(fresh.engine.sharing.requests.current).toMatchObject([{ id: mine!.id, reports: [two] }]);
  after.meddle = () => null;
  expect(await fresh.engine.sharing.grant(mine!.id)).toMatchObject([{ report: two, state: "done" }]);
  expect(fresh.engine.sharing.requests.current).toEqual([]);
  expect((await fresh.engine.sharing.sharedWith()).get(two)).toEqual([key]);
  expect(fresh.row("two")).toMatchObject({ isMine: true });
});

it("is hers again too where a doctor had stored it for her, whom she has compared before she looked", async () => {
  const [okafor, ingrid] = [newEmail(), newEmail()];
  const his = new Browser(server);
  const doctor = await signedUp(his, okafor);
  const before = new Browser(server);
  const lost = await signedUp(before, ingrid);
  await verify(lost, okafor);
  const expires = formatTime(nowSeconds() + 90 * 86_400);
  const scope = { categories: ["lab"], subjects: "*", professions: "*" } as const;
  await lost.engine.sharing.delegate({ to: okafor, ...scope, rights: ["upload"], expires, parent: null });
  his.use();
  await verify(doctor, ingrid);
  await doctor.engine.sharing.refreshDelegations();
  const ended = uploadsEnded(his);
  const [upload] = await doctor.engine.upload([{ file: fileOf("lab.txt", 300, 3), owner: ingrid, category: "lab" }]);
  await doctor.settled();
  expect(doctor.uploads!.items.find(({ id }) => id === upload)).toMatchObject({ state: "saved" });
  const { id } = doctor.row("lab");
  await ended();

  const { browser: after, page: fresh } = await withNewKey(ingrid);
  his.use();
  await verify(doctor, ingrid);
  await doctor.engine.sharing.refreshDelegations();
  const [request] = doctor.engine.sharing.requests.current;
  expect(await doctor.engine.sharing.grant(request!.id)).toMatchObject([{ report: id, state: "done" }]);

  after.use();
  await verify(fresh, okafor);
  // Whatever else looks first must not take it for a report of somebody else's.
  await fresh.engine.refresh();
  expect(fresh.refused).toMatchObject([{ report: id, error: { code: "key-mismatch" } }]);
  await fresh.engine.sharing.lookAgain();
  expect(fresh.rows).toEqual([]);
  const [mine] = fresh.engine.sharing.requests.current;
  expect(mine).toMatchObject({ kind: "former-key", reports: [id] });
  await fresh.engine.sharing.grant(mine!.id);
  expect(fresh.row("lab")).toMatchObject({ id, isMine: true });
  await fresh.engine.edit(id, { title: "lab, mine again" });
  expect(fresh.row("lab, mine again")).toMatchObject({ revision: 2, isMine: true });
});
