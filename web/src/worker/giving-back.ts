/**
 * Giving back to somebody who lost her key, and being given back (docs/spec/19-re-key-and-give-back.md
 * §4 and §5). A request is nobody's message: it is a contact whose key changed, and reports of hers
 * that this vault holds. The safety number stands between a lost key and a server that only says so.
 */
import * as answers from "../api/answers.ts";
import type { Answer } from "../api/transport.ts";
import type { Request, ShareOutcome, ShareProgress } from "../engine/interface.ts";
import { EngineError, isIntegrity, isRefusal, refusal } from "../refusal.ts";
import { hasChanged, usableCertificate } from "../vault/contacts.ts";
import { asOpenedBy, checkGivenBack, isTakenOff, keysBefore, theirs, type GivenBack } from "../vault/give-back.ts";
import type { Change } from "../vault/index/changes.ts";
import { contactsOf, findReport, isPurged, peopleOf, reportsOf } from "../vault/index/state.ts";
import { isHeldBack, type ContactRow, type FormerKey, type People } from "../vault/people.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import { readReport, type Report } from "../vault/report.ts";
import type { OpenedShare } from "../vault/share-note.ts";
import { Contacts, shown } from "./contacts.ts";
import { notesOf } from "./notes.ts";
import { readersNow } from "./readers.ts";
import { entryNow } from "./revisions.ts";
import { isOutage, outcome, Sharer } from "./sharer.ts";
import type { Vault } from "./vault.ts";

const PAGE_ITEMS = 1000;
const MOST_PAGES = 500;
const GIVE = "give-back:";
const FORMER = "former-key:";

/** What others gave back under one former key; it waits until the user says that it was hers. */
interface Found {
  readonly former: FormerKey;
  readonly reports: readonly Report[];
}

export class GivingBack {
  private readonly vault: Vault;
  private readonly contacts: Contacts;
  private found = new Map<string, Found>();
  private own: readonly string[] | null = null;
  /** What the server's list of shared reports named at the last look. */
  private shared: ReadonlySet<string> | null = null;

  constructor(vault: Vault, contacts: Contacts) {
    this.vault = vault;
    this.contacts = contacts;
  }

  /** Asks the server whose key is new, and what was given back to this user. */
  async look(): Promise<void> {
    const shared: Answer[] = [];
    for await (const item of pages(this.vault, "/shared")) shared.push(item);
    this.shared = new Set(shared.map(reportOf));
    await this.notice(shared);
    this.found = await this.lookForOwn(shared);
  }

  /** What waits, by the index as it is now and by the last look. */
  async requests(): Promise<Request[]> {
    const requests: Request[] = [];
    for (const contact of contactsOf(this.vault.index.state)) {
      const { held, closed } = await this.heldOf(contact);
      const [first] = held;
      if (first === undefined) continue;
      const keys = keysBefore(contact);
      requests.push({
        kind: "give-back",
        id: GIVE + contact.email,
        person: await shown(contact),
        formerKey: keys.has(first.owner) ? first.owner : first.author,
        reports: held.map(({ id }) => id),
        closed: closed.map(({ id }) => id),
      });
    }
    for (const [key, { reports }] of this.found) {
      requests.push({ kind: "former-key", id: FORMER + key, key, reports: reports.map(({ meta }) => meta.id) });
    }
    return requests;
  }

  /** Whether `id` names a request of this kind; `grant` says yes to it. */
  isRequest(id: string): boolean {
    return id.startsWith(GIVE) || id.startsWith(FORMER);
  }

  async grant(
    id: string,
    onProgress: ((progress: ShareProgress) => void) | undefined,
  ): Promise<ShareOutcome[]> {
    if (id.startsWith(GIVE)) return this.giveBack(id.slice(GIVE.length), onProgress);
    return this.confirm(id.slice(FORMER.length), onProgress);
  }

  /**
   * Lets a contact whose new key was compared read again all that this vault holds of hers; again goes
   * on with what failed. Throws `certificate-changed` until the numbers were compared.
   */
  private async giveBack(
    email: string,
    onProgress: ((progress: ShareProgress) => void) | undefined,
  ): Promise<ShareOutcome[]> {
    const { contact } = await this.contacts.lookUp(email);
    if (isHeldBack(contact) || contact.state !== "verified") throw hasChanged(contact);
    const certificate = await usableCertificate(contact);
    const sharer = new Sharer(this.vault, this.contacts);
    const plan = sharer.adding([contact], [certificate]);
    return sharer.each((await this.heldOf(contact)).held, { plan, retry: true }, onProgress);
  }

  /**
   * What is hers, has no packet noted for the key that she has now, and is nothing she was taken off.
   * `closed`: in her trash, or shared no more, as far as was looked: the server lets nobody add her to it.
   */
  private async heldOf(contact: ContactRow): Promise<{ held: ReportEntry[]; closed: ReportEntry[] }> {
    const [held, closed]: [ReportEntry[], ReportEntry[]] = [[], []];
    if (keysBefore(contact).size === 0) return { held, closed };
    const { index } = this.vault;
    const people = this.vault.people();
    const isCompared = contact.state !== "changed";
    for (const entry of theirs(contact, reportsOf(index.state))) {
      const readers = await index.readersOf(entry.id);
      if (isTakenOff(contact, entry, readers, people)) continue;
      if (isCompared && readers.readers.some(({ key }) => key === contact.key)) continue;
      const isClosed = this.shared !== null && !people.isMe(entry.owner) && !this.shared.has(entry.id);
      (isClosed ? closed : held).push(entry);
    }
    return { held, closed };
  }

  /** Looks up contacts whose key, by the server's own list, is not the one that shared. */
  private async notice(shared: readonly Answer[]): Promise<void> {
    const emails = new Set<string>();
    for (const item of shared) {
      if (item["sharer"] === null) continue;
      const { email, certificate } = answers.part(item, "sharer");
      const contact = contactsOf(this.vault.index.state).find((each) => each.email === email);
      const isTheirs = contact?.key === answers.part(item, "share")["sharer"];
      if (contact !== undefined && isTheirs && certificate !== contact.certificate) emails.add(contact.email);
    }
    for (const email of emails) await this.contacts.lookUp(email);
  }

  // -- who lost a key

  private async lookForOwn(shared: readonly Answer[]): Promise<Map<string, Found>> {
    const found = new Map<string, { former: FormerKey; reports: Report[] }>();
    for (const id of await this.candidates(shared)) {
      const given = await this.open(id);
      if (given === null) continue;
      const { key } = given.former;
      if (!found.has(key)) found.set(key, { former: given.former, reports: [] });
      found.get(key)!.reports.push(given.report);
    }
    return found;
  }

  /** Reports that the server names: her own that wait, and shared ones that the index does not have. */
  private async candidates(shared: readonly Answer[]): Promise<Set<string>> {
    const { state } = this.vault.index;
    this.own ??= await this.ownUnknown();
    const others = shared.map(reportOf);
    const unknown = others.filter((id) => findReport(state, id) === undefined);
    return new Set([...this.waitingOf(this.own), ...unknown]);
  }

  /** Her own reports that wait: the whole list is read once while the vault is open. */
  private async ownUnknown(): Promise<string[]> {
    const found: string[] = [];
    for await (const item of pages(this.vault, "/reports")) found.push(answers.text(item, "id"));
    return this.waitingOf(found);
  }

  /** Those of her own reports that the index does not have, or has under a key of nobody's that it knows. */
  private waitingOf(ids: readonly string[]): string[] {
    const { state } = this.vault.index;
    const people = this.vault.people();
    return ids.filter((id) => {
      const row = findReport(state, id);
      return row === undefined || (!isPurged(row) && !people.isKnown((row as ReportEntry).owner));
    });
  }

  /** Reports in her trash that this vault does not have: put there under a key that she lost. */
  async lockedInTrash(): Promise<string[]> {
    const { state } = this.vault.index;
    const found: string[] = [];
    for await (const item of pages(this.vault, "/reports", { trash: "true" })) found.push(answers.text(item, "id"));
    return found.filter((id) => findReport(state, id) === undefined);
  }

  /** Takes such reports out of the trash: only there can those who hold them give them back. */
  async takeOut(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      await this.vault.transport.call("POST", `/reports/${id}/restore`, { body: {}, isRepeatable: true });
    }
    this.own = null;
  }

  /** The report, if a note gives it back and all of it holds; null where it does not. */
  private async open(id: string): Promise<GivenBack | null> {
    for await (const said of notesOf(this.vault, id)) {
      const { reader, former } = said.share;
      if (reader !== this.vault.key.keyId || former === null) continue;
      try {
        return await this.judge(id, said, former);
      } catch (error) {
        // Another note may give it back; a lie is not shown at all.
        const isExpected = isIntegrity(error) || isRefusal(error, "invalid-input", "not-found", "block-missing");
        if (!isExpected) throw error;
      }
    }
    return null;
  }

  private async judge(id: string, said: OpenedShare, former: FormerKey): Promise<GivenBack> {
    const { key, gateways, index } = this.vault;
    const report = await readReport(gateways, await this.rootOf(id), key, this.asIf(former), { id });
    const opened = await asOpenedBy(report, said.share.pkesk, key);
    const contacts = contactsOf(index.state);
    return checkGivenBack(opened, said, { me: key.certificate, people: this.vault.people(), contacts });
  }

  private async rootOf(id: string): Promise<string> {
    return answers.text(await this.vault.transport.call("GET", `/reports/${id}`), "root");
  }

  /** Whom the user knows, with the former key as if it were confirmed: to judge what it signed. */
  private asIf(former: FormerKey): People {
    return peopleOf(this.vault.index.state, this.vault.key.certificate, [former]);
  }

  /**
   * Enters that the former key was the user's own, the reports that are hers again, and who reads them: in one
   * change, as what the index has is not found any more and would stay without its readers. A report whose
   * readers cannot be had now stops no other, and goes on waiting; in an outage nothing is entered.
   */
  private async confirm(
    key: string,
    onProgress: ((progress: ShareProgress) => void) | undefined,
  ): Promise<ShareOutcome[]> {
    const found = this.found.get(key);
    if (found === undefined) throw refusal("not-found", "There is no such request.");
    const changes: Change[] = [{ kind: "put-former-key", former: found.former }];
    const outcomes: ShareOutcome[] = [];
    const waiting: Report[] = [];
    for (const report of found.reports) {
      try {
        changes.push(await this.hersAgain(report, found.former));
        outcomes.push(outcome(entryNow(report), "done"));
      } catch (error) {
        const isListed = findReport(this.vault.index.state, report.meta.id) !== undefined;
        if (!(error instanceof EngineError) || isOutage(error) || isListed) throw error;
        outcomes.push(outcome(entryNow(report), "failed", { error }));
        waiting.push(report);
      }
      onProgress?.({ done: outcomes.length, total: found.reports.length });
    }
    await this.vault.index.change(changes);
    if (waiting.length > 0) this.found.set(key, { ...found, reports: waiting });
    else this.found.delete(key);
    return outcomes;
  }

  /** A report as it is now, and who reads it: notes that her former key signed count as well. */
  private async hersAgain(found: Report, former: FormerKey): Promise<Change> {
    const { gateways, index, key } = this.vault;
    const { id } = found.meta;
    const people = this.asIf(former);
    const root = await this.rootOf(id);
    const isSame = root === found.encrypted.root;
    const report = isSame ? found : await readReport(gateways, root, key, people, { entry: entryNow(found) });
    const readers = await readersNow(this.vault, report, await index.readersOf(id), people);
    return { kind: "put-report", entry: entryNow(report), readers };
  }
}

function reportOf(item: Answer): string {
  return answers.text(answers.part(item, "share"), "report");
}

async function* pages(vault: Vault, path: string, chosen: { trash?: "true" } = {}): AsyncGenerator<Answer> {
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer: Answer = await vault.transport.call("GET", path, { query: { limit: PAGE_ITEMS, after, ...chosen } });
    yield* answers.parts(answer, "items");
    after = answers.textOrNull(answer, "next");
    if (after === null) return;
  }
}
