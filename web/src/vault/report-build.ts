/**
 * Making a report (docs/spec/12-report.md §2-5): two envelopes under one session key that share one
 * header leaf. Nothing here touches a file or a network.
 */
import { randomBytes, type Bytes } from "../bytes.ts";
import type { Certificate } from "../crypto/certificates.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import { signNote, type CarriedNote } from "../crypto/notes.ts";
import { encryptBytes } from "../crypto/payload.ts";
import { makeHeader, type Recipient, type SessionKey } from "../crypto/session-keys.ts";
import { directory, FileBuilder, join, leaf, type Built } from "../ipld/builder.ts";
import { blockOf, RAW, type Block } from "../ipld/cid.ts";
import { DATA_NAME, META_NAME } from "../ipld/shapes.ts";
import { jsonBytes } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { refusal } from "../refusal.ts";
import type { Report } from "./report.ts";
import { entryOf, type ReportEntry } from "./report-entry.ts";
import { META_CONTEXT, metaBody, type ReportMeta } from "./report-meta.ts";

/** A recipients header as one leaf, shared by both of a report's envelopes. */
export interface Header {
  readonly block: Block;
  readonly built: Built;
  /** Whose packet is which. */
  readonly recipients: readonly Recipient[];
}

/** A finished revision; `blocks` are those not handed out before, the root last. */
export interface BuiltReport {
  readonly blocks: readonly Block[];
  readonly entry: ReportEntry;
  readonly meta: ReportMeta;
}

export function makeSessionKey(): SessionKey {
  return randomBytes(32);
}

export async function headerFor(
  sessionKey: SessionKey,
  certificates: readonly Certificate[],
): Promise<Header> {
  const { octets, recipients } = await makeHeader(sessionKey, certificates);
  const [block, built] = await leaf(octets);
  return { block, built, recipients };
}

/** Encrypts `content` as one payload; its blocks and its root. Fresh salt unless given. */
export async function sealContent(
  content: Uint8Array,
  sessionKey: SessionKey,
  options: { floor?: number; salt?: Bytes } = {},
): Promise<[Block[], Built]> {
  const builder = new FileBuilder();
  const blocks: Block[] = [];
  for (const octets of await encryptBytes(content, sessionKey, options)) {
    const block = await blockOf(RAW, octets);
    blocks.push(block, ...(await builder.add(block.cid, octets.length)));
  }
  const [rest, built] = await builder.finish();
  return [[...blocks, ...rest], built];
}

/** Signs the meta, encrypts it under a fresh salt and ties both envelopes together. */
export async function finishReport(
  meta: ReportMeta,
  payload: Built,
  header: Header,
  sessionKey: SessionKey,
  key: UnlockedKey,
): Promise<BuiltReport> {
  const [blocks, metaPayload] = await sealMeta(meta, sessionKey, key);
  const [dataBlock, dataFile] = await join(header.built, payload);
  const [metaBlock, metaFile] = await join(header.built, metaPayload);
  const [rootBlock, root] = await directory([
    [DATA_NAME, dataFile],
    [META_NAME, metaFile],
  ]);
  return {
    blocks: [header.block, ...blocks, dataBlock, metaBlock, rootBlock],
    entry: entryOf(meta, root.cid, metaPayload.cid),
    meta,
  };
}

/**
 * A new meta for the same content under the same session key: a few small blocks, whatever its size.
 * `header` is another one where readers are added.
 */
export async function editReport(
  report: Report,
  meta: ReportMeta,
  key: UnlockedKey,
  header: Omit<Header, "recipients"> | null = null,
): Promise<BuiltReport> {
  const { encrypted, sessionKey } = report;
  const [blocks, metaPayload] = await sealMeta(meta, sessionKey, key);
  const [metaBlock, metaFile] = await join(header?.built ?? encrypted.header, metaPayload);
  const all = [...blocks, metaBlock];
  let { dataFile } = encrypted;
  if (header !== null) {
    const [dataBlock, joined] = await join(header.built, encrypted.data);
    all.push(header.block, dataBlock);
    dataFile = joined;
  }
  const [rootBlock, root] = await directory([
    [DATA_NAME, dataFile],
    [META_NAME, metaFile],
  ]);
  return { blocks: [...all, rootBlock], entry: entryOf(meta, root.cid, metaPayload.cid), meta };
}

async function sealMeta(
  meta: ReportMeta,
  sessionKey: SessionKey,
  key: UnlockedKey,
): Promise<[Block[], Built]> {
  if (meta.author !== key.keyId) throw refusal("invalid-input", "A report is signed by its author.");
  const note: CarriedNote = await signNote(key, META_CONTEXT, metaBody(meta));
  const octets = jsonBytes(note);
  if (octets.length > LIMITS.MAX_NOTE_BYTES) {
    throw refusal("limit-exceeded", "A report's note is longer than it may be.");
  }
  return sealContent(octets, sessionKey);
}

/**
 * What the next revision by `owner` with the same content carries as `origin`, verbatim; null where
 * the note that introduced it names another key: whoever never knew that would refuse it, so the
 * content counts as introduced anew (docs/spec/19-re-key-and-give-back.md §5).
 */
function originOf(report: Report, owner: string): NonNullable<ReportMeta["origin"]> | null {
  const introduced = report.origin ?? report.meta;
  return introduced.owner === owner ? (report.meta.origin ?? report.note) : null;
}

/**
 * Meta of the revision after `report`, its content unchanged unless `content` is given. `place` is
 * another one in the chain of revisions, where it is issued again.
 */
export function nextMeta(
  report: Report,
  owner: string,
  created: string,
  change: {
    readonly title?: string;
    readonly category?: string;
    readonly place?: { readonly revision: number; readonly previous: string };
    readonly content?: Pick<
      ReportMeta,
      "file_name" | "media_type" | "size_bytes" | "sha256" | "data_payload_cid"
    >;
  },
): ReportMeta {
  const before: ReportMeta = report.meta;
  const isSame = change.content === undefined || change.content.sha256 === before.sha256;
  const next: Mutable<ReportMeta> = {
    ...before,
    ...change.content,
    title: change.title ?? before.title,
    category: change.category ?? before.category,
    // Later revisions are the owner's alone: the key she signs with is the one they name.
    owner,
    author: owner,
    profession: owner === before.author ? before.profession : null,
    revision: change.place?.revision ?? before.revision + 1,
    previous: change.place?.previous ?? report.encrypted.meta.cid,
    created,
  };
  const origin = isSame ? originOf(report, owner) : null;
  if (origin === null) delete next.origin;
  else next.origin = origin;
  return next;
}

type Mutable<T> = { -readonly [name in keyof T]: T[name] };
