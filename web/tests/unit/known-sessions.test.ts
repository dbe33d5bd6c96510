/** Which sessions are asked about: all but this browser's own, until she has said that they are hers. */
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

it("is every one but this browser's own: who began those before it, nobody here can tell", async () => {
  expect(await unknown(phone, here, stranger)).toEqual(["phone", "stranger"]);
  expect(await unknown(phone, stranger, begun("again", 12, true))).toEqual(["phone", "stranger"]);
});

it("is none any more once she has said that it is hers, nor is one from here after a later sign-in", async () => {
  await unknown(phone, here, stranger);
  await Promise.all([know(openVault(), stranger.id), know(openVault(), phone.id)]);
  expect(await unknown(phone, here, stranger)).toEqual([]);
  expect(await unknown(phone, here, stranger, begun("another", 10))).toEqual(["another"]);
  expect(await unknown(phone, { ...here, isCurrent: false }, stranger, begun("again", 12, true))).toEqual([]);
});

it("is forgotten with its session", async () => {
  await unknown(phone, here);
  await know(openVault(), phone.id);
  await unknown(here);
  expect(await unknown(phone, here)).toEqual(["phone"]);
});

it("is known under a new password as well", async () => {
  await unknown(phone, here);
  await know(openVault(), phone.id);
  const next = await StateKey.of("another one");
  await resealKept(store, stateKey, next);
  stateKey = next;
  expect(await unknown(phone, here, stranger)).toEqual(["stranger"]);
});
