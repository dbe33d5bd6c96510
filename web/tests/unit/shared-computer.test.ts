/** A shared computer: nothing outlives the page, and until then nothing is forgotten that must not be. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes.ts";
import { makeSalt } from "../../src/crypto/payload.ts";
import { makeSessionKey } from "../../src/vault/report-build.ts";
import { Recorder, sendContent } from "../../src/worker/content.ts";
import type { BatchSender } from "../../src/worker/sending.ts";
import { Store, type Profile, type UploadRecord } from "../../src/worker/store.ts";

let store: Store;
beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  store = await Store.open();
  store.shareComputer(true);
});

const RECORD: UploadRecord = { id: "two", sizeBytes: 1, lastModified: 1, sealed: "s", upload: null, started: 1 };

/** As much of a profile as the store looks at. */
const OWNER = { email: "ana@example.org", account: "a".repeat(32), ipnsName: "k51", floor: null } as unknown as Profile;

/** What is kept of an account, in `from`. */
async function keptIn(from: Store): Promise<number[]> {
  const kept = [await from.tasks("rekey"), await from.uploads(), await from.leaves("one"), await from.changes()];
  return kept.map(({ length }) => length);
}

async function fill(into = store): Promise<void> {
  await into.saveUpload(RECORD);
  await into.saveUpload({ ...RECORD, id: "one", kind: "rekey" });
  await into.saveLeaves({ upload: "one", first: 0, cids: utf8("a") });
  await into.addChange("sealed");
}

/** Stores `content` as the upload "one", as after a pause or a lost network: under the same secrets. */
function attempts(): (content: string) => Promise<number> {
  const secrets = { sessionKey: makeSessionKey(), salt: makeSalt() };
  return async (content) => {
    let sent = 0;
    const sender = {
      onFree: () => {},
      add: async () => void sent++,
      addAll: async (blocks: readonly unknown[]) => void (sent += blocks.length),
    } as unknown as BatchSender;
    const recorder = await Recorder.resumable(store, "one", sender);
    await sendContent(new Blob([content]), secrets, recorder, sender, new AbortController().signal);
    return sent;
  };
}

describe("an upload that goes on", () => {
  it("sends nothing of another content under the same key", async () => {
    const attempt = attempts();
    const sent = await attempt("the file as it was");
    expect(sent).toBeGreaterThan(0);
    await expect(attempt("the file as it is!")).rejects.toMatchObject({ code: "content-changed" });
    expect(await attempt("the file as it was")).toBe(sent);
  });

  it("begins afresh once its leaves are dropped, as under a new key", async () => {
    const attempt = attempts();
    await attempt("the file as it was");
    await store.dropLeaves("one");
    expect(await store.leaves("one")).toEqual([]);
  });

  it("knows its leaves in their order, and no other upload's", async () => {
    for (const first of [0, 1]) await store.saveLeaves({ upload: "one", first, cids: utf8(`${first}`) });
    await store.saveLeaves({ upload: "two", first: 0, cids: utf8("other") });
    expect((await store.leaves("one")).map(({ first }) => first)).toEqual([0, 1]);
    await store.dropUpload("one");
    expect(await store.leaves("one")).toEqual([]);
    expect(await store.leaves("two")).toHaveLength(1);
  });
});

it("changes that wait are kept in their order, and go one by one", async () => {
  for (const sealed of ["first", "second"]) await store.addChange(sealed);
  const [first, second] = await store.changes();
  expect([first!.sealed, second!.sealed]).toEqual(["first", "second"]);
  await store.replaceChange(first!.id!, "sealed anew");
  expect((await store.changes()).map(({ sealed }) => sealed)).toEqual(["sealed anew", "second"]);
  await store.dropChange(first!.id!);
  await store.addChange("third");
  expect((await store.changes()).map(({ sealed }) => sealed)).toEqual(["second", "third"]);
});

describe("what is kept", () => {
  it("is there for this page", async () => {
    await fill();
    expect(await keptIn(store)).toEqual([1, 1, 1, 1]);
  });

  it("is in no other page's reach", async () => {
    await fill();
    expect(await keptIn(await Store.open())).toEqual([0, 0, 0, 0]);
  });

  it.each([
    ["the account is forgotten", (): Promise<void> => store.forget()],
    ["somebody else begins", async (): Promise<void> => store.shareComputer(true)],
    ["the computer is her own again", async (): Promise<void> => store.shareComputer(false)],
  ])("is gone when %s", async (_when, end) => {
    await fill();
    await end();
    expect(await keptIn(store)).toEqual([0, 0, 0, 0]);
  });
});

describe("what somebody else keeps in this browser", () => {
  it.each([
    ["the account is forgotten", (): Promise<void> => store.forget()],
    ["an upload ends", (): Promise<void> => store.dropUpload("one")],
    ["a change was made", (): Promise<void> => store.dropChange(1)],
  ])("stays when %s", async (_when, end) => {
    const own = await Store.open();
    await own.save(OWNER);
    await fill(own);
    await fill();
    await end();
    expect(await keptIn(own)).toEqual([1, 1, 1, 1]);
    expect(await own.profile()).toMatchObject({ email: "ana@example.org" });
  });
});
