/**
 * An open index in memory (docs/spec/13-index.md). Values are never changed: a change makes a new
 * state that shares what stayed the same, so an old one is still good when another device won.
 */
import type { Certificate } from "../../crypto/certificates.ts";
import type { SessionKey } from "../../crypto/session-keys.ts";
import type { Built } from "../../ipld/builder.ts";
import type { Block, Cid } from "../../ipld/cid.ts";
import type { Link } from "../../ipld/unixfs.ts";
import { isObject, readList, readObject, type Json, type JsonObject } from "../../json.ts";
import { LIMITS } from "../../limits.ts";
import { isRefusal, refusal } from "../../refusal.ts";
import { checkContact, People, type ContactRow, type FormerKey } from "../people.ts";
import { readEntry, type ReportEntry } from "../report-entry.ts";
import { readReaders } from "../share-note.ts";
import { isReportId } from "../words.ts";
import type { KeysFile } from "./keys.ts";
import type { IndexNote } from "./note.ts";

export const REPORTS = "reports";
export const READERS = "readers";
export const CONTACTS = "contacts";
export const DELEGATIONS = "delegations";
export const TABLES = [REPORTS, READERS, CONTACTS, DELEGATIONS] as const;
export type TableName = (typeof TABLES)[number];

/** One segment: its file as the directory links it, and its rows once they were read. */
export interface Segment {
  readonly file: Built;
  readonly rows: readonly JsonObject[] | null;
}

/** `places` says where a row is, by what it is found by; `readers` has none of its own. */
export interface Table {
  readonly name: string;
  readonly entries: number;
  readonly segments: readonly Segment[];
  readonly directories: readonly Built[];
  readonly root: Built | null;
  readonly places: ReadonlyMap<string, number> | null;
}

export interface IndexState {
  readonly root: Cid;
  readonly note: IndexNote;
  readonly sessionKey: SessionKey;
  readonly header: Block;
  readonly keys: KeysFile;
  readonly keysFile: Built;
  readonly tables: ReadonlyMap<string, Table>;
  /** Tables, and a directory, that this version does not read: carried over. */
  readonly foreign: ReadonlyMap<string, Link>;
  readonly pairs: Link | null;
}

export function tableOf(state: IndexState, name: string): Table {
  return state.tables.get(name) ?? emptyTable(name);
}

export function emptyTable(name: string): Table {
  const places = name === READERS ? null : new Map<string, number>();
  return { name, entries: 0, segments: [], directories: [], root: null, places };
}

/** Rows that segment `number` holds: all are full but the last. */
export function rowsIn(entries: number, number: number): number {
  return Math.min(LIMITS.SEGMENT_ENTRIES, entries - number * LIMITS.SEGMENT_ENTRIES);
}

export function* rowsOf(state: IndexState, name: TableName): Generator<JsonObject> {
  for (const { rows } of tableOf(state, name).segments) yield* rows ?? [];
}

export function isPurged(row: JsonObject): boolean {
  return row["purged"] === true;
}

/** Every report, trashed ones included, in the order in which they were entered. */
export function* reportsOf(state: IndexState): Generator<ReportEntry> {
  for (const row of rowsOf(state, REPORTS)) if (!isPurged(row)) yield row as ReportEntry;
}

/** The row of a report: an entry, what is left of a purged one, or undefined. */
export function findReport(state: IndexState, id: string): JsonObject | undefined {
  const table = tableOf(state, REPORTS);
  const place = table.places?.get(id);
  if (place === undefined) return undefined;
  const segment = table.segments[Math.floor(place / LIMITS.SEGMENT_ENTRIES)];
  return segment?.rows?.[place % LIMITS.SEGMENT_ENTRIES];
}

/** The entry of a report that is there; throws `not-found`. */
export function requireReport(state: IndexState, id: string): ReportEntry {
  const row = findReport(state, id);
  if (row === undefined || isPurged(row)) throw refusal("not-found", "The vault has no such report.");
  return row as ReportEntry;
}

/** Whom the index knows; `more` are former keys as if the user had confirmed them. */
export function peopleOf(state: IndexState, me: Certificate, more: readonly FormerKey[] = []): People {
  const former = [...(state.keys.formerKeys as readonly FormerKey[]), ...more];
  return new People(me, former, contactsOf(state));
}

/** The contacts, in the order in which they were met. */
export function contactsOf(state: IndexState): ContactRow[] {
  return [...rowsOf(state, CONTACTS)] as ContactRow[];
}

/** What a row is found by: a report's or delegation's id, a contact's key. */
export function rowKey(table: string, row: JsonObject): string {
  if (table === CONTACTS) return row["key"] as string;
  return table === DELEGATIONS ? delegationId(row) : (row["id"] as string);
}

/** The least length that a segment of a table is padded to. */
export function floorBytes(table: string): number {
  return table === REPORTS ? LIMITS.REPORTS_SEGMENT_FLOOR_BYTES : LIMITS.TABLE_SEGMENT_FLOOR_BYTES;
}

/** Reads a segment that must hold `count` rows; throws `integrity`. */
export function readSegment(table: string, data: Uint8Array, count: number): JsonObject[] {
  let items: Json[];
  try {
    items = readList(data, LIMITS.MAX_SEGMENT_BYTES);
  } catch (error) {
    if (!isRefusal(error, "invalid-input")) throw error;
    throw refusal("integrity", "A segment of the index cannot be read.");
  }
  if (items.length !== count || count > LIMITS.SEGMENT_ENTRIES) {
    throw refusal("integrity", "A segment of the index has another number of entries than signed.");
  }
  return items.map((item) => {
    if (!isObject(item)) throw refusal("integrity", "A segment of the index holds no entries.");
    checkRow(table, item);
    return item;
  });
}

function checkRow(table: string, row: JsonObject): void {
  if (isPurged(row)) {
    if (typeof row["id"] !== "string" || !isReportId(row["id"])) {
      throw refusal("integrity", "A purged entry of the index has no id.");
    }
  } else if (table === REPORTS) readEntry(row);
  else if (table === READERS) readReaders(row);
  else if (table === CONTACTS) checkContact(row);
  else delegationId(row);
}

/** A delegation's id stands in its note's text. */
function delegationId(row: JsonObject): string {
  try {
    const text = row["note"];
    const body = readObject(typeof text === "string" ? text.slice(text.indexOf("\n") + 1) : "", LIMITS.MAX_NOTE_BYTES);
    const found = body["id"] ?? body["delegation"];
    if (typeof found === "string" && isReportId(found)) return found;
  } catch (error) {
    if (!isRefusal(error, "invalid-input")) throw error;
  }
  throw refusal("integrity", "A delegation in the index has no id.");
}
