/** What others and the server do meanwhile: found without being asked for, and named where it is not as it should be. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CarriedNote } from "../../src/crypto/notes.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import { signDelegation } from "../../src/vault/delegation.ts";
import { contactsOf } from "../../src/vault/index/state.ts";
import { makeId } from "../../src/vault/words.ts";
import { sendMessage } from "../../src/worker/messages.ts";
import { Browser } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";
import { compared, emailsReading, inDays, request, Somebody } from "./somebody.ts";

let server: Server;
let [ana, boris]: Somebody[] = [];
beforeAll(async () => {
  server = await Server.start();
  ana = await Somebody.signedUp(server);
  boris = await Somebody.signedUp(server);
  await compared(ana, boris);
});
afterAll(() => server.remove());

/** Notices that stand on somebody's page, which are then seen. */
async function noticed(somebody: Somebody) {
  const { sharing } = somebody.at.engine;
  const notices = [...sharing.notices.current];
  await sharing.seen(notices.map(({ id }) => id));
  expect(sharing.notices.current).toEqual([]);
  return notices;
}

describe("a delegate who is not given what is stored", () => {
  it("is named at upload, edit and new version, each report under one notice", async () => {
    await ana!.at.engine.sharing.delegate(request(boris!.email, { expires: inDays(30) }));
    const there = await ana!.store("blood.txt", "lab", 1);
    expect(await noticed(ana!)).toEqual([]);
    await ana!.meetChanged(boris!);
    const left = [{ email: boris!.email, why: "changed" }];
    const stored = [await ana!.store("lab 2.txt", "lab", 2), await ana!.store("lab 3.txt", "lab", 3)];
    expect(await noticed(ana!)).toMatchObject([{ kind: "left-out", reports: stored, people: left }]);
    const letter = await ana!.store("letter.txt", "letter", 4);
    expect(await noticed(ana!)).toEqual([]);
    await ana!.at.engine.edit(letter, { category: "lab" });
    expect(await noticed(ana!)).toMatchObject([{ kind: "left-out", reports: [letter], people: left }]);
    await ana!.at.engine.update(there, { file: fileOf("blood.txt", 300, 5) });
    await ana!.page.settled();
    expect(await noticed(ana!)).toMatchObject([{ kind: "left-out", reports: [there], people: left }]);
    expect(await emailsReading(ana!, there)).toEqual([ana!.email]);
    await compared(ana!, boris!);
  });

  it("is named once its delegation is over, when the report it read says something else", async () => {
    const { id } = await ana!.at.engine.sharing.delegate(request(boris!.email, { categories: ["imaging"] }));
    const report = await ana!.store("scan.txt", "imaging", 6);
    expect(await emailsReading(ana!, report)).toContain(boris!.email);
    await ana!.at.engine.sharing.endDelegation(id);
    await ana!.at.engine.edit(report, { title: "Scan of the knee" });
    expect(await noticed(ana!)).toMatchObject([
      { kind: "left-out", reports: [report], people: [{ email: boris!.email, why: "lapsed" }] },
    ]);
  });
});

describe("a message in the inbox", () => {
  it("that is forged or about somebody else is named, and stays until it is seen", async () => {
    const { key } = boris!.vault;
    const [contact] = contactsOf(boris!.vault.index.state).filter(({ email }) => email === ana!.email);
    const certificates = [key.certificate, ana!.vault.key.certificate];
    const note = async (to: string): Promise<CarriedNote> =>
      signDelegation(key, {
        ...{ id: makeId(), from: key.keyId, to, subjects: "*", categories: "*", professions: "*", rights: ["read"] },
        ...{ parent: null, owner: null, email: null, created: formatTime(nowSeconds()), expires: inDays(9), extra: {} },
      });
    const toHer = await note(contact!.key);
    const toNobody = await note("ef".repeat(40).slice(0, contact!.key.length));
    const forged = { ...toHer, signature: toNobody.signature };
    for (const each of [forged, toNobody, { note: "nonsense", signature: "" }]) {
      await sendMessage(boris!.vault, each as CarriedNote, { certificates, emails: [ana!.email] }, "delegation");
    }
    const fetched: string[] = [];
    ana!.browser.meddle = ({ url }) => {
      if (url.includes("/ipfs/")) fetched.push(url);
      return null;
    };
    await ana!.at.engine.sharing.refreshDelegations();
    const once = new Set(fetched.splice(0));
    expect(once.size).toBeGreaterThanOrEqual(3);
    // They wait, and are not fetched again for that.
    await ana!.at.engine.sharing.refreshDelegations();
    expect(fetched.filter((url) => once.has(url))).toEqual([]);
    ana!.browser.meddle = () => null;
    const named = await noticed(ana!);
    const from = boris!.email;
    expect(named).toMatchObject([
      { kind: "message", from, error: { code: "delegation-refused" } },
      { kind: "message", from, error: { code: "delegation-refused" } },
      { kind: "message", from, error: { code: "note-refused" } },
    ]);
    await ana!.at.engine.sharing.refreshDelegations();
    expect(ana!.page.engine.sharing.notices.current).toEqual([]);
  });
});

describe("the permission to store", () => {
  it("lasts as long as the longest of what gives it, and is shortened to what is left", async () => {
    const asked: string[] = [];
    ana!.browser.meddle = ({ method, url }) => {
      if (url.includes("/uploaders/")) asked.push(method);
      return null;
    };
    const until = async (): Promise<string | undefined> => {
      const answer = (await ana!.vault.transport.call("GET", "/uploaders")) as { items: { expires: string }[] };
      return answer.items[0]?.expires;
    };
    const change = { rights: ["upload"], categories: ["genetics"] } as const;
    const [long, short] = [inDays(60), inDays(20)];
    const first = await ana!.at.engine.sharing.delegate(request(boris!.email, { ...change, expires: long }));
    const second = await ana!.at.engine.sharing.delegate(request(boris!.email, { ...change, expires: short }));
    expect(await until()).toBe(long);
    await ana!.at.engine.sharing.endDelegation(first.id);
    expect(await until()).toBe(short);
    await ana!.at.engine.sharing.endDelegation(second.id);
    expect(await until()).toBeUndefined();
    expect(asked).toEqual(["PUT", "PUT", "PUT", "DELETE"]);
    ana!.browser.meddle = () => null;
  });

  it("that could not be taken back is taken back by a later page, and once only", async () => {
    const change = { rights: ["upload"], categories: ["genetics"] } as const;
    const { id, to } = await ana!.at.engine.sharing.delegate(request(boris!.email, change));
    let isAway = true;
    const asked: string[] = [];
    ana!.browser.meddle = ({ method, url }) => {
      if (!url.endsWith(`/uploaders/${to.key}`)) return null;
      asked.push(method);
      return isAway ? new Response(JSON.stringify({ code: "unavailable" }), { status: 503 }) : null;
    };
    // Ended it is all the same: what counts stands in her index.
    expect(await ana!.at.engine.sharing.endDelegation(id)).toMatchObject({ isServerTold: false });
    expect(ana!.page.engine.sharing.delegations.current.items.map((each) => each.id)).not.toContain(id);
    ana!.page.engine.lock();
    isAway = false;
    asked.length = 0;
    ana!.page = await ana!.browser.page();
    await ana!.page.engine.unlock(PASSWORD);
    await ana!.at.engine.sharing.lookAgain();
    expect(asked).toEqual(["DELETE"]);
    expect(await ana!.vault.transport.call("GET", "/uploaders")).toMatchObject({ items: [] });
    await ana!.at.engine.sharing.lookAgain();
    expect(asked).toEqual(["DELETE"]);
    ana!.browser.meddle = () => null;
  });
});

describe("a root of the same revision with other readers", () => {
  /** A report of hers whose reader the server takes off. */
  async function takenOff(name: string, seed: number): Promise<string> {
    const report = await ana!.store(`${name}.txt`, "other", seed);
    const root = ana!.page.row(name).cid;
    await ana!.at.engine.sharing.share({ reports: [report], people: [boris!.email] });
    ana!.browser.meddle = async (asked, forward) => {
      const { pathname } = new URL(asked.url);
      const items = [{ report, root, deleted: false }];
      const lie = pathname.endsWith("/changes") ? { items } : pathname.endsWith(`/reports/${report}`) ? { root } : null;
      return lie === null ? null : new Response(JSON.stringify({ ...((await (await forward()).json()) as object), ...lie }));
    };
    await ana!.at.engine.refresh();
    ana!.browser.meddle = () => null;
    expect(ana!.page.row(name).cid).toBe(root);
    return report;
  }

  it("that lacks one is entered, and who is gone is named", async () => {
    const report = await takenOff("alone", 10);
    const gone = [{ email: boris!.email }];
    expect(await noticed(ana!)).toMatchObject([{ kind: "taken-off", reports: [report], people: gone, unnamed: 0 }]);
    expect((await ana!.vault.index.readersOf(report)).removed).toHaveLength(1);
  });

  it("is named whatever the server calls a message to her", async () => {
    const report = await takenOff("named", 12);
    const certificates = [boris!.vault.key.certificate, ana!.vault.key.certificate];
    const nonsense = { note: "nonsense", signature: "" } as unknown as CarriedNote;
    await sendMessage(boris!.vault, nonsense, { certificates, emails: [ana!.email] }, "delegation");
    ana!.browser.meddle = async (asked, forward) => {
      if (!new URL(asked.url).pathname.endsWith("/inbox")) return null;
      const answer = (await (await forward()).json()) as { items: object[] };
      const items = answer.items.map((item) => ({ ...item, id: `taken-off ${report}` }));
      return new Response(JSON.stringify({ ...answer, items }));
    };
    await ana!.at.engine.sharing.refreshDelegations();
    ana!.browser.meddle = () => null;
    expect(await noticed(ana!)).toMatchObject([{ kind: "taken-off", reports: [report] }]);
    await ana!.at.engine.sharing.refreshDelegations();
    expect(await noticed(ana!)).toMatchObject([{ kind: "message" }]);
  });

  it("from a share whose index was not written is entered at the next look", async () => {
    const report = await ana!.store("again.txt", "other", 11);
    const people = [boris!.email];
    await ana!.at.engine.sharing.share({ reports: [report], people });
    await ana!.at.engine.sharing.unshare({ reports: [report], person: boris!.email });
    ana!.browser.meddle = ({ method, url }) =>
      method === "PUT" && url.endsWith("/index") ? new Response(JSON.stringify({ code: "unavailable" }), { status: 503 }) : null;
    expect(await ana!.at.engine.sharing.share({ reports: [report], people })).toMatchObject([{ state: "failed" }]);
    ana!.browser.meddle = () => null;
    await ana!.at.engine.refresh();
    expect((await ana!.vault.index.readersOf(report)).readers).toHaveLength(1);
    await ana!.at.engine.edit(report, { title: "Again and again" });
    expect(ana!.page.row("Again and again").id).toBe(report);
    expect(ana!.page.engine.sharing.notices.current.filter(({ kind }) => kind === "taken-off")).toEqual([]);
  });
});

describe("what somebody else shares", () => {
  it("is found without being asked for, and leaves her own list alone where she takes it out", async () => {
    const report = await boris!.store("his.txt", "letter", 20);
    await boris!.at.engine.sharing.share({ reports: [report], people: [ana!.email] });
    await ana!.at.engine.sharing.lookAgain();
    const there = (): boolean => ana!.page.rows.some(({ id, deleted }) => id === report && deleted === null);
    expect(there()).toBe(true);
    expect(ana!.page.engine.sharing.received.current).toMatchObject({ status: "ready", items: [{ report }] });
    await ana!.at.engine.trash([report]);
    expect(there()).toBe(false);
    await ana!.at.engine.sharing.lookAgain();
    expect(there()).toBe(false);
    expect(ana!.page.engine.sharing.received.current.items).toEqual([]);
    expect(boris!.page.row("his").deleted).toBeNull();
    expect(await emailsReading(boris!, report)).toContain(ana!.email);
    await ana!.at.engine.restore([report]);
    expect(there()).toBe(true);
    await ana!.at.engine.trash([report]);
    await ana!.at.engine.purge([report]);
    expect(ana!.page.rows.some(({ id }) => id === report)).toBe(false);
    // Shared as it is, it does not come back, and is not passed over without a word.
    await ana!.at.engine.sharing.refreshReceived();
    expect(ana!.page.engine.sharing.received.current.items).toMatchObject([
      { report, standing: "refused", error: { code: "conflict" }, sharer: { email: boris!.email } },
    ]);
    await expect(ana!.at.engine.sharing.acceptReceived(report)).rejects.toMatchObject({ code: "conflict" });
    expect(ana!.page.rows.some(({ id }) => id === report)).toBe(false);
    await boris!.at.engine.refresh();
    expect(boris!.page.row("his").deleted).toBeNull();
  });

  it("is not looked for with an error where the server is away", async () => {
    ana!.browser.meddle = () => {
      throw new TypeError("network");
    };
    const before = ana!.page.engine.sharing.received.current;
    await ana!.at.engine.sharing.lookAgain();
    ana!.browser.meddle = () => null;
    expect(ana!.page.engine.sharing.received.current).toEqual(before);
  });
});

describe("what is still readable after an end", () => {
  it("names a report that they were taken off, until its key is new", async () => {
    const { id } = await ana!.at.engine.sharing.delegate(request(boris!.email, { categories: ["dental"] }));
    const report = await ana!.store("teeth.txt", "dental", 30);
    await ana!.at.engine.sharing.unshare({ reports: [report], person: boris!.email });
    expect((await ana!.at.engine.sharing.endDelegation(id)).stillReadable).toContain(report);
    const again = await ana!.at.engine.sharing.delegate(request(boris!.email, { categories: ["dental"] }));
    await ana!.at.engine.sharing.rekey(report, { keep: [] });
    expect((await ana!.at.engine.sharing.endDelegation(again.id)).stillReadable).not.toContain(report);
  });

  it("names a report of which only an earlier version opens, and says so, until its key is new", async () => {
    const { sharing } = ana!.at.engine;
    const there = async (): Promise<boolean[]> => {
      const { id } = await sharing.delegate(request(boris!.email, { categories: ["dental"] }));
      const { stillReadable, earlier } = await sharing.endDelegation(id);
      return [stillReadable, earlier].map((ids) => ids.includes(report));
    };
    const report = await ana!.store("teeth 2.txt", "letter", 31);
    await sharing.share({ reports: [report], people: [boris!.email] });
    expect(await there()).toEqual([true, false]);
    await sharing.unshare({ reports: [report], person: boris!.email });
    await ana!.at.engine.update(report, { file: fileOf("teeth 2.txt", 300, 32) });
    await ana!.page.settled();
    await ana!.at.engine.trash([report]);
    expect(await there()).toEqual([true, true]);
    const open = await sharing.stillReadable(boris!.email);
    expect([open.stillReadable, open.earlier].map((ids) => ids.includes(report))).toEqual([true, true]);
    await ana!.at.engine.restore([report]);
    expect(await sharing.readersOf(report)).toMatchObject({ removed: [], earlier: [{ email: boris!.email }] });
    await sharing.share({ reports: [report], people: [boris!.email] });
    expect(await there()).toEqual([true, false]);
    expect((await sharing.readersOf(report)).earlier).toEqual([]);
    await sharing.unshare({ reports: [report], person: boris!.email });
    await sharing.rekey(report, { keep: [] });
    expect(await there()).toEqual([false, false]);
  });

  it("names it too where a share entered the new key of another device, whose index never followed", async () => {
    const cleo = await Somebody.signedUp(server);
    await compared(ana!, cleo);
    const { sharing } = ana!.at.engine;
    const { id } = await sharing.delegate(request(boris!.email, { categories: ["dental"] }));
    const report = await ana!.store("teeth 3.txt", "dental", 33);
    await sharing.endDelegation(id);
    const beside = new Browser(server);
    const device = await beside.page();
    await device.engine.signIn({ email: ana!.email, password: PASSWORD });
    beside.meddle = ({ method, url }) =>
      method === "PUT" && url.endsWith("/index") ? new Response(JSON.stringify({ code: "unavailable" }), { status: 503 }) : null;
    // His delegation is over: a new title has a new session key, without him.
    await device.engine.edit(report, { title: "Teeth" }).catch(() => undefined);
    expect((await device.engine.versions(report))[0]).toMatchObject({ revision: 2 });
    device.engine.lock();
    expect(ana!.at.row("teeth 3").revision).toBe(1);
    expect(await sharing.share({ reports: [report], people: [cleo.email] })).toMatchObject([{ state: "done" }]);
    expect(await sharing.readersOf(report)).toMatchObject({ removed: [], earlier: [{ email: boris!.email }] });
  });
});
