/** What must not be shared, or not now: said by its reason, and nothing is written. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { UnlockedKey } from "../../src/crypto/keys.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import type { NewDelegation } from "../../src/engine/interface.ts";
import { vectorsOf } from "../unit/vectors.ts";
import { Liar, shownAs } from "./liar.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";
import { compared } from "./somebody.ts";

const [anas, boriss] = [newEmail(), newEmail()];
let server: Server;
let hers: Browser;
let his: Browser;
let ana: Page;
let boris: Page;
let liar: Liar;
/** Somebody whose key the test has. */
let carla: UnlockedKey;
let id: string;

beforeAll(async () => {
  server = await Server.start();
  [hers, his] = [new Browser(server), new Browser(server)];
  liar = new Liar(server, hers);
  boris = await signedUp(his, boriss);
  // Tests set the clock: that is no quiet time after which a vault is to lock.
  await boris.engine.changeSettings({ lockMinutes: 240 });
  ana = await signedUp(hers, anas);
  await ana.engine.changeSettings({ lockMinutes: 240 });
  await ana.store(fileOf("blood.txt", 100, 1));
  ({ id } = ana.row("blood"));
  carla = await liar.met(ana, "Carla");
  liar.behave();
  await compared({ browser: hers, page: ana, email: anas }, { browser: his, page: boris, email: boriss });
});
afterAll(() => server.remove());
beforeEach(() => {
  hers.use();
  liar.behave();
});
afterEach(() => vi.useRealTimers());

/** This machine's clock goes wrong by so much; timers run on. */
function clockOff(minutes: number): void {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: now + minutes * 60_000 });
}

function certificateOf(name: string): string {
  return (vectorsOf("certificates").find((each) => each.name === `certificates/${name}`)!.vector as { armored: string }).armored;
}

function inDays(days: number): string {
  return formatTime(nowSeconds() + days * 86_400);
}

function delegation(to: string, change: Partial<NewDelegation> = {}): NewDelegation {
  const scope = { categories: "*", subjects: "*", professions: "*" } as const;
  return { to, ...scope, rights: ["read"], expires: inDays(30), parent: null, ...change };
}

/** Emails of who reads a report of Ana's. */
async function readersOf(report: string): Promise<(string | null)[]> {
  const { readers } = await ana.engine.sharing.readersOf(report);
  return readers.map(({ email }) => email).sort();
}

describe("to share with", () => {
  let requests: string[] = [];
  const watched = (): void => {
    requests = [];
    hers.meddle = ({ method, url }) => {
      requests.push(`${method} ${new URL(url).pathname}`);
      return null;
    };
  };

  it("oneself, however written, is refused before anything is asked", async () => {
    const { sharing } = ana.engine;
    watched();
    for (const me of [anas, anas.toUpperCase(), ` ${anas} `]) {
      const refused = { code: "invalid-input", facts: { field: "email" } };
      await expect(sharing.share({ reports: [id], people: [me] })).rejects.toMatchObject(refused);
      await expect(sharing.delegate(delegation(me))).rejects.toMatchObject(refused);
    }
    expect(requests).toEqual([]);
    expect(await readersOf(id)).toEqual([anas]);
  });

  it("nobody, or somebody whom the server does not know, is refused", async () => {
    const { sharing } = ana.engine;
    liar.tell({});
    await expect(sharing.share({ reports: [id], people: [] })).rejects.toMatchObject({ code: "invalid-input" });
    for (const [email, code] of [["nobody@example.org", "not-found"], ["no address", "invalid-input"]] as const) {
      await expect(sharing.share({ reports: [id], people: [boriss, email] })).rejects.toMatchObject({ code });
      await expect(sharing.delegate(delegation(email))).rejects.toMatchObject({ code });
    }
    expect(liar.writes).toEqual([]);
    expect(await readersOf(id)).toEqual([anas]);
  });

  it("a thousand people at once is refused before anybody is looked up", async () => {
    watched();
    const people = Array.from({ length: 1000 }, (_, n) => `somebody${n}@example.org`);
    await expect(ana.engine.sharing.share({ reports: [id], people })).rejects.toMatchObject({
      code: "limit-exceeded",
      message: "A report is shared with at most 100 people at once.",
    });
    expect(requests).toEqual([]);
  });

  it("a key that was revoked is refused, and stays so when the server no longer shows it", async () => {
    const { sharing } = ana.engine;
    const email = "probe@example.org";
    const refused = { code: "certificate-refused", facts: { person: email } };
    const share = () => sharing.share({ reports: [id], people: [email] });
    const shown = (name: string) => liar.tell({ "/people/find": () => ({ name: "", certificate: certificateOf(name) }) });
    shown("ok-own");
    const { contact, key } = await sharing.meet(email);
    expect(contact.isUsable).toBe(true);
    await sharing.verifyPerson(email, { kind: "seen", key });
    liar.writes.length = 0;
    shown("revoked");
    await expect(share()).rejects.toMatchObject(refused);
    await expect(sharing.delegate(delegation(email))).rejects.toMatchObject(refused);
    shown("ok-own");
    await expect(share()).rejects.toMatchObject(refused);
    expect(sharing.contacts.current.find((each) => each.key === key)).toMatchObject({ isUsable: false });
    expect(liar.writes.filter((path) => /reports|inbox/.test(path))).toEqual([]);
    expect(await readersOf(id)).toEqual([anas]);
  });

  it("a key that has expired is refused", async () => {
    his.use();
    await boris.store(fileOf("eyes.txt", 50, 2));
    const toHim = new Liar(server, his);
    toHim.tell({ "/people/find": () => ({ name: "", certificate: certificateOf("expired") }) });
    const email = "probe@example.org";
    const { contact } = await boris.engine.sharing.meet(email);
    expect(contact).toMatchObject({ email, isUsable: false });
    toHim.writes.length = 0;
    const request = { reports: [boris.row("eyes").id], people: [email] };
    await expect(boris.engine.sharing.share(request)).rejects.toMatchObject({
      code: "certificate-refused",
      facts: { person: email },
    });
    expect(toHim.writes).toEqual([]);
    toHim.behave();
  });
});

describe("a report in the trash", () => {
  it("is neither shared nor taken from anybody, and comes back as it was", async () => {
    const { sharing } = ana.engine;
    await sharing.share({ reports: [id], people: [boriss] });
    const before = ana.row("blood").cid;
    await ana.engine.trash([id]);
    liar.tell({ "/people/find": () => shownAs(carla) });
    const people = [carla.certificate.email];
    await expect(sharing.share({ reports: [id], people })).rejects.toMatchObject({ code: "conflict" });
    await expect(sharing.unshare({ reports: [id], person: boriss })).rejects.toMatchObject({ code: "conflict" });
    expect(liar.writes).toEqual([]);
    liar.behave();
    await ana.engine.restore([id]);
    expect(ana.row("blood").cid).toBe(before);
    expect(await readersOf(id)).toEqual([anas, boriss].sort());
  });
});

describe("two pages of one person", () => {
  it("that share at the same moment: one is told, shares again, and nobody is lost", async () => {
    const elsewhere = new Browser(server);
    const second = await elsewhere.page();
    await second.engine.signIn({ email: anas, password: PASSWORD });
    const dora = newEmail();
    server.person("dora")("signup", dora, "--name", "Dora", "--kit", `${server.folder}/kit-dora`);
    hers.use();
    await ana.store(fileOf("both.txt", 70, 3));
    const { id: report } = ana.row("both");
    let isRaced = false;
    hers.meddle = async ({ method, url }) => {
      if (method !== "PUT" || !url.endsWith(`/reports/${report}`) || isRaced) return null;
      isRaced = true;
      elsewhere.use();
      await second.engine.refresh();
      await second.engine.sharing.share({ reports: [report], people: [dora] });
      hers.use();
      return null;
    };
    const { sharing } = ana.engine;
    expect(await sharing.share({ reports: [report], people: [boriss] })).toMatchObject([
      { state: "stale", error: { code: "stale-revision" }, meanwhile: { areReadersNew: true } },
    ]);
    expect((await sharing.readersOf(report)).readers).toHaveLength(2);
    expect(await sharing.share({ reports: [report], people: [boriss], retry: true })).toMatchObject([{ state: "done" }]);
    expect(await readersOf(report)).toEqual([anas, boriss, dora].sort());
  });
});

describe("a delegation that expires between list and upload", () => {
  const expires = () => formatTime(nowSeconds() + 3600);

  it("lets nobody read what is stored after, though it ended while the file was sent", async () => {
    await ana.engine.sharing.delegate(delegation(boriss, { expires: expires(), categories: ["lab"] }));
    const lab = { category: "lab" };
    await ana.engine.upload([{ file: fileOf("in time.txt", 80, 4), ...lab }]);
    await ana.settled();
    expect(await readersOf(ana.row("in time").id)).toEqual([anas, boriss].sort());
    expect(ana.engine.sharing.delegations.current.items).toMatchObject([{ state: "active" }]);
    let isOver = false;
    hers.meddle = ({ method, url }) => {
      if (method === "POST" && url.endsWith("/blocks") && !isOver) {
        isOver = true;
        clockOff(120);
      }
      return null;
    };
    // Its first blocks are sent before anybody is made a recipient.
    await ana.engine.upload([{ file: fileOf("too long.bin", 9_000_000, 5), ...lab }]);
    await ana.settled();
    expect(isOver).toBe(true);
    await ana.engine.upload([{ file: fileOf("too late.txt", 80, 8), ...lab }]);
    await ana.settled();
    for (const title of ["too long", "too late"]) expect(await readersOf(ana.row(title).id)).toEqual([anas]);
  });

  it("lets nobody store for its giver, and nothing is sent", async () => {
    his.use();
    await boris.engine.sharing.delegate(delegation(anas, { expires: expires(), rights: ["upload"] }));
    hers.use();
    await ana.engine.sharing.refreshDelegations();
    expect(await ana.engine.sharing.uploadRights()).toMatchObject([{ owner: { email: boriss } }]);
    clockOff(120);
    liar.tell({});
    const file = fileOf("for boris.txt", 60, 6);
    await expect(ana.engine.upload([{ file, owner: boriss }])).rejects.toMatchObject({ code: "delegation-refused" });
    expect(liar.writes).toEqual([]);
  });
});

describe("a clock that is wrong", () => {
  it("by ten minutes or less shares as ever; by an hour nothing is shared", async () => {
    const { sharing } = ana.engine;
    await ana.store(fileOf("clock.txt", 40, 7));
    const { id: report, cid } = ana.row("clock");
    const request = { reports: [report], people: [boriss] };
    for (const minutes of [60, -60]) {
      clockOff(minutes);
      // Ahead, the server takes no note of tomorrow; behind, a key that is not made yet is refused here.
      const shared = sharing.share(request);
      if (minutes < 0) await expect(shared).rejects.toMatchObject({ code: "certificate-refused" });
      else expect(await shared).toMatchObject([{ state: "failed", error: { code: "note-refused" } }]);
      vi.useRealTimers();
      expect(ana.row("clock").cid).toBe(cid);
      expect(await readersOf(report)).toEqual([anas]);
    }
    clockOff(8);
    expect(await sharing.share(request)).toMatchObject([{ state: "done" }]);
    vi.useRealTimers();
    his.use();
    await boris.engine.sharing.refreshReceived();
    expect(boris.row("clock")).toMatchObject({ id: report });
  });
});
