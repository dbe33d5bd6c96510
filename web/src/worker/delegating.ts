/**
 * Giving delegations, taking them in, ending them (docs/spec/17-delegations.md). The index alone says
 * which act; what a server lists or hides is no permission and no end.
 */
import type { Certificate } from "../crypto/certificates.ts";
import type { CarriedNote } from "../crypto/notes.ts";
import { formatTime, nowSeconds, parseTime } from "../crypto/times.ts";
import type { Delegation as Shown, Ended, NewDelegation, Scope, ShareOutcome, ShareProgress, UploadRight } from "../engine/interface.ts";
import { invalid, isRefusal, refusal } from "../refusal.ts";
import { hasChanged, usableCertificate } from "../vault/contacts.ts";
import { isWithin, recordOf, signDelegation, signEnd, type Delegation } from "../vault/delegation.ts";
import { contactsOf, reportsOf } from "../vault/index/state.ts";
import { isHeldBack, type ContactRow } from "../vault/people.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import { makeId } from "../vault/words.ts";
import type { Contacts } from "./contacts.ts";
import { openReport } from "./fetching.ts";
import { sendMessage } from "./messages.ts";
import { namesOf } from "./naming.ts";
import { forget, goThrough, leftUndone } from "./past.ts";
import { readersByReport } from "./readers.ts";
import { delegationsOf } from "./recipients.ts";
import { Sharer } from "./sharer.ts";
import type { Vault } from "./vault.ts";

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
   * Gives a delegation: signed, told to the other, entered in the index. Throws `forbidden` for a
   * contact who is not verified, `certificate-changed`, `invalid-input`, `delegation-refused` for one
   * that reaches further than what it passes on.
   */
  async give(request: NewDelegation): Promise<Shown> {
    const { vault } = this;
    const { contact } = await this.contacts.lookUp(request.to);
    const certificate = await verifiedCertificate(contact);
    const parent = request.parent === null ? null : await this.passable(request.parent);
    const delegation = this.drafted(request, contact, parent);
    if (parent !== null) requireWithin(delegation, parent);
    const note = await signDelegation(vault.key, delegation);
    await this.announce(note, delegation, [contact], [certificate], "delegation");
    if (parent === null) await this.permit(delegation);
    await vault.index.change([{ kind: "put-delegation", delegation: note }]);
    return this.shown(delegation);
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
   * Ends a delegation: from the change of the index on, nothing is sealed for that person. Whom the
   * end could not be told is told nothing: what counts stands in the index.
   */
  async end(id: string): Promise<Ended> {
    const { vault } = this;
    const delegation = (await delegationsOf(vault)).find(id);
    if (delegation === undefined) throw refusal("not-found", "There is no such delegation.");
    const people = vault.people();
    if (!people.isMe(delegation.from) && !people.isMe(recordOf(delegation))) {
      throw refusal("forbidden", "Only who gave a delegation, or whose record it is about, ends it.");
    }
    const note = await signEnd(vault.key, { delegation: id, created: formatTime(nowSeconds()) });
    await vault.index.change([{ kind: "put-delegation", delegation: note }]);
    await this.forbid(delegation);
    const contact = contactsOf(vault.index.state).find(({ key }) => people.same(key, delegation.to));
    if (contact !== undefined) await this.tellEnd(note, delegation, contact);
    return { delegation: this.shown(delegation), stillReadable: await this.readableBy(delegation.to) };
  }

  private async tellEnd(note: CarriedNote, delegation: Delegation, contact: ContactRow): Promise<void> {
    try {
      const certificate = await usableCertificate(contact);
      await this.announce(note, delegation, [contact], [certificate], "delegation-end");
    } catch (error) {
      if (!isRefusal(error, "certificate-refused", "not-found", "too-many-attempts")) throw error;
    }
  }

  /** Sends a note to whom it concerns; one that is passed on to the owner of the record too. */
  private async announce(
    note: CarriedNote,
    delegation: Delegation,
    contacts: readonly ContactRow[],
    certificates: readonly Certificate[],
    kind: "delegation" | "delegation-end",
  ): Promise<void> {
    const { vault } = this;
    const all = [vault.key.certificate, ...certificates];
    const emails = contacts.map(({ email }) => email);
    const owner = contactsOf(vault.index.state).find(({ key }) => vault.people().same(key, recordOf(delegation)));
    if (owner !== undefined && !emails.includes(owner.email)) {
      all.push(await usableCertificate(owner));
      emails.push(owner.email);
    }
    await sendMessage(vault, note, { certificates: all, emails }, kind);
  }

  /** The right to upload is a plain permission at the server too, which has to know whose room it fills. */
  async permit({ to, rights, expires }: Delegation): Promise<void> {
    if (!rights.includes("upload")) return;
    await this.vault.transport.call("PUT", `/uploaders/${to}`, { body: { expires } });
  }

  private async forbid(ended: Delegation): Promise<void> {
    const { vault } = this;
    if (!ended.rights.includes("upload") || !vault.people().isMe(recordOf(ended))) return;
    const now = nowSeconds();
    const left = await delegationsOf(vault);
    const isStillHis = left.given().some((each) => each.to === ended.to && left.acts(each, now, "upload"));
    if (isStillHis) return;
    try {
      await vault.transport.call("DELETE", `/uploaders/${ended.to}`);
    } catch (error) {
      if (!isRefusal(error, "not-found")) throw error;
    }
  }

  /** Reports whose entry in the index names any key of a person. */
  private async readableBy(key: string): Promise<string[]> {
    const people = this.vault.people();
    const shared = await readersByReport(this.vault);
    return [...shared].filter(([, keys]) => keys.some((each) => people.same(each, key))).map(([id]) => id);
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
   * the next opening of the vault goes on with it (`goOn`).
   */
  async applyToPast(
    id: string,
    onProgress: ((progress: ShareProgress) => void) | undefined,
  ): Promise<ShareOutcome[]> {
    const { vault } = this;
    // Another device may have ended it.
    await vault.index.refresh();
    const delegations = await delegationsOf(vault);
    const delegation = delegations.find(id);
    if (delegation === undefined) throw refusal("not-found", "There is no such delegation.");
    if (!delegations.acts(delegation, nowSeconds(), "read") || !vault.people().isMe(recordOf(delegation))) {
      throw refusal("delegation-refused", "This delegation lets nobody read reports of yours now.");
    }
    const contact = this.contactOf(delegation);
    const certificate = await verifiedCertificate(contact);
    const parts = { vault, sharer: new Sharer(vault, this.contacts) };
    return goThrough(parts, delegation, certificate, await this.entriesIn(delegation), onProgress);
  }

  /** Goes on with what an earlier page was stopped in; what holds no more is let go. */
  async goOn(): Promise<void> {
    for (const id of await leftUndone(this.vault)) {
      try {
        await this.applyToPast(id, undefined);
      } catch (error) {
        if (!isRefusal(error, "not-found", "delegation-refused")) throw error;
        await forget(this.vault, id);
      }
    }
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
    await this.permit(delegation);
    await vault.index.change([{ kind: "put-delegation", delegation: note }]);
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
