/** Which reports of the past are still to be opened to a delegate, by the index alone. */
import { expect, it } from "vitest";
import type { Change } from "../../src/vault/index/changes.ts";
import { applyChanges, newIndex } from "../../src/vault/index/write.ts";
import { People } from "../../src/vault/people.ts";
import { entryOf } from "../../src/vault/report-entry.ts";
import { noReaders } from "../../src/vault/share-note.ts";
import { notOpenYet } from "../../src/worker/past.ts";
import { leftOutNow } from "../../src/worker/recipients.ts";
import type { Vault } from "../../src/worker/vault.ts";
import { Blocks, contact, NOW, stored, threeKeys } from "./sharers.ts";

it("one that a delegate's former key alone opens is open to her no more", async () => {
  const [ana, before, boris] = await threeKeys();
  const { encrypted, meta } = await stored(new Blocks(), ana);
  const entry = entryOf(meta, encrypted.root, encrypted.meta.cid);
  const former = [{ key: before.keyId, certificate: before.certificate.armored }];
  const known = contact(boris, { former_keys: former });
  const people = new People(ana.certificate, [], [known]);
  const as = (key: string, digit: string) => ({ key, pkesk: digit.repeat(64), delegation: "d".repeat(64) });
  const [old, now] = [as(before.keyId, "a"), as(boris.keyId, "b")];
  let { state } = await newIndex({ notes: [], formerKeys: [], digests: {}, extra: {} }, ana, NOW);
  const openAfter = async (...changes: Change[]): Promise<unknown> => {
    state = (await applyChanges(state, changes, ana, NOW))!.state;
    const index = { state, loadReaders: () => Promise.resolve() };
    // The delegation was given to the key that she had then.
    return notOpenYet({ index, people: () => people } as unknown as Vault, before.keyId, [entry]);
  };
  const listed = { ...noReaders(meta.id), readers: [old] };
  const put: Change = { kind: "put-report", entry, readers: listed };
  expect(await openAfter({ kind: "put-contact", contact: known }, put)).toEqual([entry]);
  const both = { ...listed, readers: [old, now] };
  expect(await openAfter({ kind: "put-readers", readers: both })).toEqual([]);
  // She is named as long as her key of now cannot be encrypted to, and not once it opens the report.
  const absent = { key: boris.keyId, why: "unverified" } as const;
  const chosen = { certificates: [], delegations: new Map<string, string>(), leftOut: [absent], lapsed: [] };
  expect(leftOutNow(chosen, listed, people)).toEqual([absent]);
  expect(leftOutNow(chosen, both, people)).toEqual([]);
});
