/**
 * Changing who reads a report: the header is wrapped anew, nothing else (docs/spec/16-sharing.md,
 * hygieia/vault/sharing.py). Both payloads keep their octets and CIDs, so a change of readers writes
 * four small blocks whatever the content's size.
 */
import type { Certificate } from "../crypto/certificates.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import { pkeskDigest, rewrap } from "../crypto/rewrap.ts";
import type { Recipient } from "../crypto/session-keys.ts";
import { directory, join, leaf } from "../ipld/builder.ts";
import type { Block } from "../ipld/cid.ts";
import { DATA_NAME, META_NAME } from "../ipld/shapes.ts";
import { invalid, refusal } from "../refusal.ts";
import { checkRecipients } from "./contacts.ts";
import { whyNot, type LeftOut } from "./delegations.ts";
import type { ContactRow, FormerKey, People } from "./people.ts";
import { entryOf, type ReportEntry } from "./report-entry.ts";
import type { Report } from "./report.ts";
import { keepingOut, keptOutOf, removedPacketsOf, signShare, type Reader, type Readers } from "./share-note.ts";
import { writeJson } from "../json.ts";

/** A report with other readers: `blocks` are the four new ones, the root last. */
export interface Reshared {
  readonly blocks: readonly Block[];
  readonly entry: ReportEntry;
  readonly noted: Noted;
}

/** Readers as the index lists them, and the share notes that go to the server, one for each. */
export interface Noted {
  readonly readers: readonly Reader[];
  readonly notes: readonly string[];
}

/** The index's entry for a report under a new session key; `before` are keys of who read it until then. */
export function readersOf(id: string, { readers }: Noted, before: readonly string[] = []): Readers {
  return { id, readers: [...readers], removed: [], ...(before.length > 0 ? { earlier: [...before] } : {}) };
}

/** Which delegation a reader, by key id, is added for. */
export type ByDelegation = ReadonlyMap<string, string>;

interface Signing {
  readonly key: UnlockedKey;
  readonly created: string;
  readonly delegations?: ByDelegation;
  /** Whose report it is, where it is not the signer's. */
  readonly owner?: string;
  /** The key that a reader, by key id, had before, where a report is given back to them. */
  readonly former?: ReadonlyMap<string, FormerKey>;
}

/**
 * Gives `report` to more people; anyone who can read it may. Throws `invalid-input` for oneself or
 * nobody, `certificate-refused`, `limit-exceeded` above 1,024 packets.
 */
export async function addReaders(
  report: Report,
  certificates: readonly Certificate[],
  signing: Signing,
): Promise<Reshared> {
  const people = new Map(certificates.map((certificate) => [certificate.keyId, certificate]));
  if (people.size === 0) throw invalid("people", "empty", "Name someone to share the report with.");
  if (people.has(signing.key.keyId)) {
    throw invalid("people", "oneself", "You can read this report already: share it with somebody else.");
  }
  const { octets, added } = await rewrap(report.packets, report.sessionKey, { add: [...people.values()] });
  return withHeader(report, octets, await noteReaders(report.meta.id, added, signing));
}

/**
 * Takes packets, by digest, off the report's header: only its owner may, and never her own. Whoever
 * could read it keeps what she has: the session key stays the same until a re-key. Throws
 * `forbidden`, and `invalid-input` when there is nothing to drop.
 */
export async function dropReaders(
  report: Report,
  packets: readonly string[],
  people: People,
): Promise<Reshared> {
  if (!people.isMe(report.meta.owner)) {
    throw refusal("forbidden", "Only the owner of a report can take readers off it.");
  }
  if (packets.length === 0) throw invalid("person", "empty", "It is not shared with them.");
  if (packets.includes(await pkeskDigest(report.ownPacket))) {
    throw invalid("person", "oneself", "The owner of a report is not taken off it.");
  }
  const { octets } = await rewrap(report.packets, report.sessionKey, { drop: packets });
  return withHeader(report, octets, { readers: [], notes: [] });
}

/** Readers and their notes for the recipients of a new header; its owner's packet needs none. */
export async function noteReaders(
  report: string,
  recipients: readonly Recipient[],
  { key, created, delegations, owner = key.keyId, former }: Signing,
): Promise<Noted> {
  const others = recipients.filter((each) => each.key !== owner);
  const readers = others.map((each) => ({
    key: each.key,
    pkesk: each.pkesk,
    delegation: delegations?.get(each.key) ?? null,
  }));
  const notes = readers.map(async ({ key: reader, pkesk, delegation }) =>
    writeJson(await signShare(key, { report, reader, pkesk, delegation, created, former: former?.get(reader) ?? null })),
  );
  return { readers, notes: await Promise.all(notes) };
}

/** Who is wrapped a new session key; `leftOut` are readers who are not, and why. */
export interface NextReaders {
  readonly certificates: readonly Certificate[];
  readonly delegations: ByDelegation;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Who goes on reading a report whose session key is new (docs/spec/19). Left out: who is no pinned
 * contact, a contact whose key has changed, keys that may not be encrypted to now.
 */
export async function nextReaders(
  readers: Readers,
  contacts: readonly ContactRow[],
  people: People,
): Promise<NextReaders> {
  const byKey = new Map(contacts.map((contact) => [contact.key, contact]));
  const kept = new Map<string, Certificate>();
  const delegations = new Map<string, string>();
  const leftOut = new Map<string, LeftOut>();
  for (const { key, delegation } of readers.readers) {
    // A note for her own key gave the report back: she is its owner.
    if (people.isMe(key)) continue;
    const contact = byKey.get(people.person(key));
    if (contact === undefined) {
      leftOut.set(key, { key, why: "stranger" });
      continue;
    }
    try {
      const [certificate] = await checkRecipients([contact], 1);
      kept.set(certificate!.keyId, certificate!);
      if (delegation !== null) delegations.set(certificate!.keyId, delegation);
    } catch (error) {
      const why = whyNot(error);
      if (why === null) throw error;
      leftOut.set(key, { key, why });
    }
  }
  return { certificates: [...kept.values()], delegations, leftOut: [...leftOut.values()] };
}

/** The index's entry once `added` read the report too; who is added again is no more removed, whatever her key. */
export function withAdded(readers: Readers, added: readonly Reader[], people: People): Readers {
  const isBack = (gone: string): boolean => added.some(({ key }) => people.same(key, gone));
  const now = {
    ...readers,
    readers: [...readers.readers, ...added],
    removed: readers.removed.filter((key) => !isBack(key)),
  };
  return keepingOut(now, keptOutOf(readers).filter((key) => !isBack(key)));
}

/** Digests of every packet noted for `person`, under whichever of her keys. */
export function packetsOf(readers: Readers, people: People, person: string): string[] {
  return readers.readers.filter(({ key }) => people.same(key, person)).map(({ pkesk }) => pkesk);
}

/** The index's entry once `person` was unshared: the next change makes the session key new, and no delegation brings her back. */
export function without(readers: Readers, people: People, person: string): Readers {
  const gone = readers.readers.filter(({ key }) => people.same(key, person));
  return takenOff(readers, gone);
}

/** The index's entry once the packets of `gone` are off the header: by an unshare alone they go. */
export function takenOff(readers: Readers, gone: readonly Reader[]): Readers {
  if (gone.length === 0) return readers;
  const keys = gone.map(({ key }) => key);
  const left = {
    ...readers,
    readers: readers.readers.filter((reader) => !gone.includes(reader)),
    removed: [...new Set([...readers.removed, ...keys])],
    removed_packets: [...new Set([...removedPacketsOf(readers), ...gone.map(({ pkesk }) => pkesk)])],
  };
  return keepingOut(left, [...keptOutOf(readers), ...keys]);
}

async function withHeader(report: Report, header: Uint8Array, noted: Noted): Promise<Reshared> {
  const { data, meta } = report.encrypted;
  const [headerBlock, built] = await leaf(header);
  const [dataBlock, dataFile] = await join(built, data);
  const [metaBlock, metaFile] = await join(built, meta);
  const [rootBlock, root] = await directory([
    [DATA_NAME, dataFile],
    [META_NAME, metaFile],
  ]);
  return {
    blocks: [headerBlock, dataBlock, metaBlock, rootBlock],
    entry: entryOf(report.meta, root.cid, meta.cid),
    noted,
  };
}
