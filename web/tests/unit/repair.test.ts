/** What the list of changes names: entered, or read again as long as it may come to be entered. */
import { expect, it } from "vitest";
import { generateKey } from "../../src/crypto/keys.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import { blockOf, DAG_PB } from "../../src/ipld/cid.ts";
import { refusal } from "../../src/refusal.ts";
import type { Change } from "../../src/vault/index/changes.ts";
import { newIndex } from "../../src/vault/index/write.ts";
import { People } from "../../src/vault/people.ts";
import { makeId } from "../../src/vault/words.ts";
import { repair } from "../../src/worker/repair.ts";
import type { Vault } from "../../src/worker/vault.ts";

it.each([
  ["block-missing", {}, "first"],
  ["block-refused", {}, "second"],
  ["note-refused", { isEarly: true }, "first"],
  ["note-refused", {}, "second"],
] as const)("after what failed with %s %o the cursor stands at the %s page", async (code, facts, cursor) => {
  const ana = await generateKey("Ana", "ana@example.org");
  const { state } = await newIndex({ notes: [], formerKeys: [], digests: {}, extra: {} }, ana, formatTime(nowSeconds()));
  const changes: Change[] = [];
  const { cid: root } = await blockOf(DAG_PB, new Uint8Array(1));
  const pages = [
    { items: Array.from({ length: 1001 }, () => ({ report: makeId(), root: null })), next: "first", more: true },
    { items: [{ report: makeId(), root }], next: "second", more: false },
  ];
  const vault = {
    index: { state, change: async (made: Change[]) => void changes.push(...made) },
    people: () => new People(ana.certificate, [], []),
    key: ana,
    changingReaders: 0,
    transport: { call: async () => pages.shift() },
    gateways: { fetch: () => Promise.reject(refusal(code, "Not now.", facts)) },
  };
  const found = await repair(vault as unknown as Vault);
  expect(found.refused).toMatchObject([{ error: { code } }]);
  expect(changes).toEqual([{ kind: "set-cursor", cursor }]);
});
