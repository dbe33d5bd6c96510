/** What the page shares the command line reads, and the reverse. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, Server } from "./serving.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());

type Shell = (...args: string[]) => string;

/** Somebody who signs up at a shell. */
function atShell(name: string, email: string): Shell {
  const shell = server.person(name);
  shell("signup", email, "--name", name, "--kit", join(server.folder, `kit-${name}`));
  return shell;
}

function jsonOf<T>(shell: Shell, ...args: string[]): T {
  return JSON.parse(shell("--json", ...args)) as T;
}

/** Both have compared the number. */
async function compared(page: Page, shell: Shell, [mine, theirs]: [string, string]): Promise<string> {
  const met = await page.engine.sharing.meet(theirs);
  const { safety_number: number } = jsonOf<{ safety_number: string }>(shell, "contacts", "show", mine);
  await page.engine.sharing.verifyPerson(theirs, { kind: "number", text: number });
  shell("contacts", "verify", mine, "--number", met.groups.join(" "));
  return number;
}

async function textOf(page: Page, id: string): Promise<string> {
  return Buffer.from((await page.engine.preview(id, { maxBytes: 1 << 26 })).bytes).toString("latin1");
}

describe("a person in the browser and one at a shell", () => {
  const [ana, boris] = [newEmail(), newEmail()];
  let browser: Browser;
  let page: Page;
  let shell: Shell;
  beforeAll(async () => {
    browser = new Browser(server);
    page = await signedUp(browser, ana);
    shell = atShell("boris", boris);
    await page.store(fileOf("blood.txt", 500, 1), fileOf("scan.bin", 3_000_000, 2), fileOf("own.txt", 20, 3));
  });

  it("meet, and see the same number", async () => {
    const met = await page.engine.sharing.meet(boris.toUpperCase());
    expect(met).toMatchObject({ isNew: true, isGone: false, key: met.contact.key });
    expect(met.contact).toMatchObject({ email: boris, trust: "unverified", isUsable: true });
    expect(page.engine.sharing.contacts.current).toMatchObject([{ email: boris }]);
    const shown = jsonOf<{ safety_number: string; key: string }>(shell, "contacts", "show", ana);
    expect(met.groups.join(" ")).toBe(shown.safety_number);
    expect(met.code).toContain(shown.key);
  });

  it("who have not compared it share one report, not two", async () => {
    const two = { reports: [page.row("blood").id, page.row("scan").id], people: [boris] };
    await expect(page.engine.sharing.share(two)).rejects.toMatchObject({
      code: "forbidden",
      facts: { person: boris },
    });
    const outcomes = await page.engine.sharing.share({ ...two, reports: [page.row("blood").id] });
    expect(outcomes).toMatchObject([{ state: "done", error: null }]);
    expect(jsonOf<{ reports: { id: string; standing: string }[] }>(shell, "shared").reports).toMatchObject([
      { id: page.row("blood").id },
    ]);
  });

  it("compare it: another number is a stranger, a slip is a slip", async () => {
    const { sharing } = page.engine;
    const met = await sharing.meet(boris);
    const other = met.groups.map((group) => group.replace(/./g, (digit) => `${(Number(digit) + 1) % 10}`)).join(" ");
    await expect(sharing.verifyPerson(boris, { kind: "number", text: other })).rejects.toMatchObject({
      code: "certificate-changed",
    });
    await expect(sharing.verifyPerson(boris, { kind: "number", text: "123" })).rejects.toMatchObject({
      code: "invalid-input",
      facts: { field: "number" },
    });
    await expect(sharing.verifyPerson(boris, { kind: "seen", key: "0".repeat(64) })).rejects.toMatchObject({
      code: "certificate-changed",
    });
    await expect(sharing.verifyPerson(boris, { kind: "code", text: "https://x" })).rejects.toMatchObject({
      facts: { field: "code" },
    });
    expect(sharing.contacts.current[0]!.trust).toBe("unverified");
    await compared(page, shell, [ana, boris]);
    expect((await sharing.verifyPerson(boris, { kind: "code", text: met.code })).trust).toBe("verified");
    expect((await sharing.verifyPerson(boris, { kind: "seen", key: met.key })).trust).toBe("verified");
  });

  it("share many, and the other reads, keeps and recovers them", async () => {
    const ids = [page.row("blood").id, page.row("scan").id];
    const told: number[] = [];
    const outcomes = await page.engine.sharing.share({ reports: ids, people: [boris] }, ({ done }) => {
      told.push(done);
    });
    expect(outcomes.map(({ state }) => state)).toEqual(["unchanged", "done"]);
    expect(told).toEqual([1, 2]);
    shell("shared");
    for (const id of ids) expect(shell("cat", id)).toBe(await textOf(page, id));
    const out = join(server.folder, "recovered-boris");
    const kit = join(server.folder, "kit-boris", "hygieia-kit.json");
    const password = join(server.folder, "boris.password");
    server.person("nobody")("--password-file", password, "recover", kit, "--gateway", server.origin, "--out", out);
    const recovered = readdirSync(out, { recursive: true }).map(String);
    for (const name of ["blood.txt", "scan.bin"]) expect(recovered.some((each) => each.endsWith(name))).toBe(true);
    const readers = await page.engine.sharing.readersOf(ids[1]!);
    expect(readers.readers.map(({ email, isOwner, trust }) => [email, isOwner, trust])).toEqual([
      [ana, true, "me"],
      [boris, false, "verified"],
    ]);
    expect(readers).toMatchObject({ unnamed: 0, isMine: true, removed: [] });
    const shared = await page.engine.sharing.sharedWith();
    expect([...shared.keys()].sort()).toEqual([...ids].sort());
  });

  it("writes four small blocks for a report of any size", async () => {
    const carol = newEmail();
    atShell("carol", carol);
    let sent = 0;
    browser.meddle = async (request) => {
      if (request.url.endsWith("/blocks")) sent = Math.max(sent, (await request.arrayBuffer()).byteLength);
      return null;
    };
    await page.engine.sharing.share({ reports: [page.row("scan").id], people: [carol] });
    browser.meddle = () => null;
    expect(sent).toBeLessThan(64 * 1024);
  });

  it("takes a reader off: no new version is his, and an edit makes the key new", async () => {
    const { id } = page.row("blood");
    expect(await page.engine.sharing.unshare({ reports: [id], person: boris })).toMatchObject([{ state: "done" }]);
    expect(await page.engine.sharing.unshare({ reports: [id], person: boris })).toMatchObject([
      { state: "unchanged" },
    ]);
    const readers = await page.engine.sharing.readersOf(id);
    expect(readers.readers).toHaveLength(1);
    expect(readers.removed).toMatchObject([{ email: boris }]);
    expect(jsonOf<{ reports: { id: string }[] }>(shell, "shared").reports.map((each) => each.id)).not.toContain(id);
    const before = (await page.engine.versions(id))[0]!;
    await page.engine.edit(id, { title: "blood, renamed" });
    expect(page.row("blood, renamed")).toMatchObject({ revision: before.revision + 1 });
    expect((await page.engine.sharing.readersOf(id)).removed).toEqual([]);
    expect((await textOf(page, id)).length).toBe(500);
    await page.engine.edit(id, { title: "blood" });
  });

  it("takes him off again where the index never heard of it, and an edit makes the key new", async () => {
    await page.store(fileOf("cut.txt", 90, 46));
    const { id } = page.row("cut");
    await page.engine.sharing.share({ reports: [id], people: [boris] });
    browser.meddle = (request) => {
      if (request.method !== "PUT" || !request.url.endsWith("/index")) return null;
      return new Response(JSON.stringify({ code: "unavailable" }), { status: 503 });
    };
    const [cut] = await page.engine.sharing.unshare({ reports: [id], person: boris });
    expect(cut).toMatchObject({ state: "failed" });
    browser.meddle = () => null;
    expect((await page.engine.sharing.unshare({ reports: [id], person: boris }))[0]).toMatchObject({ state: "unchanged" });
    expect((await page.engine.sharing.readersOf(id)).removed).toMatchObject([{ email: boris }]);
    const before = (await page.engine.versions(id))[0]!;
    await page.engine.edit(id, { title: "cut, renamed" });
    expect((await page.engine.sharing.readersOf(id)).removed).toEqual([]);
    expect((await page.engine.versions(id))[0]).toMatchObject({ change: "update", revision: before.revision + 1 });
  });

  it("gives a report a new key: who reads goes on, who was taken off and old versions do not", async () => {
    await page.store(fileOf("secret.txt", 2_500_000, 44));
    const { id, cid } = page.row("secret");
    const fred = newEmail();
    const other = atShell("fred", fred);
    await page.engine.sharing.meet(fred);
    for (const email of [boris, fred]) await page.engine.sharing.share({ reports: [id], people: [email] });
    await page.engine.update(id, { file: fileOf("secret-2.txt", 2_600_000, 45) });
    await page.settled();
    await page.engine.sharing.unshare({ reports: [id], person: boris });
    const plan = await page.engine.sharing.planRekey(id);
    expect(plan).toMatchObject({ sizeBytes: 2_600_000, leftOut: [], unnamed: 0 });
    expect(plan.kept.map(({ email }) => email)).toEqual([fred]);
    expect(plan.removed.map(({ email }) => email)).toEqual([boris]);
    const stranger = page.engine.sharing.rekey(id, { keep: ["0".repeat(64)] });
    await expect(stranger).rejects.toMatchObject({ code: "invalid-input", facts: { field: "keep" } });
    const told: number[] = [];
    const readers = await page.engine.sharing.rekey(id, { keep: [] }, ({ doneBytes }) => told.push(doneBytes));
    expect(told.at(-1)).toBe(2_600_000);
    expect(readers.readers.map(({ email }) => email)).toEqual([ana, fred]);
    expect((await page.engine.sharing.readersOf(id)).removed).toEqual([]);
    expect(page.row("secret")).toMatchObject({ revision: 3 });
    expect(page.row("secret").cid).not.toBe(cid);
    expect(await page.engine.versions(id)).toHaveLength(1);
    other("shared", "--accept", id);
    expect(other("cat", id)).toBe(await textOf(page, id));
    const beside = server.person("ana-again");
    beside("login", ana);
    expect(beside("cat", id)).toBe(await textOf(page, id));
  });

  it("gives a new version to those who read the one before", async () => {
    const { id } = page.row("scan");
    const file = fileOf("scan-2.bin", 2_000_000, 9);
    await page.engine.update(id, { file });
    await page.settled();
    expect(page.row("scan")).toMatchObject({ revision: 2 });
    shell("shared");
    expect(shell("cat", id)).toBe(Buffer.from(await file.arrayBuffer()).toString("latin1"));
    const readers = await page.engine.sharing.readersOf(id);
    expect(readers.readers.map(({ email }) => email)).toContain(boris);
  });

  it("says of what cannot be shared why, and shares nothing", async () => {
    const { sharing } = page.engine;
    const { id } = page.row("own");
    const crowd = Array.from({ length: 101 }, (_, n) => `somebody${n}@example.org`);
    await expect(sharing.share({ reports: [id], people: crowd })).rejects.toMatchObject({ code: "limit-exceeded" });
    await expect(sharing.share({ reports: [id], people: [ana] })).rejects.toMatchObject({ code: "invalid-input" });
    await expect(sharing.share({ reports: [id], people: ["nobody@example.org"] })).rejects.toMatchObject({
      code: "not-found",
    });
    await page.engine.trash([id]);
    await expect(sharing.share({ reports: [id], people: [boris] })).rejects.toMatchObject({ code: "conflict" });
    await page.engine.restore([id]);
    expect((await sharing.readersOf(id)).readers).toHaveLength(1);
  });

  it("reads what the shell shares, and passes it on", async () => {
    const letter = join(server.folder, "letter.txt");
    writeFileSync(letter, "Dear Ana\n");
    const [report] = jsonOf<{ reports: { id: string }[] }>(shell, "put", letter).reports;
    shell("share", report!.id, "--with", ana);
    await page.engine.sharing.refreshReceived();
    const [received] = page.engine.sharing.received.current.items;
    expect(received).toMatchObject({ report: report!.id, standing: "accepted", signature: "valid" });
    expect(received!.sharer).toMatchObject({ email: boris, trust: "verified" });
    expect(page.row("letter")).toMatchObject({ isMine: false });
    expect(await textOf(page, report!.id)).toBe("Dear Ana\n");

    const dora = newEmail();
    const third = atShell("dora", dora);
    await page.engine.sharing.share({ reports: [report!.id], people: [dora] });
    // Dora knows neither Ana nor Boris: it waits, closed, until she says so.
    const waiting = jsonOf<{ reports: { id: string; title?: string }[] }>(third, "shared").reports[0]!;
    expect(waiting).toMatchObject({ id: report!.id });
    third("shared", "--accept", report!.id);
    expect(third("cat", report!.id)).toBe("Dear Ana\n");
    await expect(page.engine.sharing.unshare({ reports: [report!.id], person: dora })).rejects.toMatchObject({
      code: "forbidden",
    });
  });

  it("shows nothing of a stranger's report until the person says so", async () => {
    const letter = join(server.folder, "strange.txt");
    writeFileSync(letter, "Buy pills\n");
    const stranger = atShell("stranger", newEmail());
    const [report] = jsonOf<{ reports: { id: string }[] }>(stranger, "put", letter).reports;
    stranger("share", report!.id, "--with", ana);
    await page.engine.sharing.refreshReceived();
    const find = () => page.engine.sharing.received.current.items.find((item) => item.report === report!.id)!;
    expect(find()).toMatchObject({ standing: "stranger", sharer: { trust: "stranger" } });
    expect(JSON.stringify(find())).not.toContain("strange.txt");
    expect(page.rows.some(({ id }) => id === report!.id)).toBe(false);
    await page.engine.sharing.acceptReceived(report!.id);
    expect(find().standing).toBe("accepted");
    expect(await textOf(page, report!.id)).toBe("Buy pills\n");
    stranger("unshare", report!.id, "--with", ana);
    await page.engine.sharing.refreshReceived();
    expect(find().standing).toBe("ended");
  });

  it("and two devices sharing at the same moment lose nothing", async () => {
    const { id } = page.row("own");
    const eve = newEmail();
    const beside = server.person("ana-at-shell");
    beside("login", ana);
    atShell("eve", eve);
    await page.engine.sharing.meet(boris);
    let isRaced = false;
    browser.meddle = async (request) => {
      if (request.method !== "PUT" || !request.url.endsWith(id) || isRaced) return null;
      isRaced = true;
      beside("share", id, "--with", eve);
      return null;
    };
    const first = await page.engine.sharing.share({ reports: [id], people: [boris] });
    browser.meddle = () => null;
    expect(first).toMatchObject([{ state: "stale", error: { code: "stale-revision" } }]);
    expect(first[0]!.meanwhile).toMatchObject({ areReadersNew: true, isContentNew: false, titles: null });
    const again = await page.engine.sharing.share({ reports: [id], people: [boris], retry: true });
    expect(again).toMatchObject([{ state: "done" }]);
    const { readers } = await page.engine.sharing.readersOf(id);
    expect(readers.map(({ email }) => email).sort()).toEqual([ana, boris, eve].sort());
  });
});
