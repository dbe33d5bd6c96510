/** The next root of a report: asked for again, and found made. */
import { describe, expect, it } from "vitest";
import type { Cid } from "../../src/ipld/cid.ts";
import { isRefusal, refusal } from "../../src/refusal.ts";
import type { ReportEntry } from "../../src/vault/report-entry.ts";
import { replaceRoot, type Current } from "../../src/worker/revisions.ts";
import type { Vault } from "../../src/worker/vault.ts";

const ENTRY = { id: "report", cid: "wanted" as Cid } as ReportEntry;

/** Asks a server that refuses so, and whose root is this one then; the keys that it was sent. */
async function replaced(code: "duplicate" | "stale-revision" | "conflict" | null, root: string): Promise<unknown[]> {
  const keys: unknown[] = [];
  const transport = {
    call: async (method: string, _path: string, options?: { idempotencyKey?: string }) => {
      if (method === "GET") return { root };
      keys.push(options?.idempotencyKey);
      if (code !== null) throw refusal(code, "It was refused.");
      return {};
    },
  };
  const vault = { transport } as unknown as Vault;
  await replaceRoot(vault, { entry: ENTRY, change: "readers" }, { rev: 3 } as Current, "upload");
  return keys;
}

describe("the next root of a report", () => {
  it("is asked for under a key of its own, so that a repetition waits for the first", async () => {
    const [first] = await replaced(null, "");
    const [second] = await replaced(null, "");
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(second).not.toBe(first);
  });

  it.each(["duplicate", "stale-revision"] as const)("is done where it is there: %s", async (code) => {
    await expect(replaced(code, "wanted")).resolves.toHaveLength(1);
  });

  it.each([
    ["duplicate", "another"],
    ["stale-revision", "another"],
    ["conflict", "wanted"],
  ] as const)("is refused otherwise: %s, with the root %s there", async (code, root) => {
    await expect(replaced(code, root)).rejects.toSatisfy((error) => isRefusal(error, code));
  });
});
