/** A note on its way to somebody's inbox: one envelope, one file node (docs/spec/17-delegations.md §4). */
import type { Certificate } from "../crypto/certificates.ts";
import { openSmall } from "../crypto/envelope.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import { join } from "../ipld/builder.ts";
import type { Block, Cid } from "../ipld/cid.ts";
import { readMessageNode } from "../ipld/shapes.ts";
import { LIMITS } from "../limits.ts";
import { fetchOne, readPayload, type BlockSource } from "./reading.ts";
import { headerFor, makeSessionKey, sealContent } from "./report-build.ts";

/** A message's blocks, the file node last, and that node's CID. */
export interface SealedMessage {
  readonly root: Cid;
  readonly blocks: readonly Block[];
}

/** Encrypts a signed note to each certificate, under a session key of its own. */
export async function sealMessage(
  note: Uint8Array,
  certificates: readonly Certificate[],
): Promise<SealedMessage> {
  const sessionKey = makeSessionKey();
  const header = await headerFor(sessionKey, certificates);
  const floor = LIMITS.TABLE_SEGMENT_FLOOR_BYTES;
  const [blocks, payload] = await sealContent(note, sessionKey, { floor });
  const [node, built] = await join(header.built, payload);
  return { root: built.cid, blocks: [header.block, ...blocks, node] };
}

/**
 * Reads and decrypts a message's note; whose it is, its signature tells. Throws `dag-refused`,
 * `envelope-refused`, `limit-exceeded`, `integrity`.
 */
export async function readMessage(source: BlockSource, root: Cid, key: UnlockedKey): Promise<Uint8Array> {
  const envelope = readMessageNode(await fetchOne(source, root));
  const header = await fetchOne(source, envelope.header.cid);
  const payload = await readPayload(source, envelope.payload, LIMITS.MAX_NOTE_BYTES);
  return (await openSmall(header, payload, key, LIMITS.MAX_NOTE_BYTES)).content;
}
