/** Where verified blocks come from: gateways in the app, a map in tests. */
import { refusal } from "../refusal.ts";
import type { Block, Cid } from "../ipld/cid.ts";
import { isRaw } from "../ipld/cid.ts";
import type { Child, Link } from "../ipld/unixfs.ts";
import { decodeDirectory } from "../ipld/unixfs.ts";
import { PayloadWalk } from "../ipld/walk.ts";

/** Gives the verified blocks of `cids`, in order. Throws `block-missing`, `unreachable`. */
export interface BlockSource {
  fetch(cids: readonly Cid[]): Promise<Block[]>;
}

const BATCH_BLOCKS = 64;

export async function fetchOne(source: BlockSource, cid: Cid): Promise<Uint8Array> {
  const [block] = await source.fetch([cid]);
  return block!.data;
}

/** A small payload's octets; one that could hold more than `maxBytes` is not begun. */
export async function readPayload(
  source: BlockSource,
  child: Child,
  maxBytes: number,
): Promise<Uint8Array[]> {
  // PADMÉ adds an eighth at most; framing and tags are far less than the rest.
  if (child.sizeBytes > maxBytes + maxBytes / 4 + 65_536) {
    throw refusal("limit-exceeded", "An encrypted part is longer than it may be.");
  }
  const walk = new PayloadWalk(child);
  const pieces: Uint8Array[] = [];
  while (!walk.isFinished) {
    for (const block of await source.fetch(walk.wanted(BATCH_BLOCKS))) pieces.push(...walk.feed(block));
  }
  return pieces;
}

/** Many payloads, of which nearly all are one leaf, in as few steps as possible. */
export async function readPayloads(
  source: BlockSource,
  children: readonly Child[],
  maxBytes: number,
): Promise<Uint8Array[][]> {
  const single = children.filter(({ cid }) => isRaw(cid));
  const found = new Map<Cid, Uint8Array>();
  for (const { cid, data } of await source.fetch(single.map(({ cid }) => cid))) found.set(cid, data);
  return Promise.all(
    children.map(async (child) => {
      if (!isRaw(child.cid)) return readPayload(source, child, maxBytes);
      const data = found.get(child.cid)!;
      if (data.length !== child.sizeBytes) {
        throw refusal("dag-refused", "A leaf of the index has another size than its node says.");
      }
      return [data];
    }),
  );
}

/** A directory's entries, which must be exactly `names`; throws `dag-refused`. */
export function readEntries(octets: Uint8Array, link: Link, names: ReadonlySet<string>): Map<string, Link> {
  const entries = decodeDirectory(octets);
  const tsize = [...entries.values()].reduce((sum, entry) => sum + entry.tsize, octets.length);
  if (tsize !== link.tsize) throw refusal("dag-refused", "A directory of the index has a false size.");
  if (entries.size !== names.size || [...names].some((name) => !entries.has(name))) {
    throw refusal("dag-refused", "A directory of the index has other entries than its owner signed.");
  }
  return entries;
}
