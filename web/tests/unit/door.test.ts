/** What comes and goes with a vault, where none can be read. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Transport } from "../../src/api/transport.ts";
import type { Uploads } from "../../src/engine/interface.ts";
import { Door } from "../../src/worker/door.ts";
import type { Session } from "../../src/worker/session.ts";
import { Store, type Profile } from "../../src/worker/store.ts";

type Parts = ConstructorParameters<typeof Door>[0];

const SESSION = { key: { close: () => {} }, profile: { email: "ana@example.org" } } as unknown as Session;
const VIEW: Uploads = { items: [], totalBytes: 7, sentBytes: 0, secondsLeft: null, isPaused: false };

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});
afterEach(() => vi.unstubAllGlobals());

function doorOf(parts: { readonly store: unknown; readonly transport?: object }): Door {
  const reach = { rest: () => {}, setWaiting: () => {} };
  const preferences = { current: { lockMinutes: 15 } };
  return new Door({ transport: {}, gateways: {}, sessions: {}, reach, preferences, ...parts } as unknown as Parts);
}

it("tells nothing of the uploads of a vault that was closed, whatever still ends there", async () => {
  const store = {
    isSharedComputer: false,
    profile: () => Promise.reject(new Error("This vault cannot be read.")),
  };
  const door = doorOf({ store });
  let told: Uploads | null = null;
  door.onUploads = (uploads) => (told = uploads);
  await door.open(SESSION);
  const { uploads } = door;
  uploads.view.set(VIEW);
  expect(told).toEqual(VIEW);
  door.close("asked");
  expect(told).toMatchObject({ totalBytes: 0 });
  uploads.view.set(VIEW);
  expect(told).toMatchObject({ totalBytes: 0 });
});

/** A guest's store on a shared computer, where this browser keeps what `account` has pinned. */
async function guestBeside(account: string): Promise<Store> {
  const owner = { email: "ana@example.org", account, ipnsName: "k51", floor: null } as unknown as Profile;
  await (await Store.open()).save(owner);
  const guest = await Store.open();
  guest.shareComputer(true);
  await guest.save({ ...owner, account: "a".repeat(32) });
  return guest;
}

it.each([
  ["her own account, and it is gone here too", "a".repeat(32), null],
  ["another one than this browser belongs to, which stays", "b".repeat(32), "b".repeat(32)],
])("deletes on a shared computer %s", async (_whose, kept, left) => {
  const store = await guestBeside(kept);
  await doorOf({ store }).leave("deleted", true);
  expect(store.isSharedComputer).toBe(false);
  expect((await store.profile())?.account ?? null).toBe(left);
});

it.each([
  ["the guest's, when it locks after quiet time", true, "quiet", ["DELETE Bearer guest"]],
  ["none that the server has ended", true, "session-ended", []],
  ["none that the owner can go on with", false, "quiet", []],
] as const)("ends one session at the server: %s", async (_whose, isShared, reason, asked) => {
  const requests: string[] = [];
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    requests.push(`${init.method} ${new Headers(init.headers).get("Authorization")}`);
    throw new TypeError("network");
  });
  const store = { isSharedComputer: isShared, profile: () => Promise.reject(new Error("None.")), forget: async () => {} };
  const transport = new Transport("http://vault.example");
  const door = doorOf({ store, transport });
  await door.open(SESSION);
  if (isShared) transport.token = "guest";
  door.close(reason);
  expect(transport.token).toBeNull();
  await new Promise((resolve) => setTimeout(resolve));
  expect(requests).toEqual(asked);
});
