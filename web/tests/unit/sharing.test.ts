import { beforeAll, describe, expect, it } from "vitest";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { pkeskDigest, rewrap } from "../../src/crypto/rewrap.ts";
import { makeHeader, parseHeader } from "../../src/crypto/session-keys.ts";
import { EngineError } from "../../src/refusal.ts";
import { accepted, checkNewKey, checkRecipients, meet, verified } from "../../src/vault/contacts.ts";
import { isTakenOff } from "../../src/vault/give-back.ts";
import { People, supersededOf, type ContactRow } from "../../src/vault/people.ts";
import { makeSessionKey } from "../../src/vault/report-build.ts";
import { type ReportEntry } from "../../src/vault/report-entry.ts";
import { readReport } from "../../src/vault/report.ts";
import { safetyCode, safetyNumber, sameCode, sameNumber } from "../../src/vault/safety-number.ts";
import { noReaders, openShare, readReaders, removedPacketsOf } from "../../src/vault/share-note.ts";
import { addReaders, dropReaders, nextReaders, packetsOf, withAdded, without } from "../../src/vault/sharing.ts";
import { makeId } from "../../src/vault/words.ts";
import { Blocks, contact, NOW, stored, threeKeys } from "./sharers.ts";
import { vectorsOf } from "./vectors.ts";

let ana: UnlockedKey;
let boris: UnlockedKey;
let cleo: UnlockedKey;
beforeAll(async () => {
  [ana, boris, cleo] = await threeKeys();
});

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
    const own = (await stored(new Blocks(), ana)).meta as unknown as ReportEntry;
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
    const report = await stored(blocks, ana);
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
    const report = await stored(blocks, ana);
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
    const report = await stored(new Blocks(), ana);
    const signing = { key: ana, created: NOW };
    expect(await codeOf(addReaders(report, [], signing))).toBe("invalid-input");
    expect(await codeOf(addReaders(report, [ana.certificate], signing))).toBe("invalid-input");
  });
});

describe("a reader taken off", () => {
  it("no longer opens the new root, and is remembered until the session key is new", async () => {
    const blocks = new Blocks();
    const report = await stored(blocks, ana);
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
    const report = await stored(new Blocks(), ana);
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
