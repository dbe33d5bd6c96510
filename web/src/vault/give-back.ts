/**
 * Giving back after a lost key: what is somebody's, and what makes a key one's own again (docs/spec/
 * 19-re-key-and-give-back.md §4 and §5, hygieia/vault/give_back.py). Nothing here believes a server.
 */
import { equal } from "../bytes.ts";
import { Certificate } from "../crypto/certificates.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import { pkeskDigest } from "../crypto/rewrap.ts";
import { unwrapEach } from "../crypto/session-keys.ts";
import { refusal, type EngineError } from "../refusal.ts";
import { supersededOf, type ContactRow, type FormerKey, type People } from "./people.ts";
import type { ReportEntry } from "./report-entry.ts";
import type { ReportMeta } from "./report-meta.ts";
import type { Report } from "./report.ts";
import { keptOutOf, type OpenedShare, type Readers } from "./share-note.ts";

/**
 * Keys that the contact had before: what is theirs was made with one of these. Of a *changed* contact
 * that is the pinned key itself, as long as the new one is not accepted.
 */
export function keysBefore(contact: ContactRow): Set<string> {
  const keys = [...contact.former_keys, ...supersededOf(contact)].map(({ key }) => key);
  return new Set(contact.state === "changed" ? [...keys, contact.key] : keys);
}

/** The reports of one's index that the contact owned or wrote with a key she had before. */
export function theirs(contact: ContactRow, entries: Iterable<ReportEntry>): ReportEntry[] {
  const keys = keysBefore(contact);
  return [...entries].filter(
    ({ owner, author, deleted }) => deleted === null && (keys.has(owner) || keys.has(author)),
  );
}

/** Whether the user took this contact off a report of her own, and has not given it to him again. */
export function isTakenOff(contact: ContactRow, { owner }: ReportEntry, readers: Readers, people: People): boolean {
  const keys = keysBefore(contact);
  return people.isMe(owner) && [...readers.removed, ...keptOutOf(readers)].some((key) => keys.has(key) || people.same(key, contact.key));
}

/** By the key of now, of those of `contacts` who had the key by which a report is theirs. */
export function formerKeysOf(contacts: Iterable<ContactRow>, meta: ReportMeta): Map<string, FormerKey> {
  const found = new Map<string, FormerKey>();
  for (const contact of contacts) {
    const had = formerKeyOf(contact, meta);
    if (had !== null) found.set(contact.key, had);
  }
  return found;
}

/** The key that the contact had before and by which the report is hers; null where it is not. */
function formerKeyOf(contact: ContactRow, { owner, author }: ReportMeta): FormerKey | null {
  const had = [...contact.former_keys, ...supersededOf(contact)];
  const found = had.find(({ key }) => key === owner) ?? had.find(({ key }) => key === author);
  return found === undefined ? null : { key: found.key, certificate: found.certificate };
}

/**
 * `report` as the packet of this digest opens it: a header may have several for one key, as somebody who
 * never knew her former key may have shared it with her too, and which was tried first is chance. The
 * same report where `key` does not open it by that one.
 */
export async function asOpenedBy(report: Report, pkesk: string, key: UnlockedKey): Promise<Report> {
  const digests = await Promise.all(report.packets.map(pkeskDigest));
  const noted = report.packets.filter((_, number) => digests[number] === pkesk);
  for await (const { sessionKey, packet } of unwrapEach(noted, key)) {
    if (equal(sessionKey, report.sessionKey)) return { ...report, ownPacket: packet };
  }
  return report;
}

/** A report that opens again: `former` is the key by which it was hers, as `giver` says. */
export interface GivenBack {
  readonly report: Report;
  readonly former: FormerKey;
  readonly giver: ContactRow;
}

/**
 * What `said`, the note for the packet that opened `report`, gives back to `me`. Throws `note-refused`:
 * it gives nothing back, is not by a verified contact, names another packet or key, or claims somebody
 * else's key for hers; `certificate-refused`: the former certificate is none, or not of this email
 * and time.
 */
export async function checkGivenBack(
  report: Report,
  said: OpenedShare,
  { me, people, contacts }: { me: Certificate; people: People; contacts: readonly ContactRow[] },
): Promise<GivenBack> {
  const { former, reader, pkesk } = said.share;
  if (former === null) throw refused("The share note gives nothing back.");
  if (reader !== me.keyId) throw refused("The share note is for somebody else.");
  if (pkesk !== (await pkeskDigest(report.ownPacket))) {
    throw refused("The share note names another packet than the one that opened.");
  }
  const person = people.person(said.signer);
  const giver = contacts.find(({ key }) => key === person);
  if (giver?.state !== "verified") throw refused("Only a verified contact can give a report back.");
  if (said.verdict !== "valid") throw refused(`The signature of a share note: ${said.verdict}.`);
  const { owner, author } = report.meta;
  if (former.key !== owner && former.key !== author) {
    throw refused("The share note names a former key that the report does not.");
  }
  const isOthers = people.isKnown(former.key) && !people.isMe(former.key);
  if (former.key === me.keyId || isOthers) {
    throw refused("The share note names somebody else's key as a former one of yours.");
  }
  await checkCertificate(former, me);
  if (author === former.key && report.verdict !== "valid") {
    throw refused("The report is not signed by the former key that wrote it.");
  }
  return { report, former, giver };
}

async function checkCertificate({ key, certificate }: FormerKey, me: Certificate): Promise<void> {
  const found = await Certificate.parse(certificate);
  const isHers = found.keyId === key && found.email === me.email && found.created <= me.created;
  if (isHers) return;
  throw refusal("certificate-refused", "A former key's certificate is another's, or newer than your own.");
}

function refused(message: string): EngineError {
  return refusal("note-refused", message);
}
