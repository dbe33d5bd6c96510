/**
 * Giving delegations, taking them in, ending them (docs/spec/17-delegations.md). The index alone says
 * which act; what a server lists or hides is no permission and no end.
 */
import type { Certificate } from "../crypto/certificates.ts";
import type { CarriedNote } from "../crypto/notes.ts";
import { formatTime, nowSeconds, parseTime } from "../crypto/times.ts";
import type {
  Delegation as Shown,
  Ended,
  NewDelegation,
  Readable,
  Scope,
  ShareOutcome,
  ShareProgress,
  UploadRight,
  WhyLeftOut,
} from "../engine/interface.ts";
import { invalid, isRefusal, refusal } from "../refusal.ts";
import { checkRecipients, hasChanged, usableCertificate } from "../vault/contacts.ts";
import { delegationBody, isWithin, recordOf, signDelegation, signEnd, type Delegation } from "../vault/delegation.ts";
import { whyNot } from "../vault/delegations.ts";
import { contactsOf, DELEGATIONS, reportsOf, rowKey, rowsOf } from "../vault/index/state.ts";
import { isHeldBack, type ContactRow } from "../vault/people.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import { makeId } from "../vault/words.ts";
import type { Contacts } from "./contacts.ts";
import { openReport } from "./fetching.ts";
import { keep, keptOf, letGo } from "./kept.ts";
import { sendMessage } from "./messages.ts";
import { namesOf, tellLeftOut } from "./naming.ts";
import { goOn as goOnWithNew } from "./newly-stored.ts";
import { forget, goThrough, keepPast, leftUndone, notOpenYet } from "./past.ts";
import { earlierByReport, holdersByReport } from "./readers.ts";
import { delegationsOf } from "./recipients.ts";
import { Sharer } from "./sharer.ts";
import { forbid, goOn as goOnForbidding, permit } from "./uploaders.ts";
import type { Vault } from "./vault.ts";

/** An end, and the keys of those to whom it is told. */
interface End {
  readonly note: CarriedNote;
  readonly holders: readonly string[];
}

export class Delegating {
  private readonly vault: Vault;
  private readonly contacts: Contacts;

  constructor(vault: Vault, contacts: Contacts) {
    this.vault = vault;
    this.contacts = contacts;
  }

  /** Those in the index that verify and have not ended, newest first. */
  async list(): Promise<Shown[]> {
    const found = (await delegationsOf(this.vault)).all();
    return found.map((each) => this.shown(each)).sort((a, b) => (a.created < b.created ? 1 : -1));
  }

  /**
   * Gives a delegation: signed, entered in the index, told to the other. The same again is only told
   * once more: an earlier try may have ended before that. Throws `forbidden` for a contact who is not
   * verified or where the owner of the record is none, `certificate-changed`, `invalid-input`,
   * `delegation-refused` for one that reaches further than what it passes on.
   */
  async give(request: NewDelegation): Promise<Shown> {
    const { vault } = this;
    const { contact } = await this.contacts.lookUp(request.to);
    await verifiedCertificate(contact);
    const parent = request.parent === null ? null : await this.passable(request.parent);
    const drafted = this.drafted(request, contact, parent);
    if (parent !== null) requireWithin(drafted, parent);
    const concerned = this.concerned(holdersOf(drafted));
    if (parent !== null && !concerned.some(({ key }) => vault.people().same(key, recordOf(drafted)))) {
      throw refusal("forbidden", "The owner of the record is none of your contacts. Find them first.");
    }
    const audience = await this.audience(concerned);
    const known = (await delegationsOf(vault)).all().find((each) => isSame(each, drafted));
    const note = known === undefined ? await signDelegation(vault.key, drafted) : this.noteOf(known);
    await this.enter(known ?? drafted, note);
    await sendMessage(vault, note, audience, "delegation");
    return this.shown(known ?? drafted);
  }

  /** The server may refuse the permission, which says nothing without the delegation: so it is asked first. */
  private async enter(delegation: Delegation, note: CarriedNote): Promise<void> {
    const { vault } = this;
    try {
      if (vault.people().isMe(recordOf(delegation))) await permit(vault, delegation);
      await vault.index.change([{ kind: "put-delegation", delegation: note }]);
    } catch (error) {
      await this.takeBack(delegation).catch(() => {}); // it runs out by itself
      throw error;
    }
  }

  /** Takes the permission back of what is not in the index. */
  private async takeBack(delegation: Delegation): Promise<void> {
    await this.vault.index.refresh();
    if ((await delegationsOf(this.vault)).find(delegation.id) === undefined) await forbid(this.vault, [delegation]);
  }

  private noteOf({ id }: Delegation): CarriedNote {
    const rows = [...rowsOf(this.vault.index.state, DELEGATIONS)];
    return rows.find((row) => rowKey(DELEGATIONS, row) === id) as CarriedNote;
  }

  private drafted(request: NewDelegation, contact: ContactRow, parent: Delegation | null): Delegation {
    const { subjects, categories, professions, rights, expires } = request;
    return {
      id: makeId(),
      from: this.vault.key.keyId,
      to: contact.key,
      ...{ subjects, categories, professions, rights, expires },
      parent: request.parent,
      owner: parent === null ? null : recordOf(parent),
      email: parent === null ? null : contact.email,
      created: formatTime(nowSeconds()),
      extra: {},
    };
  }

  private async passable(id: string): Promise<Delegation> {
    const parent = (await delegationsOf(this.vault)).find(id);
    if (parent === undefined || !this.vault.people().isMe(parent.to)) {
      throw refusal("not-found", "You hold no such delegation.");
    }
    return parent;
  }

  /**
   * Ends a delegation and all below it: from the change of the index on, nothing is sealed for those
   * persons. Whom the end could not be told is told nothing: what counts stands in the index.
   */
  async end(id: string): Promise<Ended> {
    const { vault } = this;
    const delegations = await delegationsOf(vault);
    const delegation = delegations.find(id);
    if (delegation === undefined) throw refusal("not-found", "There is no such delegation.");
    const people = vault.people();
    if (!people.isMe(delegation.from) && !people.isMe(recordOf(delegation))) {
      throw refusal("forbidden", "Only who gave a delegation, or whose record it is about, ends it.");
    }
    const fallen = [delegation, ...delegations.below(id)];
    const created = formatTime(nowSeconds());
    const notes = await Promise.all(fallen.map((each) => signEnd(vault.key, { delegation: each.id, created })));
    const ends = fallen.map((each, place): End => ({ note: notes[place]!, holders: holdersOf(each) }));
    // Before the page can be closed on it: no list of hers names them afterwards. A full browser stops nothing.
    for (const [place, each] of fallen.entries()) await keep(vault, "end", each.id, ends[place]!).catch(() => {});
    await vault.index.change(notes.map((note) => ({ kind: "put-delegation", delegation: note })));
    const isServerTold = await forbid(vault, fallen);
    for (const [place, each] of fallen.entries()) await this.tellEnd(each.id, ends[place]!);
    return { delegation: this.shown(delegation), ...(await this.readableBy(fallen.map(({ to }) => to))), isServerTold };
  }

  private async tellEnd(id: string, { note, holders }: End): Promise<void> {
    for (const contact of this.concerned(holders)) {
      try {
        await sendMessage(this.vault, note, await this.audience([contact]), "delegation-end");
      } catch (error) {
        // The vault was locked on it: the next page sends it.
        if (!isRefusal(error) || isRefusal(error, "interrupted")) throw error;
      }
    }
    await letGo(this.vault, "end", id);
  }

  /** Tells of ends that an earlier page was closed on. */
  private async tellEnds(): Promise<void> {
    const { ended } = await delegationsOf(this.vault);
    for (const { name, value } of await keptOf(this.vault, "end")) {
      if (ended.has(name)) await this.tellEnd(name, value as End);
      else await letGo(this.vault, "end", name); // closed before the index had it: nothing has ended
    }
  }

  /** The contacts to whom a note goes: who holds the delegation and, of one passed on, whose record it is. */
  private concerned(keys: readonly string[]): ContactRow[] {
    const people = this.vault.people();
    return contactsOf(this.vault.index.state).filter((contact) => keys.some((key) => people.same(key, contact.key)));
  }

  /** Throws `certificate-changed`, `certificate-refused`. */
  private async audience(contacts: readonly ContactRow[]) {
    const certificates = [this.vault.key.certificate, ...(await checkRecipients(contacts, 1))];
    return { certificates, emails: contacts.map(({ email }) => email) };
  }

  /**
   * The user's own reports that any of these persons can open, under whichever key, until a new session key;
   * and those of them whose earlier versions alone open, until a re-key.
   */
  private async readableBy(persons: readonly string[]): Promise<Readable> {
    const { vault } = this;
    const people = vault.people();
    const isWanted = (key: string): boolean => persons.some((person) => people.same(key, person));
    const [now, before] = [await holdersByReport(vault), await earlierByReport(vault)];
    const isNow = (id: string): boolean => now.get(id)?.some(isWanted) ?? false;
    const isOpen = (id: string): boolean => isNow(id) || (before.get(id)?.some(isWanted) ?? false);
    const own = [...reportsOf(vault.index.state)].filter(({ id, owner }) => people.isMe(owner) && isOpen(id));
    const all = own.map(({ id }) => id);
    return { stillReadable: all, earlier: all.filter((id) => !isNow(id)) };
  }

  /** What a contact can still open of the user's own reports, by the index. */
  stillReadable(email: string): Promise<Readable> {
    return this.readableBy([this.contacts.known(email).key]);
  }

  /** Who lets this user store for them now, and what. */
  async uploadRights(): Promise<UploadRight[]> {
    const nameOf = namesOf(this.vault);
    const people = this.vault.people();
    return (await delegationsOf(this.vault)).uploadRights(nowSeconds()).flatMap((each) => {
      const owner = nameOf(people.person(recordOf(each)));
      const { subjects, categories, professions, expires } = each;
      return owner.email === null ? [] : [{ owner, subjects, categories, professions, expires }];
    });
  }

  // -- what a delegation is about

  /** Reports of one's own, outside the trash, that a scope is about now. */
  async reportsIn(scope: Scope): Promise<string[]> {
    return (await this.entriesIn(scope)).map(({ id }) => id);
  }

  private async entriesIn(scope: Scope): Promise<ReportEntry[]> {
    const { vault } = this;
    const people = vault.people();
    const delegations = await delegationsOf(vault);
    const found: ReportEntry[] = [];
    for (const entry of reportsOf(vault.index.state)) {
      if (entry.deleted !== null || !people.isMe(entry.owner)) continue;
      if (!delegations.covers({ ...scope, professions: "*" }, entry, null)) continue;
      if (scope.professions !== "*") {
        // The index has no professions: the report's own signed note says.
        const { profession } = (await openReport(vault, entry)).meta;
        if (!delegations.covers(scope, entry, profession)) continue;
      }
      found.push(entry);
    }
    return found;
  }

  /**
   * Adds the delegate to reports of the past; who reads one already is passed over. Until it is through,
   * also where the delegate cannot be encrypted to now, the next opening of the vault goes on with it (`goOn`).
   */
  async applyToPast(
    id: string,
    onProgress: ((progress: ShareProgress) => void) | undefined,
  ): Promise<ShareOutcome[]> {
    const { vault } = this;
    const delegation = await this.readable(id);
    await keepPast(vault, id);
    const certificate = await verifiedCertificate(this.contactOf(delegation));
    const parts = { vault, sharer: new Sharer(vault, this.contacts) };
    return goThrough(parts, delegation, certificate, await this.entriesIn(delegation), onProgress);
  }

  /** A delegation by which somebody reads of one's own record now; throws `not-found`, `delegation-refused`. */
  private async readable(id: string): Promise<Delegation> {
    const { vault } = this;
    // Another device may have ended it.
    await vault.index.refresh();
    const delegations = await delegationsOf(vault);
    const delegation = delegations.find(id);
    if (delegation === undefined) throw refusal("not-found", "There is no such delegation.");
    if (!delegations.acts(delegation, nowSeconds(), "read") || !vault.people().isMe(recordOf(delegation))) {
      throw refusal("delegation-refused", "This delegation lets nobody read reports of yours now.");
    }
    return delegation;
  }

  /** Tells the server what it could not be told of ended delegations. */
  tellServer(): Promise<void> {
    return goOnForbidding(this.vault);
  }

  /** Goes on with what an earlier page was stopped in; what holds no more is let go, who is left out is named. */
  async goOn(): Promise<void> {
    await this.tellServer();
    await this.tellEnds();
    await goOnWithNew(this.vault);
    for (const id of await leftUndone(this.vault)) {
      try {
        await this.applyToPast(id, undefined);
      } catch (error) {
        const why = whyNot(error);
        if (why !== null) await this.tellLeftOut(id, why);
        else if (isRefusal(error, "not-found", "delegation-refused")) await forget(this.vault, id);
        else throw error;
      }
    }
  }

  /** Names the delegate beside the reports that wait for her; with none there is nothing to go through. */
  private async tellLeftOut(id: string, why: WhyLeftOut): Promise<void> {
    const delegation = await this.readable(id);
    const waiting = await notOpenYet(this.vault, delegation.to, await this.entriesIn(delegation));
    const person = this.vault.people().person(delegation.to);
    for (const entry of waiting) tellLeftOut(this.vault, entry.id, [{ key: person, why }]);
    if (waiting.length === 0) await forget(this.vault, id);
  }

  private contactOf({ to }: Delegation): ContactRow {
    const people = this.vault.people();
    const contact = contactsOf(this.vault.index.state).find(({ key }) => people.same(key, to));
    if (contact === undefined) throw refusal("not-found", "The person is no contact of yours.");
    return contact;
  }

  /** Throws `delegation-refused` for a re-delegation that reaches too far, `forbidden` unless verified. */
  async confirm(delegation: Delegation, note: CarriedNote): Promise<void> {
    const { vault } = this;
    const delegations = await delegationsOf(vault);
    delegations.checkPassedOn(delegation, nowSeconds());
    const { contact } = await this.contacts.lookUp(delegation.email!);
    await verifiedCertificate(contact);
    if (contact.key !== delegation.to) {
      throw refusal("certificate-changed", "The delegation is to another key than this person's.", {
        person: contact.email,
      });
    }
    await this.enter(delegation, note);
  }

  shown(delegation: Delegation, isWaiting = false): Shown {
    const nameOf = namesOf(this.vault);
    const people = this.vault.people();
    const { id, from, to, subjects, categories, professions, rights, parent, created, expires } = delegation;
    const isPassedOn = parent !== null && people.isMe(recordOf(delegation));
    return {
      ...{ id, subjects, categories, professions, rights, parent, created, expires },
      from: nameOf(from),
      to: nameOf(to),
      state: isWaiting ? "waiting" : stateOf(delegation),
      side: isPassedOn ? "passed-on" : people.isMe(to) ? "received" : "given",
    };
  }
}

function stateOf({ created, expires }: Delegation): Shown["state"] {
  const now = nowSeconds();
  if (now > parseTime(expires)) return "expired";
  return now < parseTime(created) - 600 ? "waiting" : "active";
}

/** A delegation is more than one report: only a verified contact will do. */
async function verifiedCertificate(contact: ContactRow): Promise<Certificate> {
  if (isHeldBack(contact)) throw hasChanged(contact);
  if (contact.state !== "verified") {
    throw refusal("forbidden", "A delegation needs somebody whose number was compared.", { person: contact.email });
  }
  return usableCertificate(contact);
}

/** Whether two delegations say the same, whenever they were made. */
function isSame(one: Delegation, other: Delegation): boolean {
  const said = (each: Delegation): string => JSON.stringify(delegationBody({ ...each, id: "", created: "" }));
  return said(one) === said(other);
}

/** Only the owner's index decides; but one that cannot be confirmed is not sent at all. */
function requireWithin(delegation: Delegation, parent: Delegation): void {
  const isSubset =
    parent.rights.includes("redelegate") &&
    delegation.rights.every((right) => parent.rights.includes(right)) &&
    isWithin(delegation, parent);
  if (!isSubset) throw refusal("delegation-refused", "What is passed on reaches further than what you hold.");
  if (delegation.expires > parent.expires) {
    throw invalid("expires", "too-late", "What is passed on ends no later than what you hold.");
  }
}

/** Keys of who holds a delegation and of whose record it is about. */
function holdersOf(delegation: Delegation): string[] {
  return [delegation.to, recordOf(delegation)];
}
