/** What the index keeps of who reads a report, whatever devices say one after another. */
import { beforeAll, describe, expect, it } from "vitest";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import type { JsonObject } from "../../src/json.ts";
import { EngineError } from "../../src/refusal.ts";
import type { Change } from "../../src/vault/index/changes.ts";
import { CONTACTS, contactsOf, READERS, REPORTS, rowsOf } from "../../src/vault/index/state.ts";
import { applyChanges, newIndex } from "../../src/vault/index/write.ts";
import { People } from "../../src/vault/people.ts";
import { entryOf } from "../../src/vault/report-entry.ts";
import { keepingOut, keptOutOf, noReaders, readReaders, type Readers } from "../../src/vault/share-note.ts";
import { withAdded, without } from "../../src/vault/sharing.ts";
import { Blocks, contact, NOW, stored, threeKeys } from "./sharers.ts";
import { notTakenOff } from "../../src/worker/recipients.ts";

let ana: UnlockedKey;
let boris: UnlockedKey;
let cleo: UnlockedKey;
beforeAll(async () => {
  [ana, boris, cleo] = await threeKeys();
});

describe("an index whose readers change", () => {
  it("keeps who was taken off, and the packets, until she reads it again, under whichever key", async () => {
    const { encrypted, meta } = await stored(new Blocks(), ana);
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
    const { encrypted, meta } = await stored(new Blocks(), ana);
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
    const { encrypted, meta } = await stored(new Blocks(), ana);
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
    const { encrypted, meta } = await stored(new Blocks(), ana);
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
