/** The signed note of an index: `hygieia index 1` (docs/spec/13-index.md §3). */
import { utf8Length } from "../../bytes.ts";
import type { Certificate } from "../../crypto/certificates.ts";
import { parseNote, verifyNote } from "../../crypto/notes.ts";
import { isCid, type Cid } from "../../ipld/cid.ts";
import { isObject, unknownFields, type JsonObject } from "../../json.ts";
import { LIMITS } from "../../limits.ts";
import { refusal } from "../../refusal.ts";
import { Fields } from "../fields.ts";
import { isSlug, isTime } from "../words.ts";

export const INDEX_CONTEXT = "hygieia index 1";
const MAX_TABLES = 64;
const KNOWN: ReadonlySet<string> = new Set([
  ...["sequence", "previous", "contents", "tables", "cursor", "log_head", "created"],
]);

/** How many segments a table has and how many entries in them, purged ones counted. */
export interface TableSize extends JsonObject {
  segments: number;
  entries: number;
}

/** What the owner signed about her index; `contents` covers everything below it by CID. */
export interface IndexNote {
  readonly sequence: number;
  readonly previous: Cid | null;
  readonly contents: Cid;
  readonly tables: Readonly<Record<string, TableSize>>;
  /** How far the server's changes have been taken in. */
  readonly cursor: string | null;
  readonly log_head: Cid | null;
  readonly created: string;
  readonly extra: JsonObject;
}

export function noteBody({ extra, tables, ...plain }: IndexNote): JsonObject {
  const { sequence, previous, contents, cursor, log_head, created } = plain;
  return { sequence, previous, contents, tables: { ...tables }, cursor, log_head, created, ...extra };
}

/** Reads a note that only `owner`, the certificate of the key in hand, may have signed. */
export async function openIndexNote(data: Uint8Array, owner: Certificate): Promise<IndexNote> {
  const note = parseNote(data, INDEX_CONTEXT);
  const verdict = await verifyNote(note, owner);
  if (verdict !== "valid") {
    throw refusal("note-refused", `The index is not signed by its owner: ${verdict}.`);
  }
  const fields = new Fields(note.body, "note-refused", "The index's note");
  return {
    sequence: fields.integer("sequence", 1),
    previous: fields.textOrNull("previous", isCid),
    contents: fields.text("contents", isCid),
    tables: readTables(fields),
    cursor: fields.textOrNull("cursor", (text) => utf8Length(text) <= LIMITS.MAX_CURSOR_BYTES),
    log_head: fields.textOrNull("log_head", isCid),
    created: fields.text("created", isTime),
    extra: unknownFields(note.body, KNOWN),
  };
}

function readTables(fields: Fields): Record<string, TableSize> {
  const tables: Record<string, TableSize> = {};
  for (const [name, item] of Object.entries(fields.object("tables"))) {
    if (!isSlug(name) || !isObject(item)) throw fields.refused("tables");
    const size = new Fields(item, "note-refused", "A table of the index's note");
    const [segments, entries] = [size.integer("segments", 1), size.integer("entries", 1)];
    const isRight = segments === Math.ceil(entries / LIMITS.SEGMENT_ENTRIES);
    if (!isRight || segments > LIMITS.MAX_SEGMENTS) throw fields.refused("tables");
    tables[name] = { segments, entries };
  }
  if (Object.keys(tables).length > MAX_TABLES) throw fields.refused("tables");
  return tables;
}

/** The newest index that a device, or a kit, has known: nothing below it is accepted. */
export interface Floor {
  readonly sequence: number;
  readonly root: Cid | null;
}

/** Refuses an index lower than `floor`, or a sibling of it (threat MS-22). */
export function checkFloor(note: IndexNote, root: Cid, floor: Floor | null): void {
  if (floor === null) return;
  if (note.sequence < floor.sequence) {
    throw refusal(
      "rollback",
      `The index offered is number ${note.sequence}; this device has seen number ${floor.sequence}.`,
    );
  }
  if (floor.root === null) return;
  const isSibling = note.sequence === floor.sequence && root !== floor.root;
  const isOther = note.sequence === floor.sequence + 1 && note.previous !== floor.root;
  if (isSibling || isOther) {
    throw refusal("fork", `There are two different indexes number ${note.sequence}.`);
  }
}
