/** Changes to an index, each by id, so that it can be applied again to a newer one (docs/spec/13). */
import type { Subject } from "../../engine/interface.ts";
import { isObject, writeJson, type Json, type JsonObject } from "../../json.ts";
import { LIMITS } from "../../limits.ts";
import { refusal } from "../../refusal.ts";
import { isEnd } from "../delegations.ts";
import { personsOf, type ContactRow, type FormerKey } from "../people.ts";
import type { ReportEntry } from "../report-entry.ts";
import { earlierOf, keepingOut, keptOutOf, noReaders, removedPacketsOf, type Readers } from "../share-note.ts";
import { withSubject } from "../subjects.ts";
import { withFormerKey, type KeysFile } from "./keys.ts";
import { CONTACTS, contactsOf, DELEGATIONS, isPurged, READERS, REPORTS, rowKey, tableOf, type IndexState } from "./state.ts";

export type Change =
  /**
   * Enter a report, or a later revision or root of it. A revision below the known one changes
   * nothing, nor does one of a purged report. What is in the trash stays there. Without `readers`
   * they stay as they are. `dropsEarlier`: a re-key, after which no earlier version is open to anybody.
   */
  | {
      readonly kind: "put-report";
      readonly entry: ReportEntry;
      readonly readers?: Readers;
      readonly dropsEarlier?: boolean;
    }
  /** Into the trash at `time`, or out of it with null. */
  | { readonly kind: "set-deleted"; readonly id: string; readonly time: string | null }
  /** Forget a report but for its id: it is never entered again by itself. */
  | { readonly kind: "purge"; readonly id: string }
  /** Replace the readers of a known report. */
  | { readonly kind: "put-readers"; readonly readers: Readers }
  /** Enter a contact, in the place of the one whose key was `insteadOf` if there is one. */
  | { readonly kind: "put-contact"; readonly contact: ContactRow; readonly insteadOf?: string }
  /** Enter a delegation's note, or replace it by its end. */
  | { readonly kind: "put-delegation"; readonly delegation: JsonObject }
  | { readonly kind: "set-cursor"; readonly cursor: string }
  /** Sign the hash of the activity trail's newest entry (docs/spec/18-activity.md §4). */
  | { readonly kind: "set-log-head"; readonly head: string }
  /** Name somebody without an account, beside those whom other devices have named meanwhile. */
  | { readonly kind: "put-subject"; readonly subject: Subject }
  /** A key that the user had before and has confirmed: it counts as hers. */
  | { readonly kind: "put-former-key"; readonly former: FormerKey }
  | { readonly kind: "set-keys"; readonly keys: KeysFile };

const ENTRIES = LIMITS.SEGMENT_ENTRIES;

/** Takes changes one after the other. `touched` holds whole segments, by table and number. */
export class Draft {
  readonly touched = new Map<string, Map<number, JsonObject[]>>();
  cursor: string | null;
  logHead: string | null;
  keys: KeysFile;
  private readonly state: IndexState;
  private readonly newPlaces = new Map<string, Map<string, number>>();
  private readonly entries = new Map<string, number>();

  constructor(state: IndexState) {
    this.state = state;
    this.cursor = state.note.cursor;
    this.logHead = state.note.log_head;
    this.keys = state.keys;
  }

  get isChanged(): boolean {
    const { keys, note } = this.state;
    const isOther = this.cursor !== note.cursor || this.logHead !== note.log_head || this.keys !== keys;
    return this.touched.size > 0 || isOther;
  }

  apply(change: Change): void {
    if (change.kind === "put-report") this.putReport(change.entry, change.readers, change.dropsEarlier);
    else if (change.kind === "set-deleted") this.setDeleted(change.id, change.time);
    else if (change.kind === "purge") this.purge(change.id);
    else if (change.kind === "put-readers") this.putReaders(change.readers);
    else if (change.kind === "put-contact") this.putContact(change.contact, change.insteadOf);
    else if (change.kind === "put-delegation") this.putDelegation(change.delegation);
    else if (change.kind === "set-cursor") this.cursor = change.cursor;
    else if (change.kind === "set-log-head") this.logHead = change.head;
    else if (change.kind === "put-subject") this.keys = withSubject(this.keys, change.subject);
    else if (change.kind === "put-former-key") this.keys = withFormerKey(this.keys, change.former);
    else this.keys = change.keys;
  }

  private putReport(entry: ReportEntry, readers: Readers | undefined, dropsEarlier = false): void {
    const place = this.place(REPORTS, entry.id);
    if (place === undefined) {
      this.append(REPORTS, entry);
      this.append(READERS, readers ?? noReaders(entry.id));
      return;
    }
    const known = this.row(REPORTS, place);
    if (isPurged(known) || entry.revision < (known as ReportEntry).revision) return;
    const { deleted, revision, data_payload_cid: payload } = known as ReportEntry;
    const isSameKey = entry.data_payload_cid === payload;
    const named = readers !== undefined && isSameKey ? this.withoutDropped(place, readers) : readers;
    // The root that goes with dropped packets is older than the one without them.
    const isOlder = named !== readers && entry.revision === revision;
    this.set(REPORTS, place, { ...known, ...(isOlder ? {} : entry), deleted });
    if (named !== undefined) this.setReaders(place, named, isSameKey, dropsEarlier);
  }

  private putReaders(readers: Readers): void {
    const place = this.place(REPORTS, readers.id);
    if (place !== undefined && !isPurged(this.row(READERS, place))) {
      this.setReaders(place, this.withoutDropped(place, readers), true);
    }
  }

  /**
   * `readers` without packets that are dropped, as a device names them that had not heard of it. No packet comes
   * back: who is given a report again gets a new one. What such a device says of the others is added to what is known.
   */
  private withoutDropped(place: number, readers: Readers): Readers {
    const known = this.row(READERS, place);
    if (isPurged(known)) return readers;
    const dropped = new Set(removedPacketsOf(known as Readers));
    const left = readers.readers.filter(({ pkesk }) => !dropped.has(pkesk));
    if (left.length === readers.readers.length) return readers;
    const gone = new Set(removedPacketsOf(readers));
    const stay = (known as Readers).readers.filter(({ pkesk }) => !gone.has(pkesk));
    const there = new Set(stay.map(({ pkesk }) => pkesk));
    return { ...readers, readers: [...stay, ...left.filter(({ pkesk }) => !there.has(pkesk))] };
  }

  /**
   * Whoever was taken off stays so until the session key is new, or she reads it again: a device that
   * had not heard of it must not put her back. Whoever had an earlier session key and reads it no more
   * is `earlier`; whom the owner took off is `kept_out` under any session key (docs/spec/13-index.md §6).
   */
  private setReaders(place: number, readers: Readers, isSameKey: boolean, dropsEarlier = false): void {
    const row = this.row(READERS, place);
    const listed = isPurged(row) ? noReaders(readers.id) : (row as Readers);
    const known = isSameKey ? listed : noReaders(readers.id);
    const former = isSameKey ? [] : [...listed.readers.map(({ key }) => key), ...listed.removed];
    const before = dropsEarlier ? [] : [...new Set([...earlierOf(readers), ...earlierOf(listed), ...former])];
    const outside = [...keptOutOf(readers), ...keptOutOf(listed)];
    const persons = personsOf(known.removed.length + before.length + outside.length > 0 ? contactsOf(this.state) : []);
    const person = (key: string): string => persons.get(key) ?? key;
    const back = new Set(readers.readers.map(({ key }) => person(key)));
    const gone = known.removed.filter((key) => !back.has(person(key)));
    const removed = [...new Set([...readers.removed, ...gone])];
    const packets = [...new Set([...removedPacketsOf(readers), ...removedPacketsOf(known)])];
    const next: Readers = { ...readers, removed, ...(packets.length > 0 ? { removed_packets: packets } : {}) };
    const earlier = before.filter((key) => !back.has(person(key))).sort();
    if (earlier.length > 0) next["earlier"] = earlier;
    else delete next["earlier"];
    this.set(READERS, place, keepingOut(next, outside.filter((key) => !back.has(person(key)))));
  }

  private putContact(contact: ContactRow, insteadOf?: string): void {
    const place = this.place(CONTACTS, contact.key);
    // A key is one person's: under another email it takes nobody's place (docs/spec/15 §1).
    const isAnothers = place !== undefined && this.row(CONTACTS, place)["email"] !== contact.email;
    // Another device has decided about this email since: what was judged without that is void.
    const there = place ?? (insteadOf === undefined ? undefined : this.place(CONTACTS, insteadOf));
    const judged = insteadOf ?? contact.key;
    const isVoid = there === undefined ? this.hasContact(contact.email) : this.row(CONTACTS, there)["key"] !== judged;
    if (!isAnothers && !isVoid) this.put(CONTACTS, contact, insteadOf);
  }

  private hasContact(email: string): boolean {
    const count = this.entries.get(CONTACTS) ?? tableOf(this.state, CONTACTS).entries;
    return Array.from({ length: count }, (_, place) => this.row(CONTACTS, place)["email"]).includes(email);
  }

  private put(table: string, row: JsonObject, insteadOf?: string): void {
    const known = this.place(table, rowKey(table, row));
    const place = known ?? (insteadOf === undefined ? undefined : this.place(table, insteadOf));
    if (place === undefined) this.append(table, row);
    else this.set(table, place, row);
  }

  private setDeleted(id: string, deleted: string | null): void {
    const place = this.place(REPORTS, id);
    if (place === undefined) return;
    const known = this.row(REPORTS, place);
    if (!isPurged(known)) this.set(REPORTS, place, { ...known, deleted });
  }

  private purge(id: string): void {
    const place = this.place(REPORTS, id);
    if (place === undefined) return;
    this.set(REPORTS, place, { id, purged: true });
    this.set(READERS, place, { id, purged: true });
  }

  private putDelegation(row: JsonObject): void {
    const place = this.place(DELEGATIONS, rowKey(DELEGATIONS, row));
    // An end sticks, whoever delivers the delegation once more (docs/spec/17 §2).
    const isOver = place !== undefined && isEnd(this.row(DELEGATIONS, place)) && !isEnd(row);
    if (!isOver) this.put(DELEGATIONS, row);
  }

  private place(table: string, key: string): number | undefined {
    return tableOf(this.state, table).places?.get(key) ?? this.newPlaces.get(table)?.get(key);
  }

  private row(table: string, place: number): JsonObject {
    return this.segment(table, Math.floor(place / ENTRIES))[place % ENTRIES]!;
  }

  private set(table: string, place: number, row: JsonObject): void {
    if (isSame(this.row(table, place), row)) return;
    this.touch(table, Math.floor(place / ENTRIES))[place % ENTRIES] = row;
  }

  private append(table: string, row: JsonObject): void {
    const place = this.entries.get(table) ?? tableOf(this.state, table).entries;
    const number = Math.floor(place / ENTRIES);
    if (place % ENTRIES > 0) this.touch(table, number).push(row);
    else this.segmentsOf(table).set(number, [row]);
    this.entries.set(table, place + 1);
    if (!this.newPlaces.has(table)) this.newPlaces.set(table, new Map());
    this.newPlaces.get(table)!.set(rowKey(table, row), place);
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

/** Whether an index would differ after `changes`; segments of `readers` they need have been read. */
export function changesAnything(state: IndexState, changes: readonly Change[]): boolean {
  const draft = new Draft(state);
  for (const change of changes) draft.apply(change);
  return draft.isChanged;
}

/** Segments of `readers` that `changes` will touch. */
export function readersTouched(state: IndexState, changes: readonly Change[]): number[] {
  const { places, entries } = tableOf(state, REPORTS);
  const numbers = new Set<number>();
  for (const change of changes) {
    const id = readersChangedBy(change);
    if (id === null) continue;
    const place = places?.get(id);
    // A new report's readers go to the end of the table.
    if (place === undefined && entries % ENTRIES > 0) numbers.add(Math.floor(entries / ENTRIES));
    const isKept = change.kind === "put-report" && change.readers === undefined;
    if (place !== undefined && !isKept) numbers.add(Math.floor(place / ENTRIES));
  }
  return [...numbers].sort((a, b) => a - b);
}

function readersChangedBy(change: Change): string | null {
  if (change.kind === "put-report") return change.entry.id;
  if (change.kind === "put-readers") return change.readers.id;
  return change.kind === "purge" ? change.id : null;
}
