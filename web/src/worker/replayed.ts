/**
 * Finds out a server that shows an older list of a report's readers (docs/spec/16-sharing.md §4). A
 * header is not signed: whoever serves an old one, with a root around it, shows the very report of the
 * index. To base the next change on it would put back who was taken off, or drop who was added.
 */
import { pkeskDigest } from "../crypto/rewrap.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import { readHeader, type Report } from "../vault/report.ts";
import { removedPacketsOf, type Readers } from "../vault/share-note.ts";
import { notesOf } from "./notes.ts";
import type { Vault } from "./vault.ts";

/**
 * Holds the readers of one's own `report`, as served, against those of the index's root: every packet
 * of that has to be there, but those of `gone`, which are about to be taken off; what came since must
 * be noted, be none that she took off, and not be noted by her for somebody she has taken off. Throws
 * `rollback` for an older header, `recipient-refused` for a packet that nobody noted. The reports of
 * others are theirs to watch.
 */
export async function refuseReplayed(
  vault: Vault,
  entry: ReportEntry,
  report: Report,
  gone: readonly string[] = [],
): Promise<void> {
  try {
    await check(vault, entry, report, gone);
  } catch (error) {
    if (!isRefusal(error, "rollback")) throw error;
    // Another device of hers may have taken somebody off: then its index says so.
    await vault.index.refresh();
    await check(vault, requireReport(vault.index.state, entry.id), report, gone);
  }
}

async function check(
  vault: Vault,
  entry: ReportEntry,
  report: Report,
  gone: readonly string[],
): Promise<void> {
  if (!isHeldAgainst(vault, entry, report)) return;
  const known = await knownPackets(vault, entry);
  const served = new Set(await Promise.all(report.packets.map(pkeskDigest)));
  const left = new Set(gone);
  if ([...known].some((digest) => !served.has(digest) && !left.has(digest))) throw older();
  const added = [...served].filter((digest) => !known.has(digest));
  if (added.length > 0) await checkAdded(vault, await vault.index.readersOf(entry.id), added);
}

/** Whether nobody but this user could have taken readers off since the index named its root. */
function isHeldAgainst(vault: Vault, entry: ReportEntry, { meta, encrypted }: Report): boolean {
  const isOther = encrypted.root !== entry.cid && meta.revision === entry.revision;
  return isOther && vault.people().isMe(meta.owner);
}

async function knownPackets(vault: Vault, { cid }: ReportEntry): Promise<Set<string>> {
  const packets = await readHeader(vault.gateways, cid);
  return new Set(await Promise.all(packets.map(pkeskDigest)));
}

async function checkAdded(vault: Vault, listed: Readers, added: readonly string[]): Promise<void> {
  const people = vault.people();
  const dropped = removedPacketsOf(listed);
  if (added.some((packet) => dropped.includes(packet))) throw older();
  const isTakenOff = (reader: string): boolean => listed.removed.some((key) => people.same(key, reader));
  const noted = new Set<string>();
  for await (const { share, signer } of notesOf(vault, listed.id)) {
    if (!added.includes(share.pkesk)) continue;
    if (isTakenOff(share.reader) && people.isMe(signer)) throw older();
    noted.add(share.pkesk);
  }
  if (added.some((packet) => !noted.has(packet))) {
    throw refusal("recipient-refused", "The server shows a reader of this report whom nobody noted.");
  }
}

/**
 * Digests of packets that another root of one's own report, of the same revision, lacks of the index's.
 * Those that came to it are judged as `refuseReplayed` does; but where it is known which were dropped,
 * her own note for another one is a share whose index never followed (docs/spec/13-index.md §8).
 */
export async function lackedPackets(vault: Vault, entry: ReportEntry, report: Report): Promise<string[]> {
  if (!isHeldAgainst(vault, entry, report)) return [];
  const known = await knownPackets(vault, entry);
  const served = new Set(await Promise.all(report.packets.map(pkeskDigest)));
  const added = [...served].filter((digest) => !known.has(digest));
  const listed = await vault.index.readersOf(entry.id);
  const isDropKnown = removedPacketsOf(listed).length > 0;
  if (added.length > 0) await checkAdded(vault, isDropKnown ? { ...listed, removed: [] } : listed, added);
  return [...known].filter((digest) => !served.has(digest)).sort();
}

function older(): Error {
  return refusal("rollback", "The server shows this report with an older list of readers. Nothing was changed.");
}
