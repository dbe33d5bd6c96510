/** What downloads leave in the browser's own file system, when it goes, and what a lock ends. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Door } from "../../src/worker/door.ts";
import { refusal } from "../../src/refusal.ts";
import { Downloads } from "../../src/worker/downloads.ts";
import type { Vault } from "../../src/worker/vault.ts";

/** How reports are opened here: no test of this file needs their content. */
const fetching = vi.hoisted(() => ({ open: async (): Promise<void> => {} }));
vi.mock(import("../../src/worker/fetching.ts"), async (original) => ({
  ...(await original()),
  openRevision: async () => {
    await fetching.open();
    return { meta: { file_name: "scan.bin", size_bytes: 0 } } as never;
  },
  streamContent: async () => {},
}));

const NOW = Date.UTC(2026, 10, 22);
const MINUTE = 60_000;

/** The folder of what was handed out: names, and when each was written. */
let handed: Map<string, number>;
/** Names of those that another tab is writing. */
let written: Set<string>;
beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ["Date"] });
  handed = new Map();
  written = new Set();
  const folder = {
    async *entries() {
      for (const [name, lastModified] of [...handed]) yield [name, { getFile: async () => ({ lastModified }) }];
    },
    async removeEntry(name: string) {
      if (written.has(name)) throw new DOMException("in use", "NoModificationAllowedError");
      handed.delete(name);
    },
  };
  vi.stubGlobal("navigator", { storage: { getDirectory: async () => ({ getDirectoryHandle: async () => folder }) } });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("what was handed out", () => {
  it("all goes, but what another tab writes now", async () => {
    handed = new Map([["old", NOW - 60 * MINUTE], ["busy", NOW], ["new", NOW]]);
    written.add("busy");
    await Downloads.sweep();
    expect([...handed.keys()]).toEqual(["busy"]);
  });

  it("stays for a while when a page begins: another tab's may still be copied", async () => {
    handed = new Map([["old", NOW - 11 * MINUTE], ["new", NOW - 9 * MINUTE], ["of a clock set back", NOW + 60 * MINUTE]]);
    await Downloads.sweep(10 * MINUTE);
    expect([...handed.keys()]).toEqual(["new"]);
  });

  it("hinders nothing in browsers without such files", async () => {
    vi.stubGlobal("navigator", { storage: { getDirectory: () => Promise.reject(new DOMException("no", "SecurityError")) } });
    await Downloads.sweep();
    vi.stubGlobal("navigator", {});
    await Downloads.sweep();
  });
});

/** A door whose vault has been left, as far as downloads see it. */
function door(): Door {
  const store = { profile: async () => null, forget: async () => {}, save: async () => {}, shareComputer: () => {} };
  const parts = { store, transport: {}, reach: { rest: () => {} } };
  return new Door(parts as unknown as ConstructorParameters<typeof Door>[0]);
}

describe("when the vault is left", () => {
  it("nothing of it stays on this device where that is forgotten", async () => {
    handed.set("report", NOW);
    await door().leave("signed-out", true);
    await vi.waitFor(() => expect(handed.size).toBe(0));
  });

  it("the browser goes on copying where it is not", async () => {
    handed.set("report", NOW);
    await door().leave("signed-out", false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(handed.size).toBe(1);
  });
});

describe("a lock", () => {
  const REPORT = "report";
  let ending: AbortController;
  let downloads: Downloads;
  let vault: Vault;
  beforeEach(() => {
    ending = new AbortController();
    downloads = new Downloads();
    fetching.open = async () => {};
    const table = { places: new Map([[REPORT, 0]]), segments: [{ rows: [{ id: REPORT }] }] };
    const parts = {
      index: { state: { tables: new Map([["reports", table]]) } },
      requireOpen: () => {
        if (ending.signal.aborted) throw refusal("interrupted", "The vault was locked.");
      },
    };
    vault = parts as unknown as Vault;
  });

  /** As the door does it. */
  function lock(): void {
    downloads.close();
    ending.abort();
  }

  it("ends a download whose report was just being opened", async () => {
    fetching.open = async () => lock();
    const hand = vi.fn();
    await expect(downloads.toBrowser(vault, REPORT, hand)).rejects.toMatchObject({ code: "interrupted" });
    expect(downloads.view.current).toEqual([]);
    expect(downloads.isBusy).toBe(false);
    expect(hand).not.toHaveBeenCalled();
  });

  it("lets nothing of a download be handed out that was whole just then", async () => {
    const removed: string[] = [];
    const access = { truncate: () => {}, close: () => {} };
    const getFile = async (): Promise<File> => {
      lock();
      return new File([], "scan.bin");
    };
    const folder = {
      getFileHandle: async () => ({ createSyncAccessHandle: async () => access, getFile }),
      removeEntry: async (name: string) => void removed.push(name),
    };
    vi.stubGlobal("navigator", { storage: { getDirectory: async () => ({ getDirectoryHandle: async () => folder }) } });
    const hand = vi.fn();
    const id = await downloads.toBrowser(vault, REPORT, hand);
    await vi.waitFor(() => expect(removed).toEqual([id]), { timeout: 15_000 });
    expect(hand).not.toHaveBeenCalled();
  });
});
