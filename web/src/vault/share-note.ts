/**
 * Notes `hygieia share 1`: who added which PKESK for whom (docs/spec/12-report.md §4). PKESKs are
 * anonymous, so a note that names the packet's digest is the only way to find a reader's packet again.
 */
import { parseNote, signNote, type CarriedNote, type Verdict } from "../crypto/notes.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { refusal } from "../refusal.ts";
import { Fields } from "./fields.ts";
import { isArmored, type FormerKey, type People } from "./people.ts";
import * as words from "./words.ts";

const SHARE_CONTEXT = "hygieia share 1";

/**
 * What a share note says; `delegation` is the id of the one it was added for. `former` stands in a note
 * that gives back: the key that the reader had before, by which the report is hers (docs/spec/19 §4).
 */
export interface Share {
  readonly report: string;
  readonly reader: string;
  readonly pkesk: string;
  readonly delegation: string | null;
  readonly created: string;
  readonly former: FormerKey | null;
}

/** A share note whose signer was looked for among the pinned certificates. */
export interface OpenedShare {
  readonly share: Share;
  readonly signer: string;
  readonly verdict: Verdict;
}

export function signShare(key: UnlockedKey, share: Share): Promise<CarriedNote> {
  const { report, reader, pkesk, delegation, created, former } = share;
  const body = { report, reader, pkesk, delegation, created };
  return signNote(key, SHARE_CONTEXT, former === null ? body : { ...body, former });
}

function readShare(body: JsonObject): Share {
  const fields = new Fields(body, "note-refused", "The share note");
  return {
    report: fields.text("report", words.isReportId),
    reader: fields.text("reader", words.isKeyId),
    pkesk: fields.text("pkesk", words.isSha256),
    delegation: fields.textOrNull("delegation", words.isReportId),
    created: fields.text("created", words.isTime),
    former: "former" in body ? readFormer(fields.object("former")) : null,
  };
}

function readFormer(body: JsonObject): FormerKey {
  const fields = new Fields(body, "note-refused", "The former key of a share note");
  return { ...body, key: fields.text("key", words.isKeyId), certificate: fields.text("certificate", isArmored) };
}

/**
 * Reads a share note for `report` that `signer` claims to have made. Throws `note-refused` when it
 * is malformed, for another report, or not signed by `signer` where that key is pinned; a stranger's
 * note comes back with the verdict that says so.
 */
export async function openShare(
  data: string | Uint8Array,
  { report, signer, people }: { report: string; signer: string; people: People },
): Promise<OpenedShare> {
  const note = parseNote(data, SHARE_CONTEXT);
  const share = readShare(note.body);
  if (share.report !== report) throw refusal("note-refused", "The share note is for another report.");
  const verdict = await people.verify(note, signer);
  if (verdict === null) return { share, signer, verdict: "unknown-signer" };
  if (verdict === "invalid" || verdict === "unknown-signer") {
    throw refusal("note-refused", "The share note is not signed by whoever is said to have made it.");
  }
  return { share, signer, verdict };
}

/** One reader in the index: whose packet `pkesk` is (its digest), by which delegation. */
export interface Reader extends JsonObject {
  key: string;
  pkesk: string;
  delegation: string | null;
}

/**
 * The entry of the table `readers` that runs parallel to a report's. `removed` lists those who were
 * unshared since the session key was last new: until the next one, an edit has to make it new.
 */
export interface Readers extends JsonObject {
  id: string;
  readers: Reader[];
  removed: string[];
}

/** Digests of the packets that unsharing dropped under the session key of now: never to be served again. */
export function removedPacketsOf({ removed_packets: digests }: Readers): string[] {
  return (digests as string[] | undefined) ?? [];
}

/** Keys, sorted, of those who had an earlier session key and read the report no more: earlier versions open for them. */
export function earlierOf({ earlier }: Readers): string[] {
  return (earlier as string[] | undefined) ?? [];
}

/** Keys, sorted, of those whom the owner took off, whatever became of the session key since: no delegation brings them back. */
export function keptOutOf({ kept_out: keys }: Readers): string[] {
  return (keys as string[] | undefined) ?? [];
}

/** The entry with these kept out; absent when empty. */
export function keepingOut(readers: Readers, keys: readonly string[]): Readers {
  const kept: Readers = { ...readers, kept_out: [...new Set(keys)].sort() };
  if (keys.length === 0) delete kept["kept_out"];
  return kept;
}

/** Checks an entry; fields of later versions stay on the objects. Throws `integrity`. */
export function readReaders(row: JsonObject): Readers {
  const fields = new Fields(row, "integrity", "A readers entry of the index");
  fields.text("id", words.isReportId);
  const removed = fields.list("removed", LIMITS.MAX_PKESKS);
  if (!removed.every((key) => typeof key === "string" && words.isKeyId(key))) throw fields.refused("removed");
  if (!areTexts(row["removed_packets"], words.isSha256)) throw fields.refused("removed_packets");
  if (!areTexts(row["earlier"], words.isKeyId)) throw fields.refused("earlier");
  if (!areTexts(row["kept_out"], words.isKeyId)) throw fields.refused("kept_out");
  for (const item of fields.list("readers", LIMITS.MAX_PKESKS)) {
    if (!isObject(item)) throw fields.refused("readers");
    const reader = new Fields(item, "integrity", "A reader in the index");
    reader.text("key", words.isKeyId);
    reader.text("pkesk", words.isSha256);
    reader.textOrNull("delegation", words.isReportId);
  }
  return row as Readers;
}

/** Whether it is a list of such texts; absent when empty. */
function areTexts(value: Json | undefined, isOne: (text: string) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && value.every((each) => typeof each === "string" && isOne(each)));
}

export function noReaders(id: string): Readers {
  return { id, readers: [], removed: [] };
}
