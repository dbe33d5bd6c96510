/** Standing delegations between pages: given, taken in, acting on uploads, passed on, ended. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateKey } from "../../src/crypto/keys.ts";
import type { Browser } from "./running.ts";
import { PASSWORD, Server } from "./serving.ts";
import { compared, emailsReading, inDays, request, Somebody } from "./somebody.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());

/** Roots of the messages that wait for somebody. */
async function rootsInInbox(somebody: Somebody): Promise<string[]> {
  let roots: string[] = [];
  somebody.browser.meddle = async (request, forward) => {
    if (request.method !== "GET" || !new URL(request.url).pathname.endsWith("/inbox")) return null;
    const answer = (await (await forward()).json()) as { items: { root: string }[] };
    roots = answer.items.map(({ root }) => root);
    return new Response(JSON.stringify({ ...answer, items: [] }));
  };
  await somebody.at.engine.sharing.refreshDelegations();
  expect(roots).not.toEqual([]);
  return roots;
}

function missing(roots: readonly string[]): Browser["meddle"] {
  return ({ url }) => (roots.some((root) => url.includes(`/ipfs/${root}`)) ? new Response("", { status: 404 }) : null);
}

const RIGHTS = ["read", "upload", "redelegate"] as const;

/** Has what is deleted on the way remembered. */
function deleted(somebody: Somebody): string[] {
  const paths: string[] = [];
  somebody.browser.meddle = ({ method, url }) => {
    if (method === "DELETE") paths.push(new URL(url).pathname.replace("/api/v1", ""));
    return null;
  };
  return paths;
}

/** Whom `somebody` lets do something, and who lets her, after a look. */
async function delegationsOf(somebody: Somebody): Promise<string[]> {
  await somebody.at.engine.sharing.refreshDelegations();
  return somebody.page.engine.sharing.delegations.current.items.map(({ id }) => id);
}

describe("a standing delegation", () => {
  let [ana, boris, cleo]: Somebody[] = [];
  let [past, given]: string[] = [];
  beforeAll(async () => {
    ana = await Somebody.signedUp(server);
    boris = await Somebody.signedUp(server);
    cleo = await Somebody.signedUp(server);
    past = await ana.store("old lab.txt", "lab", 1);
  });

  it("is given only to somebody whose number was compared, and within its bounds", async () => {
    await ana!.at.engine.sharing.meet(boris!.email);
    await expect(ana!.at.engine.sharing.delegate(request(boris!.email))).rejects.toMatchObject({
      code: "forbidden",
      facts: { person: boris!.email },
    });
    await compared(ana!, boris!);
    for (const [change, field] of [
      [{ expires: inDays(400) }, "expires"],
      [{ expires: "2020-01-01T00:00:00Z" }, "expires"],
      [{ categories: [] }, "categories"],
      [{ rights: [] }, "rights"],
    ] as const) {
      await expect(ana!.at.engine.sharing.delegate(request(boris!.email, change))).rejects.toMatchObject({
        code: "invalid-input",
        facts: { field },
      });
    }
    await ana!.at.engine.sharing.refreshDelegations();
    expect(ana!.page.engine.sharing.delegations.current).toMatchObject({ status: "ready", items: [] });
  });

  it("reaches the other, and acts on what is stored from then on", async () => {
    const made = await ana!.at.engine.sharing.delegate(request(boris!.email, { rights: RIGHTS }));
    given = made.id;
    expect(made).toMatchObject({ state: "active", side: "given", to: { email: boris!.email } });
    // Blocks that are missing may come yet: the message waits.
    boris!.browser.meddle = missing(await rootsInInbox(boris!));
    await boris!.at.engine.sharing.refreshDelegations();
    expect(boris!.page.engine.sharing.delegations.current).toMatchObject({ status: "ready", items: [] });
    boris!.browser.meddle = () => null;
    await boris!.at.engine.sharing.refreshDelegations();
    expect(boris!.page.engine.sharing.delegations.current.items).toMatchObject([
      { id: given, side: "received", from: { email: ana!.email }, categories: ["lab"] },
    ]);
    const lab = await ana!.store("new lab.txt", "lab", 2);
    const letter = await ana!.store("letter.txt", "letter", 3);
    expect(await emailsReading(ana!, lab)).toEqual([ana!.email, boris!.email].sort());
    expect(await emailsReading(ana!, letter)).toEqual([ana!.email]);
    const reader = (await ana!.at.engine.sharing.readersOf(lab)).readers.find(({ isOwner }) => !isOwner);
    expect(reader).toMatchObject({ delegation: given });
    await boris!.at.engine.sharing.refreshReceived();
    expect(boris!.page.rows.map(({ id }) => id)).toEqual([lab]);
    const { bytes } = await boris!.at.engine.preview(lab, { maxBytes: 1000 });
    expect(bytes).toHaveLength(400);
  });

  it("is applied to the past when asked to, and again without harm", async () => {
    const scope = { categories: ["lab"], subjects: "*", professions: "*" } as const;
    expect(await ana!.at.engine.sharing.reportsIn(scope)).toHaveLength(2);
    const first = await ana!.at.engine.sharing.applyToPast(given!);
    expect(first.map(({ state }) => state).sort()).toEqual(["done", "unchanged"]);
    const again = await ana!.at.engine.sharing.applyToPast(given!);
    expect(again.map(({ state }) => state)).toEqual(["unchanged", "unchanged"]);
    expect(await emailsReading(ana!, past!)).toContain(boris!.email);
  });

  it("goes on with the past at the next opening, where a closed page was stopped", async () => {
    const dora = await Somebody.signedUp(server);
    await compared(ana!, dora);
    const { id } = await ana!.at.engine.sharing.delegate(request(dora.email));
    let isAway = false;
    ana!.browser.meddle = (request) => {
      isAway ||= request.method === "PUT" && request.url.includes("/reports/");
      if (isAway) throw new TypeError("network");
      return null;
    };
    const stopped = await ana!.at.engine.sharing.applyToPast(id).catch((error: unknown) => error);
    expect(JSON.stringify(stopped)).toMatch(/unreachable/);
    ana!.page.engine.lock();
    ana!.browser.meddle = () => null;
    ana!.page = await ana!.browser.page();
    await ana!.page.engine.unlock(PASSWORD);
    await ana!.at.engine.sharing.refreshDelegations();
    await expect.poll(async () => (await ana!.at.engine.sharing.sharedWith()).size, { timeout: 60_000 }).toBe(2);
    await expect.poll(() => emailsReading(ana!, past!), { timeout: 60_000 }).toContain(dora.email);
    await ana!.at.engine.sharing.endDelegation(id);
  });

  it("is passed on only within itself, and acts once its owner says so", async () => {
    await compared(boris!, cleo!);
    const { sharing } = boris!.at.engine;
    await expect(
      sharing.delegate(request(cleo!.email, { parent: given!, categories: "*" })),
    ).rejects.toMatchObject({ code: "delegation-refused" });
    const passed = await sharing.delegate(request(cleo!.email, { parent: given!, expires: inDays(30) }));
    await ana!.at.engine.sharing.refreshDelegations();
    const [waiting] = ana!.page.engine.sharing.requests.current;
    expect(waiting).toMatchObject({ kind: "redelegation", id: passed.id });
    const before = await ana!.store("lab 3.txt", "lab", 4);
    expect(await emailsReading(ana!, before)).not.toContain(cleo!.email);
    await expect(ana!.at.engine.sharing.grant(passed.id)).rejects.toMatchObject({ code: "forbidden" });
    await compared(ana!, cleo!);
    await ana!.at.engine.sharing.grant(passed.id);
    expect(ana!.page.engine.sharing.requests.current).toEqual([]);
    const after = await ana!.store("lab 4.txt", "lab", 5);
    expect(await emailsReading(ana!, after)).toEqual([ana!, boris!, cleo!].map(({ email }) => email).sort());
  });

  it("is not given twice by a second try, when the first could not be told", async () => {
    const before = await delegationsOf(ana!);
    const again = request(boris!.email, { categories: ["letter"], expires: inDays(40) });
    ana!.browser.meddle = (each) =>
      each.url.endsWith("/inbox") ? new Response(JSON.stringify({ code: "unavailable" }), { status: 503 }) : null;
    await expect(ana!.at.engine.sharing.delegate(again)).rejects.toMatchObject({ code: "unavailable" });
    ana!.browser.meddle = () => null;
    const { id } = await ana!.at.engine.sharing.delegate(again);
    expect((await delegationsOf(ana!)).filter((each) => !before.includes(each))).toEqual([id]);
    expect(await delegationsOf(boris!)).toContain(id);
    await ana!.at.engine.sharing.endDelegation(id);
  });

  it("is not passed on past the owner of the record, whose key has changed", async () => {
    const dora = await Somebody.signedUp(server);
    await compared(boris!, dora);
    const mallory = await generateKey("Ana", ana!.email);
    boris!.browser.meddle = async (each, forward) => {
      if (!each.url.endsWith("/people/find")) return null;
      const answer = (await (await forward()).json()) as object;
      return new Response(JSON.stringify({ ...answer, certificate: mallory.certificate.armored }));
    };
    const { key } = await boris!.at.engine.sharing.meet(ana!.email);
    boris!.browser.meddle = () => null;
    const before = await delegationsOf(boris!);
    const refused = boris!.at.engine.sharing.delegate(request(dora.email, { parent: given!, expires: inDays(9) }));
    await expect(refused).rejects.toMatchObject({ code: "certificate-changed", facts: { person: ana!.email } });
    expect(key).toBe(mallory.keyId);
    expect(await delegationsOf(boris!)).toEqual(before);
    await compared(boris!, ana!);
  });

  it("whose end arrives takes the permission to upload back, too", async () => {
    const change = { parent: given!, expires: inDays(20), rights: ["upload"] } as const;
    const { id, to } = await boris!.at.engine.sharing.delegate(request(cleo!.email, change));
    await delegationsOf(ana!);
    await ana!.at.engine.sharing.grant(id);
    await boris!.at.engine.sharing.endDelegation(id);
    const paths = deleted(ana!);
    expect(await delegationsOf(ana!)).not.toContain(id);
    expect(paths).toContain(`/uploaders/${to.key}`);
    ana!.browser.meddle = () => null;
  });

  it("that is ended lets nobody read what comes after, below it neither", async () => {
    const his = await boris!.store("of boris.txt", "letter", 30);
    await boris!.at.engine.sharing.share({ reports: [his], people: [ana!.email] });
    await ana!.at.engine.sharing.refreshReceived();
    await ana!.at.engine.sharing.share({ reports: [his], people: [cleo!.email] });
    await ana!.at.engine.trash([past!]);
    const paths = deleted(ana!);
    const held = await delegationsOf(cleo!);
    expect(held).toHaveLength(1);
    const { to } = ana!.page.engine.sharing.delegations.current.items.find(({ id }) => id === given)!;
    const ended = await ana!.at.engine.sharing.endDelegation(given!);
    expect(paths).toContain(`/uploaders/${to.key}`);
    expect(await delegationsOf(cleo!)).toEqual([]);
    expect(await delegationsOf(ana!)).not.toContain(held[0]);
    ana!.browser.meddle = () => null;
    expect(ended.delegation.id).toBe(given);
    expect(ended.stillReadable).toContain(past);
    expect(ended.stillReadable).not.toContain(his);
    const lab = await ana!.store("lab 5.txt", "lab", 6);
    expect(await emailsReading(ana!, lab)).toEqual([ana!.email]);
    await boris!.at.engine.sharing.refreshDelegations();
    const kept = boris!.page.engine.sharing.delegations.current.items.map(({ id }) => id);
    expect(kept).not.toContain(given);
    await expect(ana!.at.engine.sharing.endDelegation(given!)).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("a delegate who is taken off one report by hand", () => {
  it("comes back to none of its versions by the delegation, which goes on for others", async () => {
    const [ana, boris] = [await Somebody.signedUp(server), await Somebody.signedUp(server)];
    await compared(ana, boris);
    await ana.at.engine.sharing.delegate(request(boris.email));
    const both = [ana.email, boris.email].sort();
    const id = await ana.store("blood.txt", "lab", 4);
    expect(await emailsReading(ana, id)).toEqual(both);
    await ana.at.engine.sharing.unshare({ reports: [id], person: boris.email });
    for (const title of ["one", "two", "three"]) {
      await ana.at.engine.edit(id, { title });
      expect(await emailsReading(ana, id)).toEqual([ana.email]);
    }
    expect(await emailsReading(ana, await ana.store("urine.txt", "lab", 5))).toEqual(both);
  });
});
