/** Which sessions are asked about: those that began beside her, until she has said that they are hers. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, expect, it } from "vitest";
import { StateKey } from "../../src/crypto/state-key.ts";
import { know, markUnknown, type ListedSession } from "../../src/worker/known-sessions.ts";
import { resealKept } from "../../src/worker/resealing.ts";
import { Store } from "../../src/worker/store.ts";
import type { Vault } from "../../src/worker/vault.ts";

let store: Store;
let stateKey: StateKey;

const openVault = (): Vault => ({ store, session: { stateKey } }) as unknown as Vault;

/** A session that began on this day of November. */
function begun(id: string, day: number, isCurrent = false): ListedSession {
  const created = `2026-11-${String(day).padStart(2, "0")}T08:00:00Z`;
  return { id, label: id, address: "", created, lastUsed: created, expires: created, isCurrent };
}

async function unknown(...sessions: ListedSession[]): Promise<string[]> {
  return (await markUnknown(openVault(), sessions)).filter(({ isUnknown }) => isUnknown).map(({ id }) => id);
}

const phone = begun("phone", 1);
const here = begun("here", 5, true);
const stranger = begun("stranger", 9);

beforeEach(async () => {
  Object.assign(globalThis, { indexedDB: new IDBFactory() });
  store = await Store.open();
  stateKey = await StateKey.of("a passphrase");
});

it("is one that began after this browser's own, and not this one or an earlier one", async () => {
  expect(await unknown(phone, here, stranger)).toEqual(["stranger"]);
});

it("stays one however often it is looked at, and after a later sign-in here", async () => {
  await unknown(phone, here);
  expect(await unknown(phone, here, stranger)).toEqual(["stranger"]);
  expect(await unknown(phone, stranger, begun("again", 12, true))).toEqual(["stranger"]);
});

it("is none any more once she has said that it is hers", async () => {
  await unknown(phone, here, stranger);
  await know(openVault(), stranger.id);
  expect(await unknown(phone, here, stranger)).toEqual([]);
  expect(await unknown(phone, here, stranger, begun("another", 10))).toEqual(["another"]);
});

it("is told by what is sealed under a new password as well, and not kept in clear", async () => {
  await unknown(phone, here);
  const next = await StateKey.of("another one");
  await resealKept(store, stateKey, next);
  stateKey = next;
  expect(await unknown(phone, stranger, begun("again", 12, true))).toEqual(["stranger"]);
  expect(JSON.stringify(await store.tasks("sessions"))).not.toContain(phone.id);
});
