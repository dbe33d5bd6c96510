/** Writing an index: changes in, only the blocks that changed out (docs/spec/13-index.md §6). */
import type { UnlockedKey } from "../../crypto/keys.ts";
import { signNote } from "../../crypto/notes.ts";
import type { SessionKey } from "../../crypto/session-keys.ts";
import { directory, join, type Built } from "../../ipld/builder.ts";
import type { Block, Cid } from "../../ipld/cid.ts";
import { CONTENTS_NAME, INDEX_NAME, KEYS_NAME, PAIRS_NAME } from "../../ipld/shapes.ts";
import { jsonBytes, type JsonObject } from "../../json.ts";
import { LIMITS } from "../../limits.ts";
import { refusal } from "../../refusal.ts";
import { headerFor, makeSessionKey, sealContent } from "../report-build.ts";
import { Draft, type Change } from "./changes.ts";
import { writeKeys, type KeysFile } from "./keys.ts";
import { INDEX_CONTEXT, noteBody, type IndexNote, type TableSize } from "./note.ts";
import {
  emptyTable,
  floorBytes,
  rowKey,
  tableOf,
  TABLES,
  type IndexState,
  type Segment,
  type Table,
} from "./state.ts";

const PER_DIRECTORY = LIMITS.SEGMENTS_PER_DIRECTORY;

/** A new index: its state, and the blocks that are new in it, the root last. */
export interface IndexUpdate {
  readonly state: IndexState;
  readonly blocks: readonly Block[];
}

interface Signed {
  readonly sequence: number;
  readonly previous: Cid | null;
  readonly cursor: string | null;
  readonly log_head: string | null;
  readonly created: string;
}

/** The first index of an account: no tables yet, sequence 1. */
export async function newIndex(keys: KeysFile, key: UnlockedKey, created: string): Promise<IndexUpdate> {
  const sessionKey = makeSessionKey();
  const header = await headerFor(sessionKey, [key.certificate]);
  const writer = new Writer(sessionKey, header.built);
  const state: IndexState = {
    root: "",
    note: {
      ...{ sequence: 0, previous: null, contents: "", tables: {}, cursor: null, log_head: null },
      ...{ created, extra: {} },
    },
    sessionKey,
    header: header.block,
    keys,
    keysFile: await writer.envelope(writeKeys(keys)),
    tables: new Map(),
    foreign: new Map(),
    pairs: null,
  };
  const signed = { sequence: 1, previous: null, cursor: null, log_head: null, created };
  const update = await writer.seal(state, signed, key);
  return { state: update.state, blocks: [header.block, ...update.blocks] };
}

/**
 * Applies `changes` in order; null when they change nothing. Segments of `readers` that they need
 * have to be read first. `above` lifts the sequence over one that a device remembers.
 */
export async function applyChanges(
  state: IndexState,
  changes: readonly Change[],
  key: UnlockedKey,
  created: string,
  above = 0,
): Promise<IndexUpdate | null> {
  const draft = new Draft(state);
  for (const change of changes) draft.apply(change);
  if (!draft.isChanged && above === 0) return null;
  const header = { cid: state.header.cid, sizeBytes: state.header.data.length, tsize: state.header.data.length };
  const writer = new Writer(state.sessionKey, header);
  const tables = new Map(state.tables);
  for (const name of TABLES) {
    const touched = draft.touched.get(name);
    if (touched !== undefined) tables.set(name, await writer.table(tableOf(state, name), touched));
  }
  const keysFile = draft.keys === state.keys ? state.keysFile : await writer.envelope(writeKeys(draft.keys));
  const signed = {
    sequence: Math.max(state.note.sequence, above) + 1,
    previous: state.root,
    cursor: draft.cursor,
    log_head: draft.logHead,
    created,
  };
  return writer.seal({ ...state, tables, keys: draft.keys, keysFile }, signed, key);
}

/**
 * The whole index under a new session key, as after a change of password. Everything has to be read
 * first; tables of later versions cannot be carried over under another key.
 */
export async function rekeyIndex(
  state: IndexState,
  key: UnlockedKey,
  created: string,
  logHead: string | null = null,
): Promise<IndexUpdate> {
  if (state.foreign.size > 0) {
    throw refusal("invalid-input", "The index was written by a newer version: update this app first.");
  }
  const sessionKey = makeSessionKey();
  const header = await headerFor(sessionKey, [key.certificate]);
  const writer = new Writer(sessionKey, header.built);
  const tables = new Map<string, Table>();
  for (const [name, table] of state.tables) {
    const all = new Map(table.segments.map(({ rows }, number) => [number, readRows(rows)]));
    tables.set(name, await writer.table(emptyTable(name), all));
  }
  const keysFile = await writer.envelope(writeKeys(state.keys));
  const { sequence, cursor, log_head } = state.note;
  const head = logHead ?? log_head;
  const signed = { sequence: sequence + 1, previous: state.root, cursor, log_head: head, created };
  const changed = { ...state, sessionKey, header: header.block, tables, keysFile };
  const update = await writer.seal(changed, signed, key);
  return { state: update.state, blocks: [header.block, ...update.blocks] };
}

function readRows(rows: readonly JsonObject[] | null): readonly JsonObject[] {
  if (rows === null) {
    throw refusal("invalid-input", "The whole index has to be read before it gets a new key.");
  }
  return rows;
}

/** Collects new blocks; everything it encrypts is under one session key and header. */
class Writer {
  private readonly sessionKey: SessionKey;
  private readonly header: Built;
  private readonly blocks: Block[] = [];

  constructor(sessionKey: SessionKey, header: Built) {
    this.sessionKey = sessionKey;
    this.header = header;
  }

  async envelope(content: Uint8Array, floor = 0): Promise<Built> {
    const [blocks, payload] = await sealContent(content, this.sessionKey, { floor });
    const [node, built] = await join(this.header, payload);
    this.blocks.push(...blocks, node);
    return built;
  }

  /** The table with segments `touched` replaced or added. */
  async table(table: Table, touched: ReadonlyMap<number, readonly JsonObject[]>): Promise<Table> {
    const segments: Segment[] = [...table.segments];
    const numbers = [...touched.keys()].sort((a, b) => a - b);
    for (const number of numbers) {
      const rows = touched.get(number)!;
      const text = jsonBytes([...rows]);
      if (text.length > LIMITS.MAX_SEGMENT_BYTES) {
        throw refusal("invalid-input", "A segment of the index would be longer than it may be.");
      }
      segments[number] = { file: await this.envelope(text, floorBytes(table.name)), rows };
    }
    if (segments.length > LIMITS.MAX_SEGMENTS) throw refusal("limit-exceeded", "The vault's index is full.");
    const directories = [...table.directories];
    for (const number of new Set(numbers.map((each) => Math.floor(each / PER_DIRECTORY)))) {
      const files = segments.slice(number * PER_DIRECTORY, (number + 1) * PER_DIRECTORY);
      directories[number] = await this.directory(
        files.map(({ file }, place) => [`${String(place).padStart(2, "0")}.pgp`, file]),
      );
    }
    const root = await this.directory(
      directories.map((each, number) => [String(number).padStart(3, "0"), each]),
    );
    const last = segments.at(-1)!.rows;
    const before = (segments.length - 1) * LIMITS.SEGMENT_ENTRIES;
    const entries = last === null ? table.entries : before + last.length;
    return { name: table.name, entries, segments, directories, root, places: placesOf(table, touched) };
  }

  private async directory(entries: readonly (readonly [string, { cid: Cid; tsize: number }])[]): Promise<Built> {
    const [block, built] = await directory(entries);
    this.blocks.push(block);
    return built;
  }

  /** Builds `contents`, signs the note over it, and ties both under the root. */
  async seal(state: IndexState, signed: Signed, key: UnlockedKey): Promise<IndexUpdate> {
    const entries: [string, { cid: Cid; tsize: number }][] = [[KEYS_NAME, state.keysFile]];
    const tables: Record<string, TableSize> = {};
    for (const [name, { root, segments, entries: count }] of state.tables) {
      if (root !== null) entries.push([name, root]);
      tables[name] = { segments: segments.length, entries: count };
    }
    for (const [name, link] of state.foreign) {
      entries.push([name, link]);
      tables[name] = state.note.tables[name]!;
    }
    const contents = await this.directory(entries);
    const note: IndexNote = { ...signed, contents: contents.cid, tables, extra: state.note.extra };
    const index = await this.envelope(jsonBytes(await signNote(key, INDEX_CONTEXT, noteBody(note))));
    const top: [string, { cid: Cid; tsize: number }][] = [
      [CONTENTS_NAME, contents],
      [INDEX_NAME, index],
    ];
    if (state.pairs !== null) top.push([PAIRS_NAME, state.pairs]);
    const root = await this.directory(top);
    return { state: { ...state, root: root.cid, note }, blocks: this.blocks };
  }
}

function placesOf(
  table: Table,
  touched: ReadonlyMap<number, readonly JsonObject[]>,
): ReadonlyMap<string, number> | null {
  if (table.places === null) return null;
  const places = new Map(table.places);
  for (const [number, rows] of touched) {
    for (const [offset, row] of rows.entries()) {
      places.set(rowKey(table.name, row), number * LIMITS.SEGMENT_ENTRIES + offset);
    }
  }
  return places;
}
