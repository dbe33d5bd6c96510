/** A server that lies about people and readers (threats MS-10, MS-11, MS-19, RC-04): refused, nothing written. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sha256Hex } from "../../src/bytes.ts";
import type { Certificate } from "../../src/crypto/certificates.ts";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { rewrap } from "../../src/crypto/rewrap.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import { finishReport, headerFor, makeSessionKey, sealContent } from "../../src/vault/report-build.ts";
import { readHeader } from "../../src/vault/report.ts";
import { signShare } from "../../src/vault/share-note.ts";
import { makeId } from "../../src/vault/words.ts";
import { Liar, noteOf, shownAs } from "./liar.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, Server } from "./serving.ts";

let server: Server;
let browser: Browser;
let page: Page;
let id: string;
let liar: Liar;
const boris = newEmail();

beforeAll(async () => {
  server = await Server.start();
  server.person("boris")("signup", boris, "--name", "Boris", "--kit", `${server.folder}/kit`);
  browser = new Browser(server);
  liar = new Liar(server, browser);
  page = await signedUp(browser);
  await page.store(fileOf("blood.txt", 100, 1));
  ({ id } = page.row("blood"));
  const { key } = await page.engine.sharing.meet(boris);
  await page.engine.sharing.verifyPerson(boris, { kind: "seen", key });
});
afterAll(() => server.remove());
beforeEach(() => liar.behave());

/** A report by `author` that says to be of `owner`'s own, and the note by which it is shared with her. */
async function planted(author: UnlockedKey, owner: Certificate) {
  const sessionKey = makeSessionKey();
  const [leaves, payload] = await sealContent(new TextEncoder().encode("Hb 13.9 g/dl"), sessionKey);
  const header = await headerFor(sessionKey, [owner, author.certificate]);
  const created = formatTime(nowSeconds());
  const meta = {
    ...{ id: makeId(), kind: "document", owner: owner.keyId, subject: owner.keyId, author: author.keyId },
    ...{ profession: null, revision: 1, previous: null, title: "Planted", file_name: "p.txt" },
    ...{ media_type: "text/plain", size_bytes: 12, sha256: await sha256Hex("Hb 13.9 g/dl") },
    ...{ data_payload_cid: payload.cid, category: "lab", links: [], created, extra: {} },
  };
  const built = await finishReport(meta, payload, header, sessionKey, author);
  liar.serve([...leaves, header.block, ...built.blocks]);
  const { pkesk } = header.recipients.find(({ key }) => key === owner.keyId)!;
  const said = { report: meta.id, reader: owner.keyId, pkesk, delegation: null, created, former: null };
  const note = JSON.stringify(await signShare(author, said));
  return { root: built.entry.cid, share: { report: meta.id, created, sharer: author.keyId, note } };
}

describe("a server that shows", () => {
  it("another certificate for a contact: sharing stops, and the pin stays", async () => {
    const mallory = await generateKey("Boris", boris);
    liar.tell({ "/people/find": (answer) => ({ ...answer, certificate: mallory.certificate.armored }) });
    const before = page.engine.sharing.contacts.current[0]!.key;
    const refused = page.engine.sharing.share({ reports: [id], people: [boris] });
    await expect(refused).rejects.toMatchObject({ code: "certificate-changed", facts: { person: boris } });
    expect(liar.writes.filter((path) => path.includes("/reports/"))).toEqual([]);
    expect(page.engine.sharing.contacts.current).toMatchObject([{ key: before, trust: "changed" }]);
    const taken = page.engine.sharing.acceptPerson(boris, "f".repeat(64));
    await expect(taken).rejects.toMatchObject({ code: "certificate-changed" });
    liar.behave();
    // It was a lie: the number of the pinned key, compared again, undoes the warning.
    const { key } = await page.engine.sharing.meet(boris);
    expect(key).toBe(before);
    expect(await page.engine.sharing.verifyPerson(boris, { kind: "seen", key })).toMatchObject({ trust: "verified" });
  });

  it("her own key for another's address is refused", async () => {
    const { armored } = await liar.certificateOf(page);
    liar.tell({ "/people/find": (answer) => ({ ...answer, certificate: armored }) });
    await expect(page.engine.sharing.meet(boris)).rejects.toMatchObject({ code: "invalid-input" });
  });

  it("a recipient whom nobody noted: recipient-refused, and nothing is written", async () => {
    const { cid } = page.row("blood");
    const ghost = await generateKey("Ghost", "ghost@example.org");
    const { octets } = await rewrap(await readHeader(liar.blocks, cid), makeSessionKey(), { add: [ghost.certificate] });
    const root = await liar.under(cid, octets);
    liar.tell({ [`/reports/${id}`]: (answer) => ({ ...answer, root }) });
    const [outcome] = await page.engine.sharing.share({ reports: [id], people: [boris] });
    expect(outcome).toMatchObject({ state: "failed", error: { code: "recipient-refused" } });
    await expect(page.engine.edit(id, { title: "no" })).rejects.toMatchObject({ code: "recipient-refused" });
    expect(liar.writes).toEqual([]);
  });

  it("a header without the owner's packet: envelope-refused, and nothing is written", async () => {
    const { cid } = page.row("blood");
    const ghost = await generateKey("Ghost", "ghost@example.org");
    const header = await headerFor(makeSessionKey(), [ghost.certificate]);
    const root = await liar.under(cid, header.block.data);
    liar.tell({ [`/reports/${id}`]: (answer) => ({ ...answer, root }) });
    const [outcome] = await page.engine.sharing.share({ reports: [id], people: [boris] });
    expect(outcome).toMatchObject({ state: "failed", error: { code: "envelope-refused" } });
    expect(liar.writes).toEqual([]);
  });

  it("an older header: rollback, and nobody is dropped silently", async () => {
    const before = page.row("blood").cid;
    await page.engine.sharing.share({ reports: [id], people: [boris] });
    expect(page.row("blood").cid).not.toBe(before);
    const cleo = newEmail();
    server.person("cleo")("signup", cleo, "--name", "Cleo", "--kit", `${server.folder}/kit-c`);
    liar.tell({ [`/reports/${id}`]: (answer) => ({ ...answer, root: before }) });
    const [outcome] = await page.engine.sharing.share({ reports: [id], people: [cleo] });
    expect(outcome).toMatchObject({ state: "failed", error: { code: "rollback" } });
    await expect(page.engine.edit(id, { title: "no" })).rejects.toMatchObject({ code: "rollback" });
    expect(liar.writes.filter((path) => path.includes("/reports/"))).toEqual([]);
    liar.behave();
    const { readers } = await page.engine.sharing.readersOf(id);
    expect(readers.map(({ email }) => email)).toContain(boris);
  });

  it("a reader taken off as one whom a stranger added: rollback, and nobody comes back", async () => {
    await page.store(fileOf("ended.txt", 110, 31));
    const { id: report } = page.row("ended");
    const [one, other] = [await liar.met(page, "One"), await liar.met(page, "Other")];
    const people = [one.certificate.email];
    liar.tell({ "/people/find": () => shownAs(one) });
    await page.engine.sharing.share({ reports: [report], people });
    const root = page.row("ended").cid;
    await page.engine.sharing.unshare({ reports: [report], person: people[0]! });
    const ghost = await generateKey("Ghost", "ghost@example.org");
    const packets = await readHeader(liar.blocks, root);
    const items = await Promise.all(packets.map((packet) => noteOf(ghost, report, packet)));
    liar.tell({
      "/people/find": () => shownAs(other),
      [`/reports/${report}`]: (answer) => ({ ...answer, root }),
      [`/reports/${report}/shares`]: (answer) => ({ ...answer, items }),
    });
    liar.writes.length = 0;
    const outcomes = await page.engine.sharing.share({ reports: [report], people: [other.certificate.email] });
    expect(outcomes).toMatchObject([{ state: "failed", error: { code: "rollback" } }]);
    expect(liar.writes).toEqual([]);
    // Nor by the list of changes, which is no more than a hint.
    const { cid } = page.row("ended");
    liar.tell({
      "/changes": (answer) => ({ ...answer, items: [{ report, root, deleted: false }] }),
      [`/reports/${report}/shares`]: (answer) => ({ ...answer, items }),
    });
    await page.engine.refresh();
    expect(page.row("ended").cid).toBe(cid);
    // Nor by a contact who says that she shares it.
    const [own] = await readHeader(liar.blocks, cid);
    const { sharer, note } = await noteOf(other, report, own!, page.row("ended").owner);
    const share = { report, created: formatTime(nowSeconds()), sharer, note };
    liar.tell({ "/shared": (answer) => ({ ...answer, items: [{ share, root, size_bytes: 110, sharer: null }] }) });
    await page.engine.sharing.refreshReceived();
    expect(page.row("ended").cid).toBe(cid);
  });

  it("her own packet noted for a reader: taking him off leaves it to her", async () => {
    const bo = await liar.met(page, "Bo");
    await page.store(fileOf("locked.txt", 90, 21));
    const { id: report, cid } = page.row("locked");
    const [own] = await readHeader(liar.blocks, cid);
    const item = await noteOf(bo, report, own!);
    liar.tell({ [`/reports/${report}/shares`]: (answer) => ({ ...answer, items: [item] }) });
    const { readers } = await page.engine.sharing.readersOf(report);
    expect(readers.map(({ isOwner }) => isOwner)).toEqual([true]);
    const person = bo.certificate.email;
    expect(await page.engine.sharing.unshare({ reports: [report], person })).toMatchObject([{ state: "unchanged" }]);
    expect(page.row("locked").cid).toBe(cid);
  });

  it("a contact's report as one of her own: refused, not entered", async () => {
    const me = await liar.certificateOf(page);
    const planter = await liar.met(page, "Planter");
    const { root, share } = await planted(planter, me);
    liar.tell({ "/shared": (answer) => ({ ...answer, items: [{ share, root, size_bytes: 12, sharer: null }] }) });
    await page.engine.sharing.refreshReceived();
    expect(page.engine.sharing.received.current.items).toMatchObject([
      { report: share.report, standing: "refused", error: { code: "note-refused" } },
    ]);
    expect(page.rows.some((row) => row.id === share.report)).toBe(false);
  });

  it("more recipients than were sealed, when a report is stored: recipient-refused", async () => {
    liar.tell({
      "/reports": (answer) => {
        const reports = answer["reports"] as { report: { readers: number } }[] | undefined;
        for (const { report } of reports ?? []) report.readers += 1;
        return answer;
      },
    });
    await page.store(fileOf("ghostly.txt", 120, 7));
    expect(page.uploads!.items.at(-1)).toMatchObject({ state: "failed", error: { code: "recipient-refused" } });
  });

  it("a note for a report that names another packet, or another reader: refused, not entered", async () => {
    const own = (page.state as { person: { email: string } }).person.email;
    const theirs = new Browser(server);
    const sharer = await signedUp(theirs);
    await sharer.store(fileOf("mine.txt", 60, 10), fileOf("second.txt", 61, 11));
    await sharer.engine.sharing.meet(own);
    for (const title of ["mine", "second"]) {
      await sharer.engine.sharing.share({ reports: [sharer.row(title).id], people: [own] });
    }
    browser.use();
    liar.tell({
      "/shared": (answer) => {
        const items = answer["items"] as { share: Record<string, unknown> }[];
        const [a, b] = items;
        [a!.share["note"], b!.share["note"]] = [b!.share["note"], a!.share["note"]];
        return answer;
      },
    });
    await page.engine.sharing.refreshReceived();
    const { items } = page.engine.sharing.received.current;
    expect(items.map(({ standing, error }) => [standing, error?.code])).toEqual([
      ["refused", "note-refused"],
      ["refused", "note-refused"],
    ]);
    expect(page.rows.some(({ isMine }) => !isMine)).toBe(false);
  });
});
