/** Changes to an index, each by id, so that it can be applied again to a newer one (FORMATS §7). */
import { isObject, writeJson, type Json, type JsonObject } from "../../json.ts";
import { LIMITS } from "../../limits.ts";
import { refusal } from "../../refusal.ts";
import type { ReportEntry } from "../report-entry.ts";
import type { KeysFile } from "./keys.ts";
import { isPurged, READERS, REPORTS, rowKey, tableOf, type IndexState } from "./state.ts";

export type Change =
  /**
   * Enter a report, or a later revision or root of it. A revision below the known one changes
   * nothing, nor does one of a purged report. What is in the trash stays there.
   */
  | { readonly kind: "put-report"; readonly entry: ReportEntry }
  /** Into the trash at `time`, or out of it with null. */
  | { readonly kind: "set-deleted"; readonly id: string; readonly time: string | null }
  /** Forget a report but for its id: it is never entered again by itself. */
  | { readonly kind: "purge"; readonly id: string }
  | { readonly kind: "set-cursor"; readonly cursor: string }
  | { readonly kind: "set-keys"; readonly keys: KeysFile };

const ENTRIES = LIMITS.SEGMENT_ENTRIES;

/** Takes changes one after the other. `touched` holds whole segments, by table and number. */
export class Draft {
  readonly touched = new Map<string, Map<number, JsonObject[]>>();
  cursor: string | null;
  keys: KeysFile;
  private readonly state: IndexState;
  private readonly newPlaces = new Map<string, number>();
  private entries: number;

  constructor(state: IndexState) {
    this.state = state;
    this.cursor = state.note.cursor;
    this.keys = state.keys;
    this.entries = tableOf(state, REPORTS).entries;
  }

  get isChanged(): boolean {
    return this.touched.size > 0 || this.cursor !== this.state.note.cursor || this.keys !== this.state.keys;
  }

  apply(change: Change): void {
    if (change.kind === "put-report") this.putReport(change.entry);
    else if (change.kind === "set-deleted") this.setDeleted(change.id, change.time);
    else if (change.kind === "purge") this.purge(change.id);
    else if (change.kind === "set-cursor") this.cursor = change.cursor;
    else this.keys = change.keys;
  }

  private putReport(entry: ReportEntry): void {
    const place = this.place(entry.id);
    if (place === undefined) {
      this.append(entry, { id: entry.id, readers: [], removed: [] });
      return;
    }
    const known = this.row(REPORTS, place);
    if (isPurged(known) || entry.revision < (known as ReportEntry).revision) return;
    this.set(REPORTS, place, { ...known, ...entry, deleted: (known as ReportEntry).deleted });
  }

  private setDeleted(id: string, deleted: string | null): void {
    const place = this.place(id);
    if (place === undefined) return;
    const known = this.row(REPORTS, place);
    if (!isPurged(known)) this.set(REPORTS, place, { ...known, deleted });
  }

  private purge(id: string): void {
    const place = this.place(id);
    if (place === undefined) return;
    this.set(REPORTS, place, { id, purged: true });
    this.set(READERS, place, { id, purged: true });
  }

  private place(id: string): number | undefined {
    return tableOf(this.state, REPORTS).places?.get(id) ?? this.newPlaces.get(id);
  }

  private row(table: string, place: number): JsonObject {
    return this.segment(table, Math.floor(place / ENTRIES))[place % ENTRIES]!;
  }

  private set(table: string, place: number, row: JsonObject): void {
    if (isSame(this.row(table, place), row)) return;
    this.touch(table, Math.floor(place / ENTRIES))[place % ENTRIES] = row;
  }

  private append(entry: JsonObject, readers: JsonObject): void {
    const place = this.entries++;
    const number = Math.floor(place / ENTRIES);
    for (const [table, row] of [
      [REPORTS, entry],
      [READERS, readers],
    ] as const) {
      if (place % ENTRIES > 0) this.touch(table, number).push(row);
      else this.segmentsOf(table).set(number, [row]);
    }
    this.newPlaces.set(rowKey(REPORTS, entry), place);
  }

  private touch(table: string, number: number): JsonObject[] {
    const touched = this.segmentsOf(table);
    if (!touched.has(number)) touched.set(number, [...this.segment(table, number)]);
    return touched.get(number)!;
  }

  private segmentsOf(table: string): Map<number, JsonObject[]> {
    if (!this.touched.has(table)) this.touched.set(table, new Map());
    return this.touched.get(table)!;
  }

  private segment(table: string, number: number): readonly JsonObject[] {
    const rows = this.touched.get(table)?.get(number) ?? tableOf(this.state, table).segments[number]?.rows;
    if (!rows) throw refusal("invalid-input", "A segment of the index has to be read before it is changed.");
    return rows;
  }
}

function isSame(a: JsonObject, b: JsonObject): boolean {
  return writeJson(sorted(a)) === writeJson(sorted(b));
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, item]) => [name, sorted(item)]));
}

/** Segments of `readers` that `changes` will touch. */
export function readersTouched(state: IndexState, changes: readonly Change[]): number[] {
  const { places, entries } = tableOf(state, REPORTS);
  const numbers = new Set<number>();
  for (const change of changes) {
    const id = change.kind === "put-report" ? change.entry.id : change.kind === "purge" ? change.id : null;
    if (id === null) continue;
    const place = places?.get(id);
    if (place === undefined) {
      if (entries % ENTRIES > 0) numbers.add(Math.floor(entries / ENTRIES));
    } else if (change.kind === "purge") {
      numbers.add(Math.floor(place / ENTRIES));
    }
  }
  return [...numbers].sort((a, b) => a - b);
}
