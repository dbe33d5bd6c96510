/** What a report's signed note says: `hygieia report-meta 1` (docs/spec/12-report.md §3). */
import type { CarriedNote } from "../crypto/notes.ts";
import { isCid } from "../ipld/cid.ts";
import { isObject, unknownFields, type JsonObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { Fields } from "./fields.ts";
import * as words from "./words.ts";

export const META_CONTEXT = "hygieia report-meta 1";

/** One revision of a report, as its author signed it; names as in the note. */
export interface ReportMeta {
  readonly id: string;
  readonly kind: string;
  readonly owner: string;
  readonly subject: string;
  readonly author: string;
  readonly profession: string | null;
  readonly revision: number;
  readonly previous: string | null;
  readonly title: string;
  readonly file_name: string;
  readonly media_type: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly data_payload_cid: string;
  readonly category: string;
  readonly links: readonly { readonly rel: string; readonly id: string }[];
  readonly created: string;
  /** The note that introduced this content when an earlier revision did, verbatim. */
  readonly origin?: JsonObject | CarriedNote;
  /** Fields of later versions of the format, carried over. */
  readonly extra: JsonObject;
}

const KNOWN: ReadonlySet<string> = new Set([
  ...["id", "kind", "owner", "subject", "author", "profession", "revision", "previous", "title"],
  ...["file_name", "media_type", "size_bytes", "sha256", "data_payload_cid", "category"],
  ...["links", "created", "origin"],
]);

/** The JSON object that is signed, fields in the order of the specification. */
export function metaBody(meta: ReportMeta): JsonObject {
  const { links, created, origin, extra, ...plain } = meta;
  const body: JsonObject = { ...plain, links: links.map(({ rel, id }) => ({ rel, id })), created };
  if (origin !== undefined) body["origin"] = origin;
  return { ...body, ...extra };
}

/** Reads a note's body, every field checked; throws `note-refused`. */
export function readMeta(body: JsonObject): ReportMeta {
  const fields = new Fields(body, "note-refused", "The report's note");
  const meta: ReportMeta = {
    id: fields.text("id", words.isReportId),
    kind: fields.text("kind", words.isSlug),
    owner: fields.text("owner", words.isKeyId),
    subject: fields.text("subject", words.isSubject),
    author: fields.text("author", words.isKeyId),
    profession: fields.textOrNull("profession", words.isSlug),
    revision: fields.integer("revision", 1),
    previous: fields.textOrNull("previous", isCid),
    title: fields.text("title", words.isTitle),
    file_name: fields.text("file_name", words.isFileName),
    media_type: fields.text("media_type", words.isMediaType),
    size_bytes: fields.integer("size_bytes"),
    sha256: fields.text("sha256", words.isSha256),
    data_payload_cid: fields.text("data_payload_cid", isCid),
    category: fields.text("category", words.isSlug),
    links: readLinks(fields),
    created: fields.text("created", words.isTime),
    ...("origin" in body ? { origin: fields.object("origin") } : {}),
    extra: unknownFields(body, KNOWN),
  };
  if ((meta.revision === 1) !== (meta.previous === null)) throw fields.refused("previous");
  return meta;
}

function readLinks(fields: Fields): { rel: string; id: string }[] {
  return fields.list("links", LIMITS.MAX_REPORT_LINKS).map((item) => {
    if (!isObject(item)) throw fields.refused("links");
    const link = new Fields(item, "note-refused", "A link of the report's note");
    return { rel: link.text("rel", words.isSlug), id: link.text("id", words.isReportId) };
  });
}
