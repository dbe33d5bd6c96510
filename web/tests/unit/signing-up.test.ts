/** A sign-up that the server refuses, or whose answer is lost, takes nothing from whom this browser belongs to. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, it } from "vitest";
import { Transport, type Answer } from "../../src/api/transport.ts";
import { refusal, type ErrorCode } from "../../src/refusal.ts";
import { Sessions } from "../../src/worker/session.ts";
import { Store, type Profile } from "../../src/worker/store.ts";

const REQUEST = { email: "ana@example.org", name: "Ana", password: "correct horse battery staple 19" };
/** As much of a profile as is looked at before the key is opened. */
const OWNER = {
  email: REQUEST.email,
  account: "a".repeat(32),
  ipnsName: "k51",
  floor: { sequence: 9, root: "bafy" },
  isSignedIn: false,
  sealedFirstIndex: "sealed",
} as unknown as Profile;

/** A server that knows nobody, and refuses new accounts. */
class Refusing extends Transport {
  code: ErrorCode;

  constructor(code: ErrorCode) {
    super("http://vault.example");
    this.code = code;
  }

  override async call(_method: string, path: string): Promise<Answer> {
    if (path !== "/sign-in/parameters") throw refusal(this.code, "It is refused.");
    return { account: "f".repeat(32), kdf: { m: 65536, t: 3, p: 1 } };
  }
}

let store: Store;
beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  store = await Store.open();
});

async function signUp(code: ErrorCode): Promise<void> {
  const refused = new Sessions(store, new Refusing(code)).signUp(REQUEST, () => {});
  await expect(refused).rejects.toMatchObject({ code });
}

describe.each(["duplicate", "unreachable"] as const)("a sign-up answered with %s", (code) => {
  it("leaves all that is kept of whom this browser belongs to", async () => {
    await store.save(OWNER);
    await store.saveUpload({ id: "one", sizeBytes: 1, lastModified: 1, sealed: "s", upload: null, started: 1 });
    await store.addChange("waits");
    await signUp(code);
    expect(await store.profile()).toEqual(OWNER);
    expect(await store.uploads()).toHaveLength(1);
    expect(await store.changes()).toHaveLength(1);
  });

  it("makes this browser nobody's", async () => {
    await signUp(code);
    expect(await store.profile()).toBeNull();
  });
});

describe("the keys of a sign-up", () => {
  it("are dropped when the server refuses it", async () => {
    await signUp("duplicate");
    expect(await store.attempts(REQUEST.email)).toEqual([]);
  });

  it("are kept beside those of an earlier one while nobody knows which was made", async () => {
    await signUp("unreachable");
    await signUp("unavailable");
    await signUp("duplicate");
    const kept = await (await Store.open()).attempts(REQUEST.email);
    expect(new Set(kept.map(({ account }) => account)).size).toBe(2);
    expect(kept.every(({ sealedFirstIndex }) => sealedFirstIndex !== null)).toBe(true);
    expect(await store.attempts("boris@example.org")).toEqual([]);
  });

  it("outlive no page on a shared computer, and the form being sent again", async () => {
    store.shareComputer(true);
    await signUp("unreachable");
    store.shareComputer(true);
    expect(await store.attempts(REQUEST.email)).toHaveLength(1);
    expect(await (await Store.open()).attempts(REQUEST.email)).toEqual([]);
  });

  it("are forgotten with the account", async () => {
    await signUp("unreachable");
    await store.forget();
    expect(await store.attempts(REQUEST.email)).toEqual([]);
    expect(await (await Store.open()).attempts(REQUEST.email)).toEqual([]);
  });
});
