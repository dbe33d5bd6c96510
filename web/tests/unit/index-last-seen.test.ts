/** Reading with the server away: where a newer index is named and gone, the one last seen here is read. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Gateways } from "../../src/api/gateways.ts";
import type { Transport } from "../../src/api/transport.ts";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import type { Block, Cid } from "../../src/ipld/cid.ts";
import { refusal, type ErrorCode } from "../../src/refusal.ts";
import { makeKeysFile } from "../../src/vault/index/keys.ts";
import { newIndex, rekeyIndex, type IndexUpdate } from "../../src/vault/index/write.ts";
import { IpnsKey } from "../../src/vault/ipns-key.ts";
import { IndexSync } from "../../src/worker/index-sync.ts";
import type { Store } from "../../src/worker/store.ts";

const NOW = formatTime(nowSeconds());
let key: UnlockedKey;
let ipns: IpnsKey;
let seen: IndexUpdate;
let newer: IndexUpdate;
beforeAll(async () => {
  [key, ipns] = await Promise.all([generateKey("Ana", "ana@example.org"), IpnsKey.make()]);
  seen = await newIndex(await makeKeysFile(key, ipns, NOW), key, NOW);
  newer = await rekeyIndex(seen.state, key, NOW, null);
});

interface Place {
  /** What the gateways have; for the other blocks they answer `code`. */
  readonly has: readonly IndexUpdate[];
  readonly code?: ErrorCode;
  readonly floor?: IndexUpdate | null;
  /** What the server names; null where it is away. */
  readonly server?: Cid | null;
}

/** The root of the index that opens. */
async function opened({ has, code = "block-missing", floor = seen, server = null }: Place): Promise<Cid> {
  const blocks = new Map(has.flatMap((update) => update.blocks).map((block) => [block.cid, block]));
  const source = {
    newestRecord: async () => ({ root: newer.state.root, sequence: newer.state.note.sequence }),
    async fetch(cids: readonly Cid[]): Promise<Block[]> {
      return cids.map((cid) => {
        const block = blocks.get(cid);
        if (block === undefined) throw refusal(code, "no such block");
        return block;
      });
    },
  };
  const store = {
    profile: async () => ({ floor: floor && { root: floor.state.root, sequence: floor.state.note.sequence } }),
    raiseFloor: async () => {},
  };
  const transport = {
    async call() {
      if (server === null) throw refusal("unreachable", "no answer");
      return { root: server, rev: 1 };
    },
  };
  const sync = await IndexSync.open(
    {
      transport: transport as unknown as Transport,
      store: store as unknown as Store,
      source: source as unknown as Gateways,
      key,
      account: "ana",
    },
    ipns.name,
  );
  return sync.state.root;
}

describe("with the server away", () => {
  it("the newest index that a gateway names is read", async () => {
    expect(await opened({ has: [seen, newer] })).toBe(newer.state.root);
  });

  it.each(["block-missing", "block-refused", "unreachable"] as const)(
    "the one last seen here is read where the newest is %s",
    async (code) => {
      expect(await opened({ has: [seen], code })).toBe(seen.state.root);
    },
  );

  it("nothing is read where neither is there, nor by a device that has seen none", async () => {
    await expect(opened({ has: [] })).rejects.toMatchObject({ code: "block-missing" });
    await expect(opened({ has: [seen], floor: null })).rejects.toMatchObject({ code: "block-missing" });
  });

  it("one that is there and not hers is refused", async () => {
    await expect(opened({ has: [seen], code: "envelope-refused" })).rejects.toMatchObject({ code: "envelope-refused" });
  });
});

it("what the server itself names is read, or nothing", async () => {
  await expect(opened({ has: [seen], server: newer.state.root })).rejects.toMatchObject({ code: "block-missing" });
});
