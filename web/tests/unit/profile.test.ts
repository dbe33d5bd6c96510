/** What a device has pinned of an account, with two tabs that write it. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, it } from "vitest";
import { Store, type Profile } from "../../src/worker/store.ts";

/** As much of a profile as the store looks at. */
const OWNER = {
  email: "ana@example.org",
  account: "a".repeat(32),
  ipnsName: "k51",
  floor: { sequence: 9, root: "bafy" },
} as unknown as Profile;

let store: Store;
beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  store = await Store.open();
});

describe("the floor", () => {
  it("that rises takes back nothing that another tab has just written", async () => {
    const signedIn = { ...OWNER, isSignedIn: true, sealedKey: "old" };
    await store.save(signedIn);
    const other = await Store.open();
    const raised = store.raiseFloor(OWNER.account, { sequence: 12, root: "bafz" as never });
    await Promise.all([raised, other.save({ ...signedIn, sealedKey: "new" })]);
    expect(await store.profile()).toMatchObject({ sealedKey: "new", floor: { sequence: 12 } });
  });

  it("of an account begun anew is not the old one's", async () => {
    await store.save(OWNER);
    await store.save({ ...OWNER, ipnsName: "another", floor: null });
    expect(await store.profile()).toMatchObject({ floor: null });
  });

  it("is raised of no account that was forgotten meanwhile", async () => {
    await store.save(OWNER);
    await store.forget();
    await store.raiseFloor(OWNER.account, { sequence: 12, root: "bafz" as never });
    expect(await store.profile()).toBeNull();
  });
});
