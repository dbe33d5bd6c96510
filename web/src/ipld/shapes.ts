/** The shapes that vault objects have on IPFS (docs/spec/12-report.md §2, 13-index.md §2). */
import { LIMITS } from "../limits.ts";
import { refusal } from "../refusal.ts";
import { isRaw } from "./cid.ts";
import { levelOf } from "./layout.ts";
import { decodeDirectory, decodeFile, type Child, type Link } from "./unixfs.ts";

export const DATA_NAME = "data.pgp";
export const META_NAME = "meta.pgp";
export const INDEX_NAME = "index.pgp";
export const CONTENTS_NAME = "contents";
export const PAIRS_NAME = "pairs";
export const KEYS_NAME = "keys.pgp";

/** An envelope as a file: a leaf with the recipients header, then the payload's root. */
export interface EnvelopeNode {
  readonly header: Child;
  readonly payload: Child;
  readonly sizeBytes: number;
  readonly tsize: number;
}

/** Reads an envelope's file node, to which `link` led; throws `dag-refused`. */
export function readEnvelope(octets: Uint8Array, link: Link): EnvelopeNode {
  const envelope = readMessageNode(octets);
  if (link.tsize !== envelope.tsize) throw refusal("dag-refused", "An envelope's Tsize is false.");
  return envelope;
}

/** Reads an envelope's file node that no directory names; throws `dag-refused`. */
export function readMessageNode(octets: Uint8Array): EnvelopeNode {
  const node = decodeFile(octets);
  const [header, payload] = node.children;
  if (node.children.length !== 2 || header === undefined || payload === undefined) {
    throw refusal("dag-refused", "An envelope is not a header leaf and a payload.");
  }
  if (!isRaw(header.cid) || header.sizeBytes > LIMITS.MAX_HEADER_BYTES) {
    throw refusal("dag-refused", "An envelope's header is not one small leaf.");
  }
  if (isRaw(payload.cid) !== (levelOf(payload.sizeBytes) === 0)) {
    throw refusal("dag-refused", "An envelope's payload does not have the shape of its size.");
  }
  const tsize = octets.length + header.tsize + payload.tsize;
  return { header, payload, sizeBytes: node.sizeBytes, tsize };
}

export function readReportNode(octets: Uint8Array): { data: Link; meta: Link } {
  const entries = decodeDirectory(octets);
  const data = entries.get(DATA_NAME);
  const meta = entries.get(META_NAME);
  if (entries.size !== 2 || data === undefined || meta === undefined) {
    throw refusal("dag-refused", "A report is not exactly data.pgp and meta.pgp.");
  }
  if (isRaw(data.cid) || isRaw(meta.cid)) {
    throw refusal("dag-refused", "A report's entries are not envelopes.");
  }
  return { data, meta };
}

export function readIndexRoot(octets: Uint8Array): { index: Link; contents: Link; pairs: Link | null } {
  const entries = decodeDirectory(octets);
  const index = entries.get(INDEX_NAME);
  const contents = entries.get(CONTENTS_NAME);
  const pairs = entries.get(PAIRS_NAME) ?? null;
  const expected = pairs === null ? 2 : 3;
  if (entries.size !== expected || index === undefined || contents === undefined) {
    throw refusal("dag-refused", "An index is not exactly index.pgp and contents.");
  }
  if ([...entries.values()].some((entry) => isRaw(entry.cid))) {
    throw refusal("dag-refused", "An index's entries are not nodes.");
  }
  return { index, contents, pairs };
}
