/** Reading an index, block by verified block (docs/spec/13-index.md §6). */
import type { UnlockedKey } from "../../crypto/keys.ts";
import { openSmall } from "../../crypto/envelope.ts";
import { decryptBytes } from "../../crypto/payload.ts";
import type { SessionKey } from "../../crypto/session-keys.ts";
import type { Block, Cid } from "../../ipld/cid.ts";
import { KEYS_NAME, readEnvelope, readIndexRoot, type EnvelopeNode } from "../../ipld/shapes.ts";
import type { Link } from "../../ipld/unixfs.ts";
import type { Built } from "../../ipld/builder.ts";
import type { JsonObject } from "../../json.ts";
import { LIMITS } from "../../limits.ts";
import { refusal } from "../../refusal.ts";
import { fetchOne, readEntries, readPayload, readPayloads, type BlockSource } from "../reading.ts";
import { readKeys } from "./keys.ts";
import { checkFloor, openIndexNote, type Floor, type IndexNote, type TableSize } from "./note.ts";
import {
  emptyTable,
  READERS,
  readSegment,
  REPORTS,
  rowKey,
  rowsIn,
  tableOf,
  TABLES,
  type IndexState,
  type Segment,
  type Table,
} from "./state.ts";

const PER_DIRECTORY = LIMITS.SEGMENTS_PER_DIRECTORY;

/**
 * Reads and verifies an index: its note, its keys and every table but `readers`, whose segments are
 * read when a change needs them. Of an index that is `known`, whatever is the same file is not read
 * again. Throws `note-refused`, `rollback`, `fork`, `dag-refused`, `envelope-refused`, `integrity`.
 */
export async function openIndex(
  source: BlockSource,
  root: Cid,
  key: UnlockedKey,
  options: { floor?: Floor | null; known?: IndexState | null } = {},
): Promise<IndexState> {
  const node = readIndexRoot(await fetchOne(source, root));
  const [note, sessionKey, header] = await openNote(source, node.index, key);
  checkFloor(note, root, options.floor ?? null);
  if (note.contents !== node.contents.cid) {
    throw refusal("integrity", "The index's contents are not those that its owner signed.");
  }
  const names = new Set([KEYS_NAME, ...Object.keys(note.tables)]);
  const links = readEntries(await fetchOne(source, node.contents.cid), node.contents, names);
  const reader = new IndexReader(source, sessionKey, header.cid);
  const keysLink = links.get(KEYS_NAME)!;
  const tables = new Map<string, Table>();
  for (const name of TABLES) {
    const size = note.tables[name];
    if (size === undefined) continue;
    const before = options.known?.tables.get(name) ?? emptyTable(name);
    tables.set(name, await reader.table(name, size, links.get(name)!, before));
  }
  if ((tables.get(REPORTS)?.entries ?? 0) !== (tables.get(READERS)?.entries ?? 0)) throw notParallel();
  const foreign = new Map([...links].filter(([name]) => name !== KEYS_NAME && !isKnown(name)));
  const keys = readKeys(await reader.file(keysLink, LIMITS.MAX_KEYS_FILE_BYTES));
  return { root, note, sessionKey, header, keys, keysFile: built(keysLink), tables, foreign, pairs: node.pairs };
}

function isKnown(name: string): boolean {
  return (TABLES as readonly string[]).includes(name);
}

async function openNote(
  source: BlockSource,
  link: Link,
  key: UnlockedKey,
): Promise<[IndexNote, SessionKey, Block]> {
  const envelope = readEnvelope(await fetchOne(source, link.cid), link);
  const [header] = await source.fetch([envelope.header.cid]);
  const payload = await readPayload(source, envelope.payload, LIMITS.MAX_NOTE_BYTES);
  const opened = await openSmall(header!.data, payload, key, LIMITS.MAX_NOTE_BYTES);
  return [await openIndexNote(opened.content, key.certificate), opened.sessionKey, header!];
}

/** Reads segments of `readers` that have not been read yet; all of them when none are named. */
export async function loadReaders(
  source: BlockSource,
  state: IndexState,
  numbers: readonly number[] = [...tableOf(state, READERS).segments.keys()],
): Promise<IndexState> {
  const table = tableOf(state, READERS);
  const wanted = numbers.filter((number) => table.segments[number]?.rows === null);
  if (wanted.length === 0) return state;
  const reader = new IndexReader(source, state.sessionKey, state.header.cid);
  const segments = [...table.segments];
  for (let start = 0; start < wanted.length; start += PER_DIRECTORY) {
    const part = wanted.slice(start, start + PER_DIRECTORY);
    const read = await reader.segments(READERS, table.entries, part, part.map((n) => segments[n]!.file));
    for (const [place, number] of part.entries()) {
      checkSamePlaces(tableOf(state, REPORTS).segments[number]?.rows ?? [], read[place]!);
      segments[number] = { file: segments[number]!.file, rows: read[place]! };
    }
  }
  return { ...state, tables: new Map(state.tables).set(READERS, { ...table, segments }) };
}

class IndexReader {
  private readonly source: BlockSource;
  private readonly sessionKey: SessionKey;
  private readonly header: Cid;

  constructor(source: BlockSource, sessionKey: SessionKey, header: Cid) {
    this.source = source;
    this.sessionKey = sessionKey;
    this.header = header;
  }

  async file(link: Link, maxBytes: number): Promise<Uint8Array> {
    const envelope = this.checked(readEnvelope(await fetchOne(this.source, link.cid), link));
    const payload = await readPayload(this.source, envelope.payload, maxBytes);
    return decryptBytes(payload, this.sessionKey, maxBytes);
  }

  async table(name: string, size: TableSize, link: Link, known: Table): Promise<Table> {
    const count = Math.ceil(size.segments / PER_DIRECTORY);
    const names = Array.from({ length: count }, (_, number) => String(number).padStart(3, "0"));
    const entries = readEntries(await fetchOne(this.source, link.cid), link, new Set(names));
    const segments: Segment[] = [];
    for (const [number, each] of names.entries()) {
      segments.push(...(await this.directory(name, size, number, entries.get(each)!, known)));
    }
    const directories = names.map((each) => built(entries.get(each)!));
    const places = name === READERS ? null : placesOf(name, segments);
    return { name, entries: size.entries, segments, directories, root: built(link), places };
  }

  private async directory(
    name: string,
    size: TableSize,
    directory: number,
    link: Link,
    known: Table,
  ): Promise<Segment[]> {
    const first = directory * PER_DIRECTORY;
    const count = Math.min(PER_DIRECTORY, size.segments - first);
    const names = Array.from({ length: count }, (_, n) => `${String(n).padStart(2, "0")}.pgp`);
    const entries = readEntries(await fetchOne(this.source, link.cid), link, new Set(names));
    const segments: Segment[] = names.map((each, place) => {
      const file = built(entries.get(each)!);
      const before = known.segments[first + place];
      const isSame =
        before?.file.cid === file.cid && before.rows?.length === rowsIn(size.entries, first + place);
      return isSame ? before : { file, rows: null };
    });
    if (name === READERS) return segments;
    const unread = [...segments.keys()].filter((place) => segments[place]!.rows === null);
    const numbers = unread.map((place) => first + place);
    const files = unread.map((place) => segments[place]!.file);
    const rows = await this.segments(name, size.entries, numbers, files);
    for (const [i, place] of unread.entries()) {
      segments[place] = { file: segments[place]!.file, rows: rows[i]! };
    }
    return segments;
  }

  async segments(
    name: string,
    entries: number,
    numbers: readonly number[],
    files: readonly Built[],
  ): Promise<JsonObject[][]> {
    const nodes = await this.source.fetch(files.map(({ cid }) => cid));
    const envelopes = nodes.map((node, place) => {
      const { cid, tsize } = files[place]!;
      return this.checked(readEnvelope(node.data, { cid, tsize, name: "" }));
    });
    const children = envelopes.map(({ payload }) => payload);
    const payloads = await readPayloads(this.source, children, LIMITS.MAX_SEGMENT_BYTES);
    return Promise.all(
      payloads.map(async (payload, place) => {
        const data = await decryptBytes(payload, this.sessionKey, LIMITS.MAX_SEGMENT_BYTES);
        return readSegment(name, data, rowsIn(entries, numbers[place]!));
      }),
    );
  }

  /** Everything in an index is to the owner alone, under one header (docs/spec/13). */
  private checked(envelope: EnvelopeNode): EnvelopeNode {
    if (envelope.header.cid !== this.header) {
      throw refusal("envelope-refused", "A part of the index has recipients of its own.");
    }
    return envelope;
  }
}

function placesOf(name: string, segments: readonly Segment[]): Map<string, number> {
  const rows = segments.flatMap((segment) => segment.rows ?? []);
  const places = new Map(rows.map((row, place) => [rowKey(name, row), place]));
  if (places.size !== rows.length) throw refusal("integrity", "The index has an entry twice.");
  return places;
}

function checkSamePlaces(reports: readonly JsonObject[], readers: readonly JsonObject[]): void {
  const same = reports.length === readers.length && reports.every((row, i) => row["id"] === readers[i]!["id"]);
  if (!same) throw notParallel();
}

function notParallel(): Error {
  return refusal("integrity", "The index's reports and readers do not run parallel.");
}

function built({ cid, tsize }: Link): Built {
  return { cid, sizeBytes: 0, tsize };
}
