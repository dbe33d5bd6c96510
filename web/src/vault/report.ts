/**
 * Opening a report and judging what it says (docs/spec/12-report.md §7, hygieia/vault/report.py).
 * An `EncryptedReport` has the right shape and nothing more; a `Report` has a meta whose signature
 * was looked at, and carries the verdict, which whoever shows it has to show.
 */
import type { UnlockedKey } from "../crypto/keys.ts";
import { openSmall } from "../crypto/envelope.ts";
import { parseNote, readCarried, type CarriedNote, type Note, type Verdict } from "../crypto/notes.ts";
import { CLOCK_SKEW_SECONDS } from "../crypto/self-signatures.ts";
import { parseHeader, type SessionKey } from "../crypto/session-keys.ts";
import { nowSeconds } from "../crypto/times.ts";
import { parseCid, type Cid } from "../ipld/cid.ts";
import { readEnvelope, readReportNode } from "../ipld/shapes.ts";
import type { Child } from "../ipld/unixfs.ts";
import { readObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { refusal } from "../refusal.ts";
import { fetchOne, readPayload, type BlockSource } from "./reading.ts";
import type { People } from "./people.ts";
import type { ReportEntry } from "./report-entry.ts";
import { META_CONTEXT, readMeta, type ReportMeta } from "./report-meta.ts";

/** A report's structure: the payloads' roots, the leaf both envelopes share, the file nodes. */
export interface EncryptedReport {
  readonly root: Cid;
  readonly header: Child;
  readonly data: Child;
  readonly meta: Child;
  readonly dataFile: Child;
  readonly metaFile: Child;
}

/** What the caller already knows, so that a server cannot answer with something else. */
export interface Expected {
  readonly id?: string;
  readonly entry?: ReportEntry | null;
  /** Judges an author who is not the owner; absent where that was judged before. */
  readonly hasUploadRight?: (author: string, meta: ReportMeta) => boolean;
}

export interface Report {
  readonly encrypted: EncryptedReport;
  readonly meta: ReportMeta;
  readonly note: CarriedNote;
  readonly verdict: Verdict;
  readonly ownership: "confirmed" | "claimed";
  readonly sessionKey: SessionKey;
  readonly packets: readonly Uint8Array[];
  /** The one of them that this key opened. */
  readonly ownPacket: Uint8Array;
  readonly origin: ReportMeta | null;
  readonly originVerdict: Verdict | null;
}

/** Reads a report's three nodes; throws `dag-refused`, `meta-mismatch`. */
export async function readStructure(source: BlockSource, root: Cid): Promise<EncryptedReport> {
  const links = readReportNode(await fetchOne(source, root));
  const [dataNode, metaNode] = await source.fetch([links.data.cid, links.meta.cid]);
  const data = readEnvelope(dataNode!.data, links.data);
  const meta = readEnvelope(metaNode!.data, links.meta);
  const same =
    data.header.cid === meta.header.cid &&
    data.header.sizeBytes === meta.header.sizeBytes &&
    data.header.tsize === meta.header.tsize;
  if (!same) throw refusal("meta-mismatch", "The report's two envelopes do not share one header.");
  return {
    root,
    header: data.header,
    data: data.payload,
    meta: meta.payload,
    dataFile: { cid: links.data.cid, sizeBytes: data.sizeBytes, tsize: data.tsize },
    metaFile: { cid: links.meta.cid, sizeBytes: meta.sizeBytes, tsize: meta.tsize },
  };
}

/** The packets of a root's recipients header; throws `dag-refused`, `envelope-refused`. */
export async function readHeader(source: BlockSource, root: Cid): Promise<Uint8Array[]> {
  const { header } = await readStructure(source, root);
  return parseHeader(await fetchOne(source, header.cid));
}

/**
 * Reads, opens and judges a report's meta. Throws `envelope-refused`, `note-refused`,
 * `meta-mismatch`, `rollback`, `dag-refused`.
 */
export async function readReport(
  source: BlockSource,
  root: Cid,
  key: UnlockedKey,
  people: People,
  expected: Expected = {},
): Promise<Report> {
  const encrypted = await readStructure(source, parseCid(root));
  const header = await fetchOne(source, encrypted.header.cid);
  const packets = parseHeader(header);
  const payload = await readPayload(source, encrypted.meta, LIMITS.MAX_NOTE_BYTES);
  const opened = await openSmall(header, payload, key, LIMITS.MAX_NOTE_BYTES);
  const note = parseNote(opened.content, META_CONTEXT);
  const meta = readMeta(note.body);
  checkBinding(meta, encrypted, expected);
  const verdict = await judge(note, meta.author, people);
  checkAuthor(meta, people, expected);
  refuseFormerKey(meta, verdict, people, expected);
  const [origin, originVerdict] = await openOrigin(meta, people);
  const hasSigned = verdict === "valid" && people.same(meta.author, meta.owner);
  return {
    encrypted,
    meta,
    note: readObject(opened.content, LIMITS.MAX_NOTE_BYTES) as CarriedNote,
    verdict,
    ownership: people.isMe(meta.owner) || hasSigned ? "confirmed" : "claimed",
    sessionKey: opened.sessionKey,
    packets,
    ownPacket: opened.packet,
    origin,
    originVerdict,
  };
}

async function judge(note: Note, signer: string, people: People): Promise<Verdict> {
  const verdict = await people.verify(note, signer);
  if (verdict === null) return "unknown-signer";
  if (verdict === "invalid" && note.created > nowSeconds() + CLOCK_SKEW_SECONDS) {
    throw refusal("note-refused", "The report's note is of a time to come: this clock is behind, or its author's ahead.", {
      isEarly: true,
    });
  }
  if (verdict === "invalid" || verdict === "unknown-signer") {
    throw refusal("note-refused", "The report's note is not signed by the author it names.");
  }
  return verdict;
}

function checkBinding(meta: ReportMeta, encrypted: EncryptedReport, expected: Expected): void {
  const { entry = null } = expected;
  const wanted = entry?.id ?? expected.id;
  if (wanted !== undefined && meta.id !== wanted) {
    throw refusal("meta-mismatch", "What was served is another report than the one asked for.");
  }
  if (meta.data_payload_cid !== encrypted.data.cid) {
    throw refusal("meta-mismatch", "The report's content is not the one that its note names.");
  }
  if (entry === null) return;
  const isSame =
    encrypted.data.cid === entry.data_payload_cid && encrypted.meta.cid === entry.meta_payload_cid;
  if (meta.revision < entry.revision || (meta.revision === entry.revision && !isSame)) {
    throw refusal("rollback", `What was served is an older or another revision ${meta.revision} of the report.`);
  }
}

/** docs/spec/12: the owner, or at revision 1 someone with her delegation to upload. */
function checkAuthor(meta: ReportMeta, people: People, expected: Expected): void {
  const { entry = null, hasUploadRight } = expected;
  if (entry !== null && !people.same(meta.owner, entry.owner)) {
    throw refusal("note-refused", "The report's note names another owner than the known one.");
  }
  if (people.same(meta.author, meta.owner)) return;
  if (meta.revision > 1) {
    throw refusal("note-refused", "A later revision of the report is not signed by its owner.");
  }
  if (hasUploadRight !== undefined && !hasUploadRight(meta.author, meta)) {
    throw refusal("note-refused", "The report's author had no right to upload for its owner.");
  }
}

/** A key that its person no longer has makes no later revision (docs/spec/19 §6). */
function refuseFormerKey(meta: ReportMeta, verdict: Verdict, people: People, { entry }: Expected): void {
  const isLater = entry !== undefined && entry !== null && meta.revision > entry.revision;
  if (isLater && verdict === "changed-key" && people.isFormer(meta.author)) {
    throw refusal("note-refused", "A later revision of the report is signed by a key that was given up.");
  }
}

async function openOrigin(
  meta: ReportMeta,
  people: People,
): Promise<[ReportMeta | null, Verdict | null]> {
  if (meta.origin === undefined) return [null, null];
  const note = readCarried(meta.origin, META_CONTEXT);
  const origin = readMeta(note.body);
  const agrees =
    origin.id === meta.id &&
    origin.sha256 === meta.sha256 &&
    origin.size_bytes === meta.size_bytes &&
    people.same(origin.owner, meta.owner);
  if (!agrees) throw refusal("meta-mismatch", "The report carries an origin that is another report's.");
  if (origin.revision >= meta.revision || origin.origin !== undefined) {
    throw refusal("note-refused", "The report carries an origin that is not an earlier revision.");
  }
  if (origin.revision > 1 && !people.same(origin.author, origin.owner)) {
    throw refusal("note-refused", "The report carries an origin that only its owner could have made.");
  }
  return [origin, await judge(note, origin.author, people)];
}
