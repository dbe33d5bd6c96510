/**
 * Who reads a report, as far as share notes tell (docs/spec/12-report.md §4, threat RC-04). The
 * index lists the readers that this user added. Others may have added more: the server keeps their
 * notes, and one counts once its signer is pinned, its signature verifies and the packet it names is
 * in the header.
 */
import { pkeskDigest } from "../crypto/rewrap.ts";
import type { Named, Reader as ShownReader, Readers as ShownReaders } from "../engine/interface.ts";
import { isPurged, READERS, requireReport, rowsOf } from "../vault/index/state.ts";
import type { People } from "../vault/people.ts";
import type { Report } from "../vault/report.ts";
import { earlierOf, type Reader, type Readers } from "../vault/share-note.ts";
import { currentOf } from "./revisions.ts";
import { namesOf } from "./naming.ts";
import { notesOf } from "./notes.ts";
import type { Vault } from "./vault.ts";

/**
 * The readers that `listed`, the index's entry, and the server's verified notes tell of. Whoever notes
 * the owner's own packet for somebody lies: to take that reader off would lock her out. `people`: whose
 * notes count, where it is not whom the index knows.
 */
export async function readersNow(
  vault: Vault,
  report: Report,
  listed: Readers,
  people: People = vault.people(),
): Promise<Readers> {
  const packets = new Set(await Promise.all(report.packets.map(pkeskDigest)));
  if (people.isMe(report.meta.owner)) packets.delete(await pkeskDigest(report.ownPacket));
  const found = new Map<string, Reader>();
  for (const each of listed.readers) if (packets.has(each.pkesk)) found.set(each.pkesk, each);
  for await (const { share, verdict } of notesOf(vault, report.meta.id, people)) {
    const { reader: key, pkesk, delegation } = share;
    const isNew = verdict === "valid" && packets.has(pkesk) && !found.has(pkesk);
    if (isNew) found.set(pkesk, { key, pkesk, delegation });
  }
  return { ...listed, readers: [...found.values()] };
}

/** The readers of a report for the screens, by its header as it is now. */
export async function showReaders(vault: Vault, id: string): Promise<ShownReaders> {
  const entry = requireReport(vault.index.state, id);
  const { report } = await currentOf(vault, entry);
  const readers = await readersNow(vault, report, await vault.index.readersOf(id));
  return shownReaders(vault, report, readers);
}

export async function shownReaders(vault: Vault, report: Report, readers: Readers): Promise<ShownReaders> {
  const nameOf = namesOf(vault);
  const { owner, id } = report.meta;
  const rows: ShownReader[] = [{ ...nameOf(owner), isOwner: true, delegation: null }];
  const people = vault.people();
  for (const { key, delegation } of readers.readers) {
    const isThere = rows.some((row) => people.same(row.key, key));
    if (!isThere) rows.push({ ...nameOf(key), isOwner: false, delegation });
  }
  return {
    report: id,
    readers: rows,
    removed: readers.removed.map(nameOf),
    earlier: people.isMe(owner) ? earlierOf(readers).filter((key) => !people.isMe(key)).map(nameOf) : [],
    unnamed: await unnamedPackets(report, readers, people),
    isMine: people.isMe(owner),
  };
}

/** To the owner, every packet but her own has a note; others see only notes by or for them. */
async function unnamedPackets(report: Report, readers: Readers, people: People): Promise<number> {
  if (!people.isMe(report.meta.owner)) return 0;
  const noted = new Set(readers.readers.map(({ pkesk }) => pkesk));
  noted.add(await pkeskDigest(report.ownPacket));
  const digests = await Promise.all(report.packets.map(pkeskDigest));
  return digests.filter((digest) => !noted.has(digest)).length;
}

/** By the index alone: keys of who else reads, by report. */
export function readersByReport(vault: Vault): Promise<Map<string, string[]>> {
  return keysByReport(vault, ({ readers }) => readers.map(({ key }) => key));
}

/**
 * By the index alone: keys of who else has a session key of a report: who reads it, and who was taken
 * off since that was last new, whose old copies still open.
 */
export function holdersByReport(vault: Vault): Promise<Map<string, string[]>> {
  return keysByReport(vault, ({ readers, removed }) => [...readers.map(({ key }) => key), ...removed]);
}

/** By the index alone: keys of who has an earlier session key of a report, and reads it no more. */
export function earlierByReport(vault: Vault): Promise<Map<string, string[]>> {
  return keysByReport(vault, earlierOf);
}

async function keysByReport(vault: Vault, keysOf: (row: Readers) => readonly string[]): Promise<Map<string, string[]>> {
  await vault.index.loadReaders();
  const found = new Map<string, string[]>();
  for (const row of rowsOf(vault.index.state, READERS)) {
    if (isPurged(row)) continue;
    const keys = keysOf(row as Readers);
    if (keys.length > 0) found.set(row["id"] as string, [...new Set(keys)]);
  }
  return found;
}

/** Whoever `keys` belong to, in their order. */
export function named(vault: Vault, keys: readonly string[]): Named[] {
  return keys.map(namesOf(vault));
}
