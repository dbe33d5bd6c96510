/** Three people with keys, one's report, and the blocks it lies in: what tests of sharing begin with. */
import { sha256Hex } from "../../src/bytes.ts";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import { verifyBlock, type Block, type Cid } from "../../src/ipld/cid.ts";
import { refusal } from "../../src/refusal.ts";
import { People, type ContactRow } from "../../src/vault/people.ts";
import type { BlockSource } from "../../src/vault/reading.ts";
import { finishReport, headerFor, makeSessionKey, sealContent } from "../../src/vault/report-build.ts";
import { readReport, type Report } from "../../src/vault/report.ts";
import { makeId } from "../../src/vault/words.ts";

export const NOW = formatTime(nowSeconds());

export function threeKeys(): Promise<[UnlockedKey, UnlockedKey, UnlockedKey]> {
  const key = (name: string): Promise<UnlockedKey> => generateKey(name, `${name.toLowerCase()}@example.org`);
  return Promise.all([key("Ana"), key("Boris"), key("Cleo")]);
}

export function contact({ certificate }: UnlockedKey, change: Partial<ContactRow> = {}): ContactRow {
  const { keyId, armored, name, email } = certificate;
  return { key: keyId, certificate: armored, state: "verified", name, email, former_keys: [], ...change };
}

export class Blocks implements BlockSource {
  private readonly blocks = new Map<Cid, Block>();

  add(blocks: readonly Block[]): this {
    for (const block of blocks) this.blocks.set(block.cid, block);
    return this;
  }

  async fetch(cids: readonly Cid[]): Promise<Block[]> {
    return Promise.all(
      cids.map((cid) => {
        const block = this.blocks.get(cid);
        if (block === undefined) throw refusal("block-missing", "no such block");
        return verifyBlock(cid, block.data as Uint8Array<ArrayBuffer>);
      }),
    );
  }
}

/** A report of `owner`'s, stored and read back. */
export async function stored(blocks: Blocks, owner: UnlockedKey): Promise<Report> {
  const sessionKey = makeSessionKey();
  const [leaves, payload] = await sealContent(new TextEncoder().encode("Hb 13.9 g/dl"), sessionKey);
  const header = await headerFor(sessionKey, [owner.certificate]);
  const sha256 = await sha256Hex("Hb 13.9 g/dl");
  const meta = {
    ...{ id: makeId(), kind: "document", owner: owner.keyId, subject: owner.keyId, author: owner.keyId },
    ...{ profession: null, revision: 1, previous: null, title: "Blutbild", file_name: "b.txt" },
    ...{ media_type: "text/plain", size_bytes: 12, sha256, data_payload_cid: payload.cid },
    ...{ category: "lab", links: [], created: NOW, extra: {} },
  };
  const built = await finishReport(meta, payload, header, sessionKey, owner);
  blocks.add([...leaves, ...built.blocks]);
  return readReport(blocks, built.entry.cid, owner, new People(owner.certificate));
}
