/** A server that lies about people and readers (THREATS MS-10, MS-11, MS-19, RC-04): refused, nothing written. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sha256Hex } from "../../src/bytes.ts";
import { Certificate } from "../../src/crypto/certificates.ts";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { pkeskDigest, rewrap } from "../../src/crypto/rewrap.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import { directory, join, leaf, type Built } from "../../src/ipld/builder.ts";
import type { Block, Cid } from "../../src/ipld/cid.ts";
import { DATA_NAME, META_NAME } from "../../src/ipld/shapes.ts";
import type { BlockSource } from "../../src/vault/reading.ts";
import { finishReport, headerFor, makeSessionKey, sealContent } from "../../src/vault/report-build.ts";
import { readHeader, readStructure } from "../../src/vault/report.ts";
import { signShare } from "../../src/vault/share-note.ts";
import { makeId } from "../../src/vault/words.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, networkFetch, Server } from "./serving.ts";

let server: Server;
let browser: Browser;
let page: Page;
let id: string;
const boris = newEmail();
const writes: string[] = [];
const lies = new Map<Cid, Uint8Array>();

beforeAll(async () => {
  server = await Server.start();
  server.person("boris")("signup", boris, "--name", "Boris", "--kit", `${server.folder}/kit`);
  browser = new Browser(server);
  page = await signedUp(browser);
  await page.store(fileOf("blood.txt", 100, 1));
  ({ id } = page.row("blood"));
  const { key } = await page.engine.sharing.meet(boris);
  await page.engine.sharing.verifyPerson(boris, { kind: "seen", key });
});
afterAll(() => server.remove());
beforeEach(() => {
  writes.length = 0;
  browser.meddle = () => null;
});

type Change = (answer: Record<string, unknown>) => Record<string, unknown>;

/** What the page's own certificate is, as the server has it. */
async function ownCertificate(): Promise<Certificate> {
  let armored = "";
  browser.meddle = async (request, forward) => {
    if (!request.url.endsWith("/account")) return null;
    const answer = await forward();
    armored = ((await answer.clone().json()) as { certificate: string }).certificate;
    return answer;
  };
  await page.engine.quota();
  return Certificate.parse(armored);
}

/** Has answers to `path` changed on the way, blocks made up, and remembers what would be written. */
function lie(path: string, change: Change): void {
  lieAbout({ [path]: change });
}

function lieAbout(paths: Readonly<Record<string, Change>>): void {
  browser.meddle = async (request, forward) => {
    const { pathname } = new URL(request.url);
    if (request.method === "PUT") writes.push(pathname);
    const made = [...lies].find(([cid]) => pathname === `/ipfs/${cid}`);
    if (made !== undefined) return new Response(made[1] as Uint8Array<ArrayBuffer>);
    const change = paths[pathname.replace("/api/v1", "")];
    if (change === undefined) return null;
    const answer = await forward();
    return new Response(JSON.stringify(change((await answer.json()) as Record<string, unknown>)));
  };
}

const blocks: BlockSource = {
  fetch: (cids) =>
    Promise.all(
      cids.map(async (cid) => {
        const answer = await networkFetch(`${server.origin}/ipfs/${cid}?format=raw`);
        return { cid, data: new Uint8Array(await answer.arrayBuffer()) };
      }),
    ),
};

/** The same report under another header, as only a server could serve it. */
async function under(root: Cid, header: Uint8Array): Promise<Cid> {
  const { data, meta } = await readStructure(blocks, root);
  const [headerBlock, built] = await leaf(header);
  const made: Block[] = [headerBlock];
  const files: [string, Built][] = [];
  for (const [name, payload] of [[DATA_NAME, data], [META_NAME, meta]] as const) {
    const [block, file] = await join(built, payload);
    made.push(block);
    files.push([name, file]);
  }
  const [rootBlock, newRoot] = await directory(files);
  for (const block of [...made, rootBlock]) lies.set(block.cid, block.data);
  return newRoot.cid;
}

/** A contact whose key the test has. */
async function met(name: string): Promise<UnlockedKey> {
  const key = await generateKey(name, newEmail());
  lie("/people/find", () => ({ name, certificate: key.certificate.armored }));
  await page.engine.sharing.meet(key.certificate.email);
  return key;
}

/** An item of the list of share notes: `signer` says that a packet is `reader`'s. */
async function noteOf(signer: UnlockedKey, report: string, packet: Uint8Array, reader = signer.keyId) {
  const said = { report, reader, pkesk: await pkeskDigest(packet), delegation: null, former: null };
  const note = await signShare(signer, { ...said, created: formatTime(nowSeconds()) });
  return { sharer: signer.keyId, note: JSON.stringify(note) };
}

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
  for (const block of [...leaves, header.block, ...built.blocks]) lies.set(block.cid, block.data);
  const { pkesk } = header.recipients.find(({ key }) => key === owner.keyId)!;
  const said = { report: meta.id, reader: owner.keyId, pkesk, delegation: null, created, former: null };
  const note = JSON.stringify(await signShare(author, said));
  return { root: built.entry.cid, share: { report: meta.id, created, sharer: author.keyId, note } };
}

describe("a server that shows", () => {
  it("another certificate for a contact: sharing stops, and the pin stays", async () => {
    const mallory = await generateKey("Boris", boris);
    lie("/people/find", (answer) => ({ ...answer, certificate: mallory.certificate.armored }));
    const before = page.engine.sharing.contacts.current[0]!.key;
    const refused = page.engine.sharing.share({ reports: [id], people: [boris] });
    await expect(refused).rejects.toMatchObject({ code: "certificate-changed", facts: { person: boris } });
    expect(writes.filter((path) => path.includes("/reports/"))).toEqual([]);
    expect(page.engine.sharing.contacts.current).toMatchObject([{ key: before, trust: "changed" }]);
    const taken = page.engine.sharing.acceptPerson(boris, "f".repeat(64));
    await expect(taken).rejects.toMatchObject({ code: "certificate-changed" });
    browser.meddle = () => null;
    // It was a lie: the number of the pinned key, compared again, undoes the warning.
    const { key } = await page.engine.sharing.meet(boris);
    expect(key).toBe(before);
    expect(await page.engine.sharing.verifyPerson(boris, { kind: "seen", key })).toMatchObject({ trust: "verified" });
  });

  it("her own key for another's address is refused", async () => {
    const { armored } = await ownCertificate();
    lie("/people/find", (answer) => ({ ...answer, certificate: armored }));
    await expect(page.engine.sharing.meet(boris)).rejects.toMatchObject({ code: "invalid-input" });
  });

  it("a recipient whom nobody noted: recipient-refused, and nothing is written", async () => {
    const { cid } = page.row("blood");
    const ghost = await generateKey("Ghost", "ghost@example.org");
    const { octets } = await rewrap(await readHeader(blocks, cid), makeSessionKey(), { add: [ghost.certificate] });
    const root = await under(cid, octets);
    lie(`/reports/${id}`, (answer) => ({ ...answer, root }));
    const [outcome] = await page.engine.sharing.share({ reports: [id], people: [boris] });
    expect(outcome).toMatchObject({ state: "failed", error: { code: "recipient-refused" } });
    await expect(page.engine.edit(id, { title: "no" })).rejects.toMatchObject({ code: "recipient-refused" });
    expect(writes).toEqual([]);
    lies.clear();
  });

  it("a header without the owner's packet: envelope-refused, and nothing is written", async () => {
    const { cid } = page.row("blood");
    const ghost = await generateKey("Ghost", "ghost@example.org");
    const header = await headerFor(makeSessionKey(), [ghost.certificate]);
    const root = await under(cid, header.block.data);
    lie(`/reports/${id}`, (answer) => ({ ...answer, root }));
    const [outcome] = await page.engine.sharing.share({ reports: [id], people: [boris] });
    expect(outcome).toMatchObject({ state: "failed", error: { code: "envelope-refused" } });
    expect(writes).toEqual([]);
    lies.clear();
  });

  it("an older header: rollback, and nobody is dropped silently", async () => {
    const before = page.row("blood").cid;
    await page.engine.sharing.share({ reports: [id], people: [boris] });
    expect(page.row("blood").cid).not.toBe(before);
    const cleo = newEmail();
    server.person("cleo")("signup", cleo, "--name", "Cleo", "--kit", `${server.folder}/kit-c`);
    lie(`/reports/${id}`, (answer) => ({ ...answer, root: before }));
    const [outcome] = await page.engine.sharing.share({ reports: [id], people: [cleo] });
    expect(outcome).toMatchObject({ state: "failed", error: { code: "rollback" } });
    await expect(page.engine.edit(id, { title: "no" })).rejects.toMatchObject({ code: "rollback" });
    expect(writes.filter((path) => path.includes("/reports/"))).toEqual([]);
    browser.meddle = () => null;
    const { readers } = await page.engine.sharing.readersOf(id);
    expect(readers.map(({ email }) => email)).toContain(boris);
  });

  it("a reader taken off as one whom a stranger added: rollback, and nobody comes back", async () => {
    await page.store(fileOf("ended.txt", 110, 31));
    const { id: report } = page.row("ended");
    const [one, other] = [await met("One"), await met("Other")];
    const people = [one.certificate.email];
    lie("/people/find", () => ({ name: "One", certificate: one.certificate.armored }));
    await page.engine.sharing.share({ reports: [report], people });
    const root = page.row("ended").cid;
    await page.engine.sharing.unshare({ reports: [report], person: people[0]! });
    const ghost = await generateKey("Ghost", "ghost@example.org");
    const packets = await readHeader(blocks, root);
    const items = await Promise.all(packets.map((packet) => noteOf(ghost, report, packet)));
    lieAbout({
      "/people/find": () => ({ name: "Other", certificate: other.certificate.armored }),
      [`/reports/${report}`]: (answer) => ({ ...answer, root }),
      [`/reports/${report}/shares`]: (answer) => ({ ...answer, items }),
    });
    writes.length = 0;
    const outcomes = await page.engine.sharing.share({ reports: [report], people: [other.certificate.email] });
    expect(outcomes).toMatchObject([{ state: "failed", error: { code: "rollback" } }]);
    expect(writes.filter((path) => path.includes("/reports/"))).toEqual([]);
    // Nor by the list of changes, which is no more than a hint.
    const { cid } = page.row("ended");
    lieAbout({
      "/changes": (answer) => ({ ...answer, items: [{ report, root, deleted: false }] }),
      [`/reports/${report}/shares`]: (answer) => ({ ...answer, items }),
    });
    await page.engine.refresh();
    expect(page.row("ended").cid).toBe(cid);
    // Nor by a contact who says that she shares it.
    const [own] = await readHeader(blocks, cid);
    const { sharer, note } = await noteOf(other, report, own!, page.row("ended").owner);
    const share = { report, created: formatTime(nowSeconds()), sharer, note };
    lie("/shared", (answer) => ({ ...answer, items: [{ share, root, size_bytes: 110, sharer: null }] }));
    await page.engine.sharing.refreshReceived();
    expect(page.row("ended").cid).toBe(cid);
  });

  it("her own packet noted for a reader: taking him off leaves it to her", async () => {
    const bo = await met("Bo");
    await page.store(fileOf("locked.txt", 90, 21));
    const { id: report, cid } = page.row("locked");
    const [own] = await readHeader(blocks, cid);
    const item = await noteOf(bo, report, own!);
    lie(`/reports/${report}/shares`, (answer) => ({ ...answer, items: [item] }));
    const { readers } = await page.engine.sharing.readersOf(report);
    expect(readers.map(({ isOwner }) => isOwner)).toEqual([true]);
    const person = bo.certificate.email;
    expect(await page.engine.sharing.unshare({ reports: [report], person })).toMatchObject([{ state: "unchanged" }]);
    expect(page.row("locked").cid).toBe(cid);
  });

  it("a contact's report as one of her own: refused, not entered", async () => {
    const me = await ownCertificate();
    const planter = await met("Planter");
    const { root, share } = await planted(planter, me);
    lie("/shared", (answer) => ({ ...answer, items: [{ share, root, size_bytes: 12, sharer: null }] }));
    await page.engine.sharing.refreshReceived();
    expect(page.engine.sharing.received.current.items).toMatchObject([
      { report: share.report, standing: "refused", error: { code: "note-refused" } },
    ]);
    expect(page.rows.some((row) => row.id === share.report)).toBe(false);
    lies.clear();
  });

  it("more recipients than were sealed, when a report is stored: recipient-refused", async () => {
    lie("/reports", (answer) => {
      const reports = answer["reports"] as { report: { readers: number } }[] | undefined;
      for (const { report } of reports ?? []) report.readers += 1;
      return answer;
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
    lie("/shared", (answer) => {
      const items = answer["items"] as { share: Record<string, unknown> }[];
      const [a, b] = items;
      [a!.share["note"], b!.share["note"]] = [b!.share["note"], a!.share["note"]];
      return answer;
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
