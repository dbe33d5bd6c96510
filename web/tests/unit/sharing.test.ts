import { beforeAll, describe, expect, it } from "vitest";
import { sha256Hex } from "../../src/bytes.ts";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { pkeskDigest, rewrap } from "../../src/crypto/rewrap.ts";
import { makeHeader, parseHeader } from "../../src/crypto/session-keys.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import { verifyBlock, type Block, type Cid } from "../../src/ipld/cid.ts";
import type { JsonObject } from "../../src/json.ts";
import { EngineError, refusal } from "../../src/refusal.ts";
import { accepted, checkNewKey, checkRecipients, meet, verified } from "../../src/vault/contacts.ts";
import { isTakenOff } from "../../src/vault/give-back.ts";
import type { Change } from "../../src/vault/index/changes.ts";
import { CONTACTS, contactsOf, READERS, REPORTS, rowsOf } from "../../src/vault/index/state.ts";
import { applyChanges, newIndex } from "../../src/vault/index/write.ts";
import { People, supersededOf, type ContactRow } from "../../src/vault/people.ts";
import type { BlockSource } from "../../src/vault/reading.ts";
import { finishReport, headerFor, makeSessionKey, sealContent } from "../../src/vault/report-build.ts";
import { entryOf, type ReportEntry } from "../../src/vault/report-entry.ts";
import { readReport, type Report } from "../../src/vault/report.ts";
import { safetyCode, safetyNumber, sameCode, sameNumber } from "../../src/vault/safety-number.ts";
import {
  keepingOut,
  keptOutOf,
  noReaders,
  openShare,
  readReaders,
  removedPacketsOf,
  type Readers,
} from "../../src/vault/share-note.ts";
import { addReaders, dropReaders, nextReaders, packetsOf, withAdded, without } from "../../src/vault/sharing.ts";
import { makeId } from "../../src/vault/words.ts";
import { vectorsOf } from "./vectors.ts";
import { notTakenOff } from "../../src/worker/recipients.ts";

const NOW = formatTime(nowSeconds());
let ana: UnlockedKey;
let boris: UnlockedKey;
let cleo: UnlockedKey;
beforeAll(async () => {
  [ana, boris, cleo] = await Promise.all(
    ["Ana", "Boris", "Cleo"].map((name) => generateKey(name, `${name.toLowerCase()}@example.org`)),
  ) as [UnlockedKey, UnlockedKey, UnlockedKey];
});

function contact({ certificate }: UnlockedKey, change: Partial<ContactRow> = {}): ContactRow {
  const { keyId, armored, name, email } = certificate;
  return { key: keyId, certificate: armored, state: "verified", name, email, former_keys: [], ...change };
}

class Blocks implements BlockSource {
  private readonly blocks = new Map<Cid, Block>();

  add(blocks: readonly Block[]): this {
    for (const block of blocks) this.blocks.set(block.cid, block);
    return this;
  }

  async fetch(cids: readonly Cid[]): Promise<Block[]> {
    return Promise.all(
      cids.map((cid) => {
        const block = this.blocks.get(cid);
        if (block === undefined) throw refusal("block-missing", "no such block");
        return verifyBlock(cid, block.data as Uint8Array<ArrayBuffer>);
      }),
    );
  }
}

async function stored(blocks: Blocks): Promise<Report> {
  const sessionKey = makeSessionKey();
  const [leaves, payload] = await sealContent(new TextEncoder().encode("Hb 13.9 g/dl"), sessionKey);
  const header = await headerFor(sessionKey, [ana.certificate]);
  const sha256 = await sha256Hex("Hb 13.9 g/dl");
  const meta = {
    ...{ id: makeId(), kind: "document", owner: ana.keyId, subject: ana.keyId, author: ana.keyId },
    ...{ profession: null, revision: 1, previous: null, title: "Blutbild", file_name: "b.txt" },
    ...{ media_type: "text/plain", size_bytes: 12, sha256, data_payload_cid: payload.cid },
    ...{ category: "lab", links: [], created: NOW, extra: {} },
  };
  const built = await finishReport(meta, payload, header, sessionKey, ana);
  blocks.add([...leaves, ...built.blocks]);
  return readReport(blocks, built.entry.cid, ana, new People(ana.certificate));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (refused: unknown) => refused,
  );
  expect(error).toBeInstanceOf(EngineError);
  return (error as EngineError).code;
}

describe("a safety number", () => {
  it.each(vectorsOf("safety-numbers"))("$name is as published", async ({ vector }) => {
    const { first, second, expect: wanted } = vector;
    if ("refused" in wanted) {
      expect(await codeOf(safetyNumber(first, second))).toBe(wanted.refused);
      return;
    }
    expect(await safetyNumber(first, second)).toBe(wanted.safety_number);
    expect(await safetyNumber(second, first)).toBe(wanted.safety_number);
    expect(safetyCode(first, second)).toBe(safetyCode(second, first));
  });

  const shown = "81839 78896 25419 89433 38186 63847 73536 37457";
  it("typed with other spaces is the same one", () => {
    expect(sameNumber(shown, " 81839-78896 2541989433 38186 63847\n73536 37457 ")).toBe(true);
    expect(sameNumber(shown, shown.replace(/7/g, "8"))).toBe(false);
  });

  it.each(["", "81839", "1".repeat(41), "x".repeat(40), "٣".repeat(40)])("that is none (%j) is a slip", (typed) => {
    expect(() => sameNumber(shown, typed)).toThrow(EngineError);
  });

  it("scanned is held against the one shown", () => {
    const code = safetyCode("a".repeat(64), "b".repeat(64));
    expect(sameCode(code, ` ${code}\n`)).toBe(true);
    expect(sameCode(code, safetyCode("a".repeat(64), "c".repeat(64)))).toBe(false);
    expect(() => sameCode(code, "https://example.org/")).toThrow(EngineError);
  });
});

describe("a contact", () => {
  it("has a key that no other email takes, now or later", () => {
    const former = [{ key: cleo.keyId, certificate: cleo.certificate.armored }];
    const known = [contact(boris, { former_keys: former })];
    for (const { certificate } of [boris, cleo]) {
      expect(() => checkNewKey(known, certificate, "carol@example.org")).toThrow(EngineError);
      expect(() => checkNewKey(known, certificate, "boris@example.org")).not.toThrow();
    }
    expect(() => checkNewKey(known, ana.certificate, "carol@example.org")).not.toThrow();
  });

  const met = (): Promise<ContactRow> => meet(null, boris.certificate, { email: "boris@example.org" });

  it("is pinned by the first answer, unverified; the same answer again changes nothing", async () => {
    const pinned = await met();
    expect(pinned).toMatchObject({ key: boris.keyId, state: "unverified", name: "Boris" });
    expect(await meet(pinned, boris.certificate, { email: pinned.email })).toBe(pinned);
  });

  it("keeps its key whatever a server answers, and going back does not undo the warning", async () => {
    for (const pinned of [await met(), verified(await met(), boris.keyId)]) {
      const after = await meet(pinned, cleo.certificate, { email: pinned.email });
      expect(after).toEqual({ ...pinned, state: "changed" });
      expect((await meet(after, boris.certificate, { email: pinned.email })).state).toBe("changed");
      expect(await codeOf(checkRecipients([after], 1))).toBe("certificate-changed");
      expect(() => verified(after, cleo.keyId)).toThrow(EngineError);
      expect(verified(after, boris.keyId).state).toBe("verified");
    }
  });

  it("whose new key was accepted is unverified, and one person with the old key only once compared", async () => {
    const changed = await meet(verified(await met(), boris.keyId), cleo.certificate, { email: "boris@example.org" });
    const taken = accepted(changed, cleo.certificate);
    expect(taken).toMatchObject({ key: cleo.keyId, state: "unverified", former_keys: [] });
    const between = new People(ana.certificate, [], [taken]);
    expect(between.same(boris.keyId, cleo.keyId)).toBe(false);
    expect((await between.certificate(boris.keyId))?.keyId).toBe(boris.keyId);
    const compared = verified(taken, cleo.keyId);
    expect(supersededOf(compared)).toEqual([]);
    expect(new People(ana.certificate, [], [compared]).same(boris.keyId, cleo.keyId)).toBe(true);
    expect(() => accepted(compared, cleo.certificate)).toThrow(EngineError);
  });

  it("that was taken off a report of the user's own is not given it back with a new key", async () => {
    const changed = { ...(await met()), state: "changed" as const };
    const taken = accepted(changed, cleo.certificate);
    const own = (await stored(new Blocks())).meta as unknown as ReportEntry;
    for (const row of [changed, taken, verified(taken, cleo.keyId)]) {
      const people = new People(ana.certificate, [], [row]);
      const removed = { ...noReaders(own.id), removed: [boris.keyId] };
      expect(isTakenOff(row, own, removed, people)).toBe(true);
      expect(isTakenOff(row, { ...own, owner: boris.keyId }, removed, people)).toBe(false);
      expect(isTakenOff(row, own, noReaders(own.id), people)).toBe(false);
    }
  });

  it("that is not verified is given one report at a time", async () => {
    const pinned = await met();
    expect(await checkRecipients([pinned], 1)).toHaveLength(1);
    expect(await codeOf(checkRecipients([pinned], 2))).toBe("forbidden");
    expect(await checkRecipients([verified(pinned, boris.keyId)], 2)).toHaveLength(1);
  });
});

describe("a reader added", () => {
  it("opens the same report; four blocks are new, both payloads stay, packets stay octet for octet", async () => {
    const blocks = new Blocks();
    const report = await stored(blocks);
    const built = await addReaders(report, [boris.certificate], { key: ana, created: NOW });
    expect(built.blocks).toHaveLength(4);
    blocks.add(built.blocks);
    const his = new People(boris.certificate, [], [contact(ana)]);
    const opened = await readReport(blocks, built.entry.cid, boris, his);
    expect(opened.verdict).toBe("valid");
    expect([opened.encrypted.data.cid, opened.encrypted.meta.cid]).toEqual([
      report.encrypted.data.cid,
      report.encrypted.meta.cid,
    ]);
    const before = await pkeskDigest(report.packets[0]!);
    const after = await Promise.all(opened.packets.map(pkeskDigest));
    expect(after).toContain(before);
    const [note] = built.noted.notes;
    const said = await openShare(note!, { report: report.meta.id, signer: ana.keyId, people: his });
    expect(said.verdict).toBe("valid");
    expect(said.share).toMatchObject({ reader: boris.keyId, pkesk: await pkeskDigest(opened.ownPacket), delegation: null });
    expect(await codeOf(openShare(note!, { report: makeId(), signer: ana.keyId, people: his }))).toBe("note-refused");
    const false_ = openShare(note!, { report: report.meta.id, signer: boris.keyId, people: his });
    expect(await codeOf(false_)).toBe("note-refused");
    const strange = new People(cleo.certificate);
    const unknown = await openShare(note!, { report: report.meta.id, signer: ana.keyId, people: strange });
    expect(unknown.verdict).toBe("unknown-signer");
  });

  it("passes it on, and takes nobody off", async () => {
    const blocks = new Blocks();
    const report = await stored(blocks);
    const first = await addReaders(report, [boris.certificate], { key: ana, created: NOW });
    const his = new People(boris.certificate, [], [contact(ana)]);
    const opened = await readReport(blocks.add(first.blocks), first.entry.cid, boris, his);
    const second = await addReaders(opened, [cleo.certificate], { key: boris, created: NOW });
    blocks.add(second.blocks);
    const hers = await readReport(blocks, second.entry.cid, cleo, new People(cleo.certificate));
    expect([hers.verdict, hers.packets.length]).toEqual(["unknown-signer", 3]);
    expect(await codeOf(dropReaders(opened, [await pkeskDigest(opened.packets[0]!)], his))).toBe("forbidden");
  });

  it("is nobody, or oneself: refused", async () => {
    const report = await stored(new Blocks());
    const signing = { key: ana, created: NOW };
    expect(await codeOf(addReaders(report, [], signing))).toBe("invalid-input");
    expect(await codeOf(addReaders(report, [ana.certificate], signing))).toBe("invalid-input");
  });
});

describe("a reader taken off", () => {
  it("no longer opens the new root, and is remembered until the session key is new", async () => {
    const blocks = new Blocks();
    const report = await stored(blocks);
    const people = new People(ana.certificate, [], [contact(boris)]);
    const built = await addReaders(report, [boris.certificate], { key: ana, created: NOW });
    const readers = withAdded(noReaders(report.meta.id), built.noted.readers, people);
    const shared = await readReport(blocks.add(built.blocks), built.entry.cid, ana, people);
    const dropped = await dropReaders(shared, packetsOf(readers, people, boris.keyId), people);
    blocks.add(dropped.blocks);
    const his = new People(boris.certificate);
    expect(await codeOf(readReport(blocks, dropped.entry.cid, boris, his))).toBe("envelope-refused");
    const left = without(readers, people, boris.keyId);
    expect(left).toMatchObject({ readers: [], removed: [boris.keyId] });
    expect(removedPacketsOf(left)).toEqual([built.noted.readers[0]!.pkesk]);
    const back = withAdded(left, built.noted.readers, people);
    expect(back.removed).toEqual([]);
    expect(readReaders(back)).toBe(back);
    const false_ = { ...left, removed_packets: ["none"] };
    expect(() => readReaders(false_)).toThrow(EngineError);
  });

  it("is never the owner herself, whatever packet is named", async () => {
    const report = await stored(new Blocks());
    const people = new People(ana.certificate, [], [contact(boris)]);
    const own = await pkeskDigest(report.ownPacket);
    expect(await codeOf(dropReaders(report, [own], people))).toBe("invalid-input");
  });

  it("is taken off under all her keys", () => {
    const readers = {
      id: makeId(),
      readers: [boris, cleo].map(({ keyId }) => ({ key: keyId, pkesk: keyId, delegation: null })),
      removed: [],
    };
    const { keyId: key, certificate } = cleo;
    const former = contact(boris, { former_keys: [{ key, certificate: certificate.armored }] });
    const people = new People(ana.certificate, [], [former]);
    expect(packetsOf(readers, people, boris.keyId)).toHaveLength(2);
    const left = without(readers, people, boris.keyId);
    expect(left.removed).toEqual([boris.keyId, cleo.keyId]);
    expect(withAdded(left, [readers.readers[0]!], people).removed).toEqual([]);
  });
});

describe("an index whose readers change", () => {
  it("keeps who was taken off, and the packets, until she reads it again, under whichever key", async () => {
    const { encrypted, meta } = await stored(new Blocks());
    const entry = entryOf(meta, encrypted.root, encrypted.meta.cid);
    const [first, again] = [boris, cleo].map(({ keyId }) => ({ key: keyId, pkesk: keyId, delegation: null }));
    const former = [{ key: boris.keyId, certificate: boris.certificate.armored }];
    const known = contact(cleo, { former_keys: former });
    const people = new People(ana.certificate, [], [known]);
    const listed = { ...noReaders(meta.id), readers: [first!] };
    const off = without(listed, people, cleo.keyId);
    expect(off.removed).toEqual([boris.keyId]);
    let { state } = await newIndex({ notes: [], formerKeys: [], digests: {}, extra: {} }, ana, NOW);
    const rowAfter = async (...changes: Change[]): Promise<JsonObject> => {
      state = (await applyChanges(state, changes, ana, NOW))?.state ?? state;
      return [...rowsOf(state, READERS)][0]!;
    };
    const put = (readers: Readers): Change => ({ kind: "put-readers", readers });
    await rowAfter({ kind: "put-contact", contact: known }, { kind: "put-report", entry, readers: off });
    expect(await rowAfter(put(noReaders(meta.id)))).toEqual(off);
    const back = await rowAfter(put(withAdded(off, [again!], people)));
    expect(back).toEqual({ ...keepingOut(off, []), readers: [again], removed: [] });
    const next = { ...entry, revision: 2, data_payload_cid: encrypted.meta.cid };
    const after = await rowAfter({ kind: "put-report", entry: next, readers: noReaders(meta.id) });
    expect(after).toEqual({ ...noReaders(meta.id), earlier: [cleo.keyId] });
  });

  it.each([0, 1])("puts nobody back for a device that had not heard of it (revision + %i)", async (newer) => {
    const { encrypted, meta } = await stored(new Blocks());
    const entry = entryOf(meta, encrypted.root, encrypted.meta.cid);
    const as = (key: string, digit: string) => ({ key, pkesk: digit.repeat(64), delegation: null });
    const [first, taken, other] = [as(boris.keyId, "a"), as(cleo.keyId, "b"), as("d".repeat(64), "c")];
    let { state } = await newIndex({ notes: [], formerKeys: [], digests: {}, extra: {} }, ana, NOW);
    const apply = async (...changes: Change[]): Promise<void> => {
      state = (await applyChanges(state, changes, ana, NOW))?.state ?? state;
    };
    await apply({ kind: "put-report", entry, readers: { ...noReaders(meta.id), readers: [first, taken] } });
    const off = { ...noReaders(meta.id), readers: [first], removed: [cleo.keyId], removed_packets: [taken.pkesk] };
    await apply({ kind: "put-report", entry: { ...entry, cid: encrypted.root }, readers: off });
    const late = { ...entry, cid: encrypted.meta.cid, revision: entry.revision + newer };
    await apply({ kind: "put-report", entry: late, readers: { ...noReaders(meta.id), readers: [first, taken, other] } });
    expect([...rowsOf(state, READERS)][0]).toEqual({ ...off, readers: [first, other] });
    expect([...rowsOf(state, REPORTS)][0]).toMatchObject({ cid: newer > 0 ? late.cid : encrypted.root });
    await apply({ kind: "put-readers", readers: { ...noReaders(meta.id), readers: [taken] } });
    expect([...rowsOf(state, READERS)][0]).toMatchObject({ removed: [cleo.keyId] });
  });

  it("lets a late judgement of a contact undo no decision of another device", async () => {
    const pinned = contact(boris);
    const accepted = { ...contact(cleo), email: pinned.email };
    let { state } = await newIndex({ notes: [], formerKeys: [], digests: {}, extra: {} }, ana, NOW);
    const apply = async (...changes: Change[]): Promise<void> => {
      state = (await applyChanges(state, changes, ana, NOW))?.state ?? state;
    };
    await apply({ kind: "put-contact", contact: pinned });
    const decision = { kind: "put-contact", contact: accepted, insteadOf: boris.keyId } as const;
    const late = { kind: "put-contact", contact: { ...pinned, state: "changed" } } as const;
    await apply(decision);
    await apply(late);
    expect(contactsOf(state)).toEqual([accepted]);
    // As read anew, where nothing tells of the key that was.
    const contacts = state.tables.get(CONTACTS)!;
    const places = new Map([...contacts.places!].filter(([key]) => key !== boris.keyId));
    state = { ...state, tables: new Map([...state.tables, [CONTACTS, { ...contacts, places }]]) };
    await apply(late);
    expect(contactsOf(state)).toEqual([accepted]);
  });

  it("keeps out whom the owner took off, whatever becomes of the session key, until she reads it again", async () => {
    const { encrypted, meta } = await stored(new Blocks());
    const entry = entryOf(meta, encrypted.root, encrypted.meta.cid);
    const people = new People(ana.certificate, [], [contact(boris)]);
    const as = (pkesk: string) => ({ key: boris.keyId, pkesk: pkesk.repeat(64), delegation: null });
    let { state } = await newIndex({ notes: [], formerKeys: [], digests: {}, extra: {} }, ana, NOW);
    const keptOutAfter = async (change: Change): Promise<string[]> => {
      state = (await applyChanges(state, [change], ana, NOW))?.state ?? state;
      return keptOutOf(readReaders([...rowsOf(state, READERS)][0]!));
    };
    const none = noReaders(meta.id);
    const off = without({ ...none, readers: [as("a")] }, people, boris.keyId);
    expect(await keptOutAfter({ kind: "put-report", entry, readers: off })).toEqual([boris.keyId]);
    const next = { ...entry, revision: 2, data_payload_cid: encrypted.meta.cid };
    const later: Change = { kind: "put-report", entry: next, readers: none };
    expect(await keptOutAfter(later)).toEqual([boris.keyId]);
    expect(await keptOutAfter({ ...later, dropsEarlier: true })).toEqual([boris.keyId]);
    expect(notTakenOff([boris.certificate, cleo.certificate], { ...none, kept_out: [boris.keyId] }, people)).toEqual([
      cleo.certificate,
    ]);
    expect(await keptOutAfter({ kind: "put-readers", readers: withAdded(none, [as("b")], people) })).toEqual([]);
    for (const kept_out of ["x", ["x"], [7]]) expect(() => readReaders({ ...none, kept_out })).toThrow(EngineError);
  });

  it("names who had an earlier session key, as a person, until she reads it again or a re-key", async () => {
    const { encrypted, meta } = await stored(new Blocks());
    const id = meta.id;
    const entry = entryOf(meta, encrypted.root, encrypted.meta.cid);
    const as = ({ keyId: key }: UnlockedKey) => ({ key, pkesk: "a".repeat(64), delegation: null });
    const dora = await generateKey("Dora", "dora@example.org");
    const [one, two] = [cleo.keyId, dora.keyId].sort() as [string, string];
    const former = [{ key: boris.keyId, certificate: boris.certificate.armored }];
    let { state } = await newIndex({ notes: [], formerKeys: [], digests: {}, extra: {} }, ana, NOW);
    const rowAfter = async (...changes: Change[]): Promise<JsonObject> => {
      state = (await applyChanges(state, changes, ana, NOW))?.state ?? state;
      const row = [...rowsOf(state, READERS)][0]!;
      expect(readReaders(row)).toBe(row);
      return row;
    };
    const none = noReaders(id);
    const put = (readers: Readers): Change => ({ kind: "put-readers", readers });
    const anew = (revision: number, readers: Readers, more = {}): Change => {
      const cid = revision % 2 === 0 ? encrypted.meta.cid : encrypted.root;
      return { kind: "put-report", entry: { ...entry, revision, data_payload_cid: cid }, readers, ...more };
    };
    const known: Change = { kind: "put-contact", contact: contact(cleo, { former_keys: former }) };
    await rowAfter(known, { kind: "put-report", entry, readers: { ...none, readers: [as(boris), as(dora)] } });
    expect(await rowAfter(anew(2, { ...none, readers: [as(cleo)] }))).toMatchObject({ earlier: [dora.keyId] });
    expect(await rowAfter(put({ ...none, removed: [cleo.keyId] }))).toMatchObject({ earlier: [dora.keyId] });
    expect(await rowAfter(anew(3, none))).toEqual({ ...none, earlier: [one, two] });
    const trashed = { kind: "set-deleted", id, time: NOW } as const;
    expect(await rowAfter(trashed, { ...trashed, time: null })).toMatchObject({ earlier: [one, two] });
    expect(await rowAfter(put({ ...none, readers: [as(dora)] }))).toMatchObject({ earlier: [cleo.keyId] });
    // Who read it by notes that this index had not heard of is named by whoever makes the key new.
    expect(await rowAfter(anew(4, { ...none, earlier: ["f".repeat(64)] }))).toEqual({
      ...none,
      earlier: [one, two, "f".repeat(64)].sort(),
    });
    expect(await rowAfter(anew(4, none, { dropsEarlier: true }))).toEqual(none);
    await rowAfter(put({ ...none, readers: [as(dora)] }));
    expect(await rowAfter(anew(5, none, { dropsEarlier: true }))).toEqual(none);
    for (const earlier of ["x", ["x"], [7]]) expect(() => readReaders({ ...none, earlier })).toThrow(EngineError);
  });
});

describe("who goes on reading under a new session key", () => {
  it("is everyone that is pinned; the others are named, and why", async () => {
    const readers = {
      id: makeId(),
      readers: [ana, boris, cleo].map(({ keyId }) => ({ key: keyId, pkesk: keyId, delegation: null })),
      removed: [],
    };
    const contacts = [contact(boris), contact(cleo, { state: "changed" as const })];
    const dora = await generateKey("Dora", "dora@example.org");
    readers.readers.push({ key: dora.keyId, pkesk: dora.keyId, delegation: null });
    const next = await nextReaders(readers, contacts, new People(dora.certificate, [], contacts));
    expect(next.certificates.map(({ keyId }) => keyId)).toEqual([boris.keyId]);
    expect(next.leftOut).toEqual([
      { key: ana.keyId, why: "stranger" },
      { key: cleo.keyId, why: "changed" },
    ]);
  });
});

describe("a header wrapped anew", () => {
  it("has who should read, in whatever order of adding and dropping", async () => {
    const sessionKey = makeSessionKey();
    const { octets } = await makeHeader(sessionKey, [ana.certificate]);
    let packets = parseHeader(octets);
    const [own] = await Promise.all(packets.map(pkeskDigest));
    const expected = new Set([own]);
    for (let round = 0; round < 12; round++) {
      const add = round % 3 === 0 ? [boris.certificate, cleo.certificate] : [cleo.certificate];
      const drop = [...expected].filter((digest, place) => digest !== own && place % 2 === round % 2);
      const made = await rewrap(packets, sessionKey, { add, drop: drop as string[] });
      for (const digest of drop) expected.delete(digest);
      for (const { pkesk } of made.added) expected.add(pkesk);
      packets = parseHeader(made.octets);
      expect(new Set(await Promise.all(packets.map(pkeskDigest)))).toEqual(expected);
    }
    expect(await codeOf(rewrap(packets, sessionKey, { drop: ["0".repeat(64)] }))).toBe("invalid-input");
    const all = (await Promise.all(packets.map(pkeskDigest))) as string[];
    expect(await codeOf(rewrap(packets, sessionKey, { drop: all }))).toBe("envelope-refused");
  });
});
