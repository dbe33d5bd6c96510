/**
 * Who a report is encrypted to when its session key is made: its owner, those for whom a delegation
 * acts, and, for a later revision, those who read the one before (docs/spec/12; 17 §3).
 * Whoever a server names is not among them (threat MS-19).
 */
import type { Certificate } from "../crypto/certificates.ts";
import { rewrap } from "../crypto/rewrap.ts";
import type { SessionKey } from "../crypto/session-keys.ts";
import { formatTime, nowSeconds, parseTime } from "../crypto/times.ts";
import { leaf } from "../ipld/builder.ts";
import { refusal } from "../refusal.ts";
import { checkRecipients } from "../vault/contacts.ts";
import { Delegations, type Chosen, type Facts, type LeftOut } from "../vault/delegations.ts";
import { contactsOf, DELEGATIONS, rowsOf, type IndexState } from "../vault/index/state.ts";
import type { ContactRow, People } from "../vault/people.ts";
import { headerFor, type Header } from "../vault/report-build.ts";
import type { ReportMeta } from "../vault/report-meta.ts";
import type { Report } from "../vault/report.ts";
import { keptOutOf, type Readers } from "../vault/share-note.ts";
import { nextReaders, noteReaders, withAdded, type Noted } from "../vault/sharing.ts";
import { readersNow } from "./readers.ts";
import type { Vault } from "./vault.ts";

/** A recipients header, and the notes for everyone in it but this user. */
export interface NotedHeader {
  readonly header: Header;
  readonly noted: Noted;
  /** Delegates, and readers of before, who are not among them. */
  readonly leftOut: readonly LeftOut[];
}

/** The header of a new session key, and the keys of all who read the report until then. */
export interface NextHeader extends NotedHeader {
  readonly before: readonly string[];
}

const verified = new WeakMap<IndexState, Promise<Delegations>>();

/** The delegations of the index as it is now, each verified once. */
export function delegationsOf(vault: Vault): Promise<Delegations> {
  const { state } = vault.index;
  const known = verified.get(state);
  if (known !== undefined) return known;
  const found = Delegations.of([...rowsOf(state, DELEGATIONS)], vault.people(), contactsOf(state));
  verified.set(state, found);
  return found;
}

/** The header of a new report; throws `delegation-refused` for one that may not be stored for its owner. */
export async function firstHeader(
  vault: Vault,
  meta: ReportMeta,
  sessionKey: SessionKey,
): Promise<NotedHeader> {
  if (meta.owner !== vault.key.keyId) return headerForAnother(vault, meta, sessionKey);
  const { certificates, delegations, leftOut, lapsed } = await delegatesFor(vault, meta);
  const sealed = await sealedFor(vault, meta.id, sessionKey, certificates, delegations);
  return { ...sealed, leftOut: [...leftOut, ...lapsed] };
}

/** For somebody else's vault: its owner, and this user as author, who is its only noted reader (spec 17 §5). */
async function headerForAnother(
  vault: Vault,
  meta: ReportMeta,
  sessionKey: SessionKey,
): Promise<NotedHeader> {
  const contact = await requireUploadRight(vault, meta, meta.profession);
  const [certificate] = await checkRecipients([contact], 1);
  const { key } = vault;
  const header = await headerFor(sessionKey, [certificate!, key.certificate]);
  const signing = { key, created: formatTime(nowSeconds()), owner: meta.owner };
  return { header, noted: await noteReaders(meta.id, header.recipients, signing), leftOut: [] };
}

/** The contact whose vault this user may store such a report in now; throws `delegation-refused`. */
export async function requireUploadRight(
  vault: Vault,
  facts: Facts,
  profession: string | null,
): Promise<ContactRow> {
  const contact = contactsOf(vault.index.state).find(({ key }) => key === facts.owner);
  const right = (await delegationsOf(vault)).uploadRight(facts, profession, nowSeconds());
  if (contact !== undefined && right !== undefined) return contact;
  throw refusal("delegation-refused", "They have not given you the right to store this for them.");
}

export type AuthorJudge = (author: string, meta: ReportMeta) => boolean;

/**
 * Judges the author of a report that came without this user's doing: into her own vault others store by
 * a delegation, when it was made and now (docs/spec/17 §5); those of others are theirs to judge.
 */
export async function authorJudge(vault: Vault): Promise<AuthorJudge> {
  const delegations = await delegationsOf(vault);
  const people = vault.people();
  return (author, meta) =>
    !people.isMe(meta.owner) ||
    delegations.mayUpload(author, meta, meta.profession, [parseTime(meta.created), nowSeconds()]);
}

/** Those for whom a delegation acts on a report that is sealed now. */
export async function delegatesFor(vault: Vault, meta: ReportMeta) {
  return (await delegationsOf(vault)).readers(meta, meta.profession, nowSeconds());
}

/** Who will read the next revision of a report under a new session key, and who will not. */
export interface Successors {
  /** Who reads it now. */
  readonly readers: Readers;
  readonly certificates: ReadonlyMap<string, Certificate>;
  readonly delegations: ReadonlyMap<string, string>;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Readers by hand go on; those by delegation where one acts on `meta`, as do new ones. A key of `keep`
 * is a pinned contact's that was left out otherwise.
 */
export async function successors(vault: Vault, report: Report, meta: ReportMeta): Promise<Successors> {
  const readers = await readersNow(vault, report, await vault.index.readersOf(report.meta.id));
  const people = vault.people();
  // Who was taken off is not carried over, whatever notes the server shows.
  const isGone = (key: string): boolean => readers.removed.some((each) => people.same(each, key));
  const shared = readers.readers.filter(({ key, delegation }) => delegation === null && !isGone(key));
  const byHand = { ...readers, readers: shared };
  const next = await nextReaders(byHand, contactsOf(vault.index.state), people);
  const delegates = await delegatesFor(vault, meta);
  // By a delegation nobody comes back whom the owner took off.
  const acting = notTakenOff(delegates.certificates, readers, people);
  const certificates = new Map([...acting, ...next.certificates].map((each) => [each.keyId, each]));
  const delegations = new Map(delegates.delegations);
  for (const { keyId } of next.certificates) delegations.delete(keyId);
  const known = [...certificates.keys(), ...next.leftOut.map(({ key }) => key)];
  return { readers, certificates, delegations, leftOut: [...next.leftOut, ...absent(delegates, readers, people, known)] };
}

/** Those of persons whom the owner has not taken off the report, unless by hand given it again. */
export function notTakenOff(certificates: readonly Certificate[], readers: Readers, people: People): Certificate[] {
  const gone = new Set([...readers.removed, ...keptOutOf(readers)].map((key) => people.person(key)));
  return certificates.filter(({ keyId }) => !gone.has(people.person(keyId)));
}

/**
 * The delegates who do not read a report: of `chosen`, and of `readers`, each once; without those under
 * `known` keys, and whom the owner took off it.
 */
function absent({ leftOut, lapsed }: Chosen, readers: Readers, people: People, known: readonly string[]): LeftOut[] {
  const seen = new Set([...known, ...readers.removed, ...keptOutOf(readers)].map((key) => people.person(key)));
  const ended = readers.readers.filter(({ delegation }) => delegation !== null);
  const found = new Map<string, LeftOut>();
  for (const each of [...leftOut, ...lapsed, ...ended.map(({ key }) => ({ key, why: "lapsed" }) as const)]) {
    const person = people.person(each.key);
    if (!seen.has(person) && !found.has(person) && !people.isMe(person)) found.set(person, each);
  }
  return [...found.values()];
}

/**
 * Of those whom delegations want among the readers of a report now: who cannot be encrypted to, and does not
 * read it by the key of now.
 */
export function leftOutNow(chosen: Chosen, readers: Readers, people: People): LeftOut[] {
  const reading = readers.readers.map(({ key }) => key).filter((key) => !people.isFormer(key));
  return absent({ ...chosen, lapsed: [] }, { ...readers, readers: [] }, people, reading);
}

/** Who joins the readers of a report by an edit: the header with them, or null for the one it has. */
export interface Joining {
  readonly header: Omit<Header, "recipients"> | null;
  readonly notes: readonly string[];
  readonly readers: Readers;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Delegates whose delegation acts on `report` once it says `meta`, and did not before. Null where the
 * session key has to be new: somebody was taken off, or a delegation acts no more (docs/spec/17 §3).
 */
export async function joiningReaders(
  vault: Vault,
  report: Report,
  meta: ReportMeta,
): Promise<Joining | null> {
  const readers = await readersNow(vault, report, await vault.index.readersOf(meta.id));
  const chosen = await delegatesFor(vault, meta);
  const { certificates, delegations } = chosen;
  const people = vault.people();
  const isDelegate = (key: string): boolean => certificates.some(({ keyId }) => people.same(keyId, key));
  const hasLapsed = readers.readers.some(({ key, delegation }) => delegation !== null && !isDelegate(key));
  if (hasLapsed || readers.removed.length > 0) return null;
  const joining = notTakenOff(certificates, readers, people).filter(({ keyId }) => !readers.readers.some(({ key }) => key === keyId));
  const leftOut = absent(chosen, readers, people, readers.readers.map(({ key }) => key));
  if (joining.length === 0) return { header: null, notes: [], readers, leftOut };
  const { octets, added } = await rewrap(report.packets, report.sessionKey, { add: joining });
  const [block, built] = await leaf(octets);
  const signing = { key: vault.key, created: formatTime(nowSeconds()), delegations };
  const noted = await noteReaders(meta.id, added, signing);
  const now = withAdded(readers, noted.readers, people);
  return { header: { block, built }, notes: noted.notes, readers: now, leftOut };
}

/**
 * The header of the next session key of `report`, whose next revision says `meta`. `among` are the keys
 * that a plan named: nobody else joins.
 */
export async function nextHeader(
  vault: Vault,
  report: Report,
  meta: ReportMeta,
  sessionKey: SessionKey,
  among: ReadonlySet<string> | null = null,
): Promise<NextHeader> {
  const { readers, certificates, delegations, leftOut } = await successors(vault, report, meta);
  const before = readers.readers.map(({ key }) => key);
  const next = [...certificates.values()].filter(({ keyId }) => among?.has(keyId) ?? true);
  return { ...(await sealedFor(vault, meta.id, sessionKey, next, delegations)), leftOut, before };
}

/** The header of a revision that is for its owner alone. */
export function ownHeader({ key }: Vault, sessionKey: SessionKey): Promise<Header> {
  return headerFor(sessionKey, [key.certificate]);
}

async function sealedFor(
  { key }: Vault,
  report: string,
  sessionKey: SessionKey,
  certificates: readonly Certificate[],
  delegations: ReadonlyMap<string, string>,
): Promise<Omit<NotedHeader, "leftOut">> {
  const header = await headerFor(sessionKey, [key.certificate, ...certificates]);
  const signing = { key, created: formatTime(nowSeconds()), delegations };
  return { header, noted: await noteReaders(report, header.recipients, signing) };
}
