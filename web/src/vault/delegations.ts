/**
 * Which delegations act on a report, by the user's own index (docs/spec/17-delegations.md §2). Nothing
 * here asks a server: a delegation acts because its note stands in the signed index, the certificate
 * pinned there verifies it, and no end stands in its place (threats MS-19, MS-20, RC-07).
 */
import type { Certificate } from "../crypto/certificates.ts";
import { readCarried } from "../crypto/notes.ts";
import { CLOCK_SKEW_SECONDS } from "../crypto/self-signatures.ts";
import { parseTime } from "../crypto/times.ts";
import type { WhyLeftOut } from "../engine/interface.ts";
import type { JsonObject } from "../json.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { checkRecipients } from "./contacts.ts";
import {
  ALL,
  END_CONTEXT,
  isWithin,
  openDelegation,
  readEnd,
  recordOf,
  type Delegation,
  type DelegationEnd,
  type Right,
  type Scope,
  type Words,
} from "./delegation.ts";
import type { ContactRow, People } from "./people.ts";

const MOST_LINKS = 8;
const NAMED_WHEN_LAPSED_SECONDS = 30 * 86_400;

/** What a delegation is held against: a meta, an entry of the index. */
export interface Facts {
  readonly owner: string;
  readonly subject: string;
  readonly category: string;
}

/**
 * Who reads a report besides its owner, by delegation. `delegations` tells, by key id of the
 * certificate, which it is by; `leftOut` are people who cannot be encrypted to now, `lapsed` those whose
 * delegation ran out less than 30 days ago.
 */
export interface Chosen {
  readonly certificates: readonly Certificate[];
  readonly delegations: ReadonlyMap<string, string>;
  readonly leftOut: readonly LeftOut[];
  readonly lapsed: readonly LeftOut[];
}

/** Somebody, by key id, who is not given a report. */
export interface LeftOut {
  readonly key: string;
  readonly why: WhyLeftOut;
}

/** Whether a row of the table says that a delegation has ended. */
export function isEnd(row: JsonObject): boolean {
  const { note } = row;
  return typeof note === "string" && note.startsWith(`${END_CONTEXT}\n`);
}

/** The delegations of one index, given and received, each verified once. */
export class Delegations {
  readonly ended = new Map<string, DelegationEnd>();
  private readonly people: People;
  private readonly contacts: ReadonlyMap<string, ContactRow>;
  private readonly live = new Map<string, Delegation>();

  private constructor(people: People, contacts: readonly ContactRow[]) {
    this.people = people;
    this.contacts = new Map(contacts.map((contact) => [contact.key, contact]));
  }

  /** What does not verify is left out: it acts on nothing. */
  static async of(
    rows: readonly JsonObject[],
    people: People,
    contacts: readonly ContactRow[],
  ): Promise<Delegations> {
    const found = new Delegations(people, contacts);
    for (const row of rows) await found.take(row);
    return found;
  }

  private async take(row: JsonObject): Promise<void> {
    try {
      if (isEnd(row)) {
        const end = readEnd(readCarried(row, END_CONTEXT).body);
        this.ended.set(end.delegation, end);
      } else {
        const delegation = await openDelegation(row, this.people);
        this.live.set(delegation.id, delegation);
      }
    } catch (error) {
      if (!isRefusal(error, "note-refused", "delegation-refused", "certificate-refused")) throw error;
    }
  }

  /** Those that have not ended and whose notes verify. */
  all(): Delegation[] {
    return [...this.live.values()];
  }

  find(id: string): Delegation | undefined {
    return this.live.get(id);
  }

  /** Those about the user's own record: by her, or passed on and confirmed by her. */
  given(): Delegation[] {
    return this.all().filter((each) => this.people.isMe(recordOf(each)));
  }

  /** What was passed on from a delegation, however far. */
  below(id: string): Delegation[] {
    const found = new Set<Delegation>();
    for (let parents = [id]; parents.length > 0; ) {
      const children = this.all().filter((each) => each.parent !== null && parents.includes(each.parent) && !found.has(each));
      for (const child of children) found.add(child);
      parents = children.map((child) => child.id);
    }
    return [...found];
  }

  received(): Delegation[] {
    return this.all().filter(({ to }) => this.people.isMe(to));
  }

  /** Whether it is in force at `at` (seconds) with `right`, whatever the report. */
  acts(delegation: Delegation, at: number, right: Right): boolean {
    try {
      this.requireChain(delegation, at);
    } catch (error) {
      if (!isRefusal(error, "delegation-refused")) throw error;
      return false;
    }
    return delegation.rights.includes(right);
  }

  /** Those that act on a report of the user's own, the one that counts first for each person. */
  acting(facts: Facts, profession: string | null, at: number, right: Right): Delegation[] {
    if (!this.people.isMe(facts.owner)) return [];
    return this.given()
      .filter((each) => this.covers(each, facts, profession) && this.acts(each, at, right))
      .sort((a, b) => parseTime(b.expires) - parseTime(a.expires) || (a.id < b.id ? -1 : 1));
  }

  /** Whether the report is among those that a delegation is about. */
  covers({ subjects, categories, professions }: Scope, facts: Facts, profession: string | null): boolean {
    return (
      this.hasSubject(subjects, facts.subject) &&
      (categories === ALL || categories.includes(facts.category)) &&
      (professions === ALL || (profession !== null && professions.includes(profession)))
    );
  }

  /** Whom a report that is sealed at `at` is encrypted to besides its owner. */
  async readers(facts: Facts, profession: string | null, at: number): Promise<Chosen> {
    const certificates: Certificate[] = [];
    const delegations = new Map<string, string>();
    const leftOut: LeftOut[] = [];
    const seen = new Set<string>();
    for (const { id, to } of this.acting(facts, profession, at, "read")) {
      const person = this.people.person(to);
      if (seen.has(person) || this.people.isMe(person)) continue;
      seen.add(person);
      const found = await this.usable(person);
      if (typeof found === "string") {
        leftOut.push({ key: person, why: found });
      } else {
        certificates.push(found);
        delegations.set(found.keyId, id);
      }
    }
    return { certificates, delegations, leftOut, lapsed: this.lapsed(facts, profession, at, seen) };
  }

  private async usable(person: string): Promise<Certificate | WhyLeftOut> {
    const contact = this.contacts.get(person);
    if (contact === undefined) return "stranger";
    try {
      // More than one report: only a verified contact will do.
      const [certificate] = await checkRecipients([contact], 2);
      return certificate!;
    } catch (error) {
      const why = whyNot(error);
      if (why === null) throw error;
      return why;
    }
  }

  /** Whose delegation acted on such a report until it ran out, a while ago. */
  private lapsed(facts: Facts, profession: string | null, at: number, seen: ReadonlySet<string>): LeftOut[] {
    if (!this.people.isMe(facts.owner)) return [];
    const over = this.given().filter((each) => {
      const end = parseTime(each.expires);
      const isRecent = at > end + CLOCK_SKEW_SECONDS && at <= end + NAMED_WHEN_LAPSED_SECONDS;
      return isRecent && this.covers(each, facts, profession) && this.acts(each, end, "read");
    });
    const persons = new Set(over.map(({ to }) => this.people.person(to)));
    const named = [...persons].filter((person) => !seen.has(person) && !this.people.isMe(person));
    return named.map((key) => ({ key, why: "lapsed" }));
  }

  /** Whether `author` may have stored a report for the user, at each of `times`. */
  mayUpload(author: string, facts: Facts, profession: string | null, times: readonly number[]): boolean {
    return times.every((at) =>
      this.acting(facts, profession, at, "upload").some(({ to }) => this.people.same(to, author)),
    );
  }

  /** The received delegation by which the user may store a report for its owner at `at`. */
  uploadRight(facts: Facts, profession: string | null, at: number): Delegation | undefined {
    return this.uploadRights(at).find(
      (each) => this.people.same(recordOf(each), facts.owner) && this.covers(each, facts, profession),
    );
  }

  /** Those by which the user may store for others at `at`. Their owners' indexes have the last word. */
  uploadRights(at: number): Delegation[] {
    return this.received().filter((each) => each.rights.includes("upload") && isInTime(each, at));
  }

  /** Throws `delegation-refused` where a re-delegation reaches further than what it passes on. */
  checkPassedOn(delegation: Delegation, at: number): void {
    this.requireChain(delegation, at);
  }

  private requireChain(delegation: Delegation, at: number): void {
    let child = delegation;
    for (let link = 0; link < MOST_LINKS; link++) {
      if (this.ended.has(child.id) || !isInTime(child, at)) {
        throw refused("The delegation is over, or has not begun.");
      }
      if (child.parent === null) {
        if (!this.people.isMe(child.from)) throw refused("The delegation is not yours to give.");
        return;
      }
      const parent = this.live.get(child.parent);
      if (parent === undefined) throw refused("What the delegation passes on has ended or is unknown.");
      this.requireSubset(child, parent);
      child = parent;
    }
    throw refused(`A delegation is passed on at most ${MOST_LINKS} times.`);
  }

  private requireSubset(child: Delegation, parent: Delegation): void {
    if (!this.people.same(child.from, parent.to)) {
      throw refused("The delegation is passed on by somebody who does not hold it.");
    }
    if (!this.people.isMe(recordOf(child))) throw refused("The delegation is about somebody else's record.");
    if (!parent.rights.includes("redelegate")) throw refused("The delegation may not be passed on.");
    const isSubset =
      child.rights.every((right) => parent.rights.includes(right)) &&
      isWithin(child, parent) &&
      child.expires <= parent.expires;
    if (!isSubset) throw refused("The delegation reaches further than the one it passes on.");
  }

  private hasSubject(subjects: Words, subject: string): boolean {
    if (subjects === ALL || subjects.includes(subject)) return true;
    return subjects.some((each) => this.people.same(each, subject));
  }
}

/** Why `checkRecipients` refused somebody; null for another error. */
export function whyNot(error: unknown): WhyLeftOut | null {
  if (isRefusal(error, "forbidden")) return "unverified";
  if (isRefusal(error, "certificate-changed")) return "changed";
  return isRefusal(error, "certificate-refused") ? "unusable" : null;
}

/** Throws `recipient-refused` when a server counts other recipients than were sealed (MS-19). */
export function requireCounted(sealed: number, counted: number): void {
  if (sealed === counted) return;
  throw refusal("recipient-refused", `The server names ${counted} recipients; this app encrypted to ${sealed}.`);
}

function isInTime({ created, expires }: Delegation, at: number): boolean {
  return parseTime(created) - CLOCK_SKEW_SECONDS <= at && at <= parseTime(expires) + CLOCK_SKEW_SECONDS;
}

function refused(message: string): Error {
  return refusal("delegation-refused", message);
}
