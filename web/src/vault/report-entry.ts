/** A report's line in the index: the table `reports` (docs/spec/13-index.md §4). */
import { isCid } from "../ipld/cid.ts";
import type { JsonObject } from "../json.ts";
import { refusal } from "../refusal.ts";
import type { ReportMeta } from "./report-meta.ts";

/** Names as in the signed meta; fields of later versions stay on the object. */
export interface ReportEntry extends JsonObject {
  id: string;
  /** The root that the owner last knew. */
  cid: string;
  revision: number;
  kind: string;
  title: string;
  file_name: string;
  media_type: string;
  size_bytes: number;
  category: string;
  subject: string;
  author: string;
  owner: string;
  created: string;
  /** When she put it in the trash. */
  deleted: string | null;
  data_payload_cid: string;
  meta_payload_cid: string;
}

const TEXTS = [
  ...["id", "cid", "kind", "title", "file_name", "media_type", "category", "subject", "author"],
  ...["owner", "created", "data_payload_cid", "meta_payload_cid"],
];

/** The entry for a revision just made or verified. */
export function entryOf(meta: ReportMeta, cid: string, metaPayloadCid: string): ReportEntry {
  return {
    id: meta.id,
    cid,
    revision: meta.revision,
    kind: meta.kind,
    title: meta.title,
    file_name: meta.file_name,
    media_type: meta.media_type,
    size_bytes: meta.size_bytes,
    category: meta.category,
    subject: meta.subject,
    author: meta.author,
    owner: meta.owner,
    created: meta.created,
    deleted: null,
    data_payload_cid: meta.data_payload_cid,
    meta_payload_cid: metaPayloadCid,
  };
}

/** Reads an entry; the owner signed it, so types are checked and little else. Throws `integrity`. */
export function readEntry(body: JsonObject): ReportEntry {
  const entry = body as ReportEntry;
  const isRight =
    TEXTS.every((name) => typeof body[name] === "string") &&
    (entry.deleted === null || typeof entry.deleted === "string") &&
    typeof entry.revision === "number" &&
    entry.revision >= 1 &&
    typeof entry.size_bytes === "number" &&
    isCid(entry.cid) &&
    isCid(entry.data_payload_cid) &&
    isCid(entry.meta_payload_cid);
  if (!isRight) throw refusal("integrity", "A report in the index has a field that is not valid.");
  return entry;
}
