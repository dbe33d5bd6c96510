/** Changes that wait, in two tabs of one browser and after another password. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StateKey } from "../../src/crypto/state-key.ts";
import { refusal } from "../../src/refusal.ts";
import { Changer } from "../../src/worker/changing.ts";
import { Store } from "../../src/worker/store.ts";
import type { Vault } from "../../src/worker/vault.ts";
import { Locks } from "../server/locks.ts";

const REPORT = "report";

/** The server, in as far as trash is emptied through it. */
let isDown: boolean;
/** How many requests left, and which reached the server. */
let asked: number;
let reached: string[];
/** What each request waits for. */
let held: Promise<void>;
let stateKey: StateKey;

interface Tab {
  readonly changer: Changer;
  readonly close: () => void;
}

/** A tab with one report in its vault, moved to the trash and back by name. */
async function tab(key = stateKey): Promise<Tab> {
  const ending = new AbortController();
  const entry = { id: REPORT, owner: "me", deleted: null };
  const table = { places: new Map([[REPORT, 0]]), segments: [{ rows: [entry] }] };
  const vault = {
    store: await Store.open(),
    session: { stateKey: key },
    closing: ending.signal,
    requireOpen: () => {
      if (ending.signal.aborted) throw refusal("interrupted", "The vault was locked.");
    },
    people: () => ({ isMe: () => true }),
    index: { state: { tables: new Map([["reports", table]]) }, change: async () => {} },
    transport: {
      call: async (method: string, path: string) => {
        const down = isDown;
        asked++;
        await held;
        if (down) throw refusal("unreachable", "The network is away.");
        reached.push(`${method} ${path}`);
      },
    },
  };
  const changer = new Changer(vault as unknown as Vault);
  await changer.load();
  return { changer, close: () => ending.abort() };
}

const trash = ({ changer }: Tab): Promise<void> => changer.wish({ kind: "trash", reports: [REPORT] });
const restore = ({ changer }: Tab): Promise<void> => changer.wish({ kind: "restore", reports: [REPORT] });

const TRASHED = `DELETE /reports/${REPORT}`;
const RESTORED = `POST /reports/${REPORT}/restore`;

beforeEach(async () => {
  vi.stubGlobal("navigator", { locks: new Locks(), userAgent: "" });
  Object.assign(globalThis, { indexedDB: new IDBFactory() });
  stateKey = await StateKey.of("a passphrase");
  isDown = true;
  asked = 0;
  reached = [];
  held = Promise.resolve();
});
afterEach(() => vi.unstubAllGlobals());

describe("two tabs of one browser", () => {
  it("make the changes of a report in the order in which they were asked for", async () => {
    const [first, second] = [await tab(), await tab()];
    await trash(first);
    isDown = false;
    await restore(second);
    await first.changer.sendWaiting();
    await second.changer.sendWaiting();
    expect(reached).toEqual([TRASHED, RESTORED]);
    expect([first.changer.waiting, second.changer.waiting]).toEqual([[], []]);
  });

  it("keep that order where the older one had not failed yet", async () => {
    let letGo!: () => void;
    held = new Promise((resolve) => (letGo = resolve));
    const [first, second] = [await tab(), await tab()];
    const older = trash(first);
    await vi.waitFor(() => expect(asked).toBe(1), { timeout: 15_000 });
    isDown = false;
    const newer = restore(second);
    letGo();
    await Promise.all([older, newer]);
    await first.changer.sendWaiting();
    expect(reached).toEqual([TRASHED, RESTORED]);
  });

  it("send each that waits once, and count none of them as lost", async () => {
    const [first, second] = [await tab(), await tab()];
    await trash(first);
    isDown = false;
    await second.changer.load();
    await Promise.all([first.changer.sendWaiting(), second.changer.sendWaiting()]);
    expect(reached).toEqual([TRASHED]);
    expect([first.changer, second.changer]).toMatchObject([
      { waiting: [], dropped: 0 },
      { waiting: [], dropped: 0 },
    ]);
  });

  it("do not wait for one that was locked while it sent", async () => {
    const first = await tab();
    await trash(first);
    isDown = false;
    held = new Promise(() => {});
    void first.changer.sendWaiting();
    await vi.waitFor(() => expect(asked).toBe(2), { timeout: 15_000 });
    const second = await tab();
    first.close();
    held = Promise.resolve();
    await second.changer.sendWaiting();
    expect(reached).toEqual([TRASHED]);
  });
});

it("what waited under a password that was changed elsewhere is counted as lost", async () => {
  await trash(await tab());
  const { changer } = await tab(await StateKey.of("another passphrase"));
  expect(changer).toMatchObject({ waiting: [], dropped: 1 });
  isDown = false;
  await changer.sendWaiting();
  expect(changer.dropped).toBe(1);
});
