/** What downloads leave in the browser's own file system, and when it goes. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Door } from "../../src/worker/door.ts";
import { Downloads } from "../../src/worker/downloads.ts";

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
