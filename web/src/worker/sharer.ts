/**
 * Sharing reports, and taking readers off them again (docs/spec/16-sharing.md, hygieia/client/
 * sharing.py). A change of readers writes four small blocks and says which state it is based on; when
 * somebody was faster, nothing is changed. The index follows in one change for all reports of a call.
 */
import { pkeskDigest } from "../crypto/rewrap.ts";
import type { Certificate } from "../crypto/certificates.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import { EngineError } from "../engine/errors.ts";
import type { Meanwhile, ShareOutcome, ShareProgress } from "../engine/interface.ts";
import { invalid, isRefusal, refusal } from "../refusal.ts";
import { checkRecipients } from "../vault/contacts.ts";
import type { LeftOut } from "../vault/delegations.ts";
import { formerKeysOf } from "../vault/give-back.ts";
import type { Change } from "../vault/index/changes.ts";
import { contactsOf, requireReport } from "../vault/index/state.ts";
import type { ContactRow, FormerKey } from "../vault/people.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import type { Readers } from "../vault/share-note.ts";
import { addReaders, dropReaders, packetsOf, takenOff, withAdded, without, type Reshared } from "../vault/sharing.ts";
import { currentOf, entryNow, replaceRoot, type Current } from "./revisions.ts";
import type { Contacts } from "./contacts.ts";
import { delegatesFor, leftOutNow, notTakenOff } from "./recipients.ts";
import { readersNow } from "./readers.ts";
import { BatchSender, readBack, withUpload } from "./sending.ts";
import type { Vault } from "./vault.ts";

const MOST_PEOPLE = 100;
const TRIES = 5;

type Told = ((progress: ShareProgress) => void) | undefined;

/** The new root of one report, and the readers that the index will list; null: nothing to do. */
type Plan = (current: Current, readers: Readers) => Promise<{ built: Reshared; readers: Readers } | null>;

type OnLeftOut = (report: string, people: readonly LeftOut[]) => void;

/** A change of readers for many reports. */
export interface Task {
  readonly plan: Plan;
  /** Whether a report that was changed meanwhile is read again and the change made on that. */
  readonly retry?: boolean;
  /** Packets that the change is about to take off, by digest. */
  readonly gone?: (listed: Readers) => readonly string[];
}

interface Done {
  readonly outcome: ShareOutcome;
  readonly changes: readonly Change[];
}

export class Sharer {
  private readonly vault: Vault;
  private readonly contacts: Contacts;

  constructor(vault: Vault, contacts: Contacts) {
    this.vault = vault;
    this.contacts = contacts;
  }

  /** Lets people read reports; who reads one already is not added again. */
  async share(
    request: { reports: readonly string[]; people: readonly string[]; retry?: boolean },
    onProgress: Told,
  ): Promise<ShareOutcome[]> {
    const emails = [...new Set(request.people)];
    if (emails.length === 0) throw invalid("people", "empty", "Name someone to share with.");
    if (emails.length > MOST_PEOPLE) {
      throw refusal("limit-exceeded", `A report is shared with at most ${MOST_PEOPLE} people at once.`);
    }
    const entries = this.entries(request.reports);
    const contacts: ContactRow[] = [];
    for (const email of emails) contacts.push((await this.contacts.lookUp(email)).contact);
    const certificates = await checkRecipients(contacts, entries.length);
    const plan = this.adding(contacts, certificates);
    return this.each(entries, { plan, retry: request.retry === true }, onProgress);
  }

  /**
   * What adds those of `contacts`, whose `certificates` may be used, that do not read a report yet. To share
   * is to give back too: without the key by which a report is hers in its note, whoever lost that key could
   * never say that it is hers, as a second packet for the new key is not added.
   */
  adding(contacts: readonly ContactRow[], certificates: readonly Certificate[]): Plan {
    return async (current, readers) => {
      const former = formerKeysOf(contacts, current.report.meta);
      return this.withReaders(current, readers, await notYet(current, readers, certificates), { former });
    };
  }

  /** What adds a delegate; nobody comes back by it whom the owner took off. */
  addingBy(delegation: string, certificate: Certificate): Plan {
    const delegations = new Map([[certificate.keyId, delegation]]);
    const contacts = contactsOf(this.vault.index.state);
    return async (current, readers) => {
      const wanted = notTakenOff([certificate], readers, this.vault.people());
      const former = formerKeysOf(contacts, current.report.meta);
      return this.withReaders(current, readers, await notYet(current, readers, wanted), { delegations, former });
    };
  }

  private async withReaders(
    { report }: Current,
    readers: Readers,
    missing: readonly Certificate[],
    more: { delegations?: ReadonlyMap<string, string>; former?: ReadonlyMap<string, FormerKey> } = {},
  ): ReturnType<Plan> {
    if (missing.length === 0) return null;
    const signing = { key: this.vault.key, created: formatTime(nowSeconds()), ...more };
    const built = await addReaders(report, missing, signing);
    return { built, readers: withAdded(readers, built.noted.readers, this.vault.people()) };
  }

  /** What adds those for whom a delegation acts on a report. */
  private delegates(onLeftOut: OnLeftOut): Plan {
    const { vault } = this;
    const contacts = contactsOf(vault.index.state);
    return async (current, readers) => {
      const { meta } = current.report;
      const chosen = await delegatesFor(vault, meta);
      onLeftOut(meta.id, leftOutNow(chosen, readers, vault.people()));
      const { certificates, delegations } = chosen;
      const missing = await notYet(current, readers, notTakenOff(certificates, readers, vault.people()));
      const former = formerKeysOf(contacts, meta);
      return this.withReaders(current, readers, missing, { delegations, former });
    };
  }

  /**
   * Adds the delegates of reports that others have stored for this user; their authors are listed.
   * `onLeftOut` is told, once or more for each report, who cannot be given it now.
   */
  shareWithDelegates(entries: readonly ReportEntry[], onLeftOut: OnLeftOut): Promise<ShareOutcome[]> {
    return this.each(entries, { plan: this.delegates(onLeftOut), retry: true }, undefined);
  }

  /** Takes a person off the readers of one's own reports, under all her keys. */
  async unshare(
    { reports, person }: { reports: readonly string[]; person: string },
    onProgress: Told,
  ): Promise<ShareOutcome[]> {
    const { key } = this.contacts.known(person);
    const entries = this.entries(reports);
    const people = this.vault.people();
    if (entries.some(({ owner }) => !people.isMe(owner))) {
      throw refusal("forbidden", "Only the owner of a report can take readers off it.");
    }
    const plan: Plan = async (current, readers) => {
      const digests = await Promise.all(current.report.packets.map(pkeskDigest));
      const noted = packetsOf(readers, people, key).filter((digest) => digests.includes(digest));
      if (noted.length === 0) return null;
      const built = await dropReaders(current.report, noted, people);
      return { built, readers: without(readers, people, key) };
    };
    return this.each(entries, { plan, gone: (listed) => packetsOf(listed, people, key) }, onProgress);
  }

  /** The reports, none of which may be in the trash. */
  private entries(reports: readonly string[]): ReportEntry[] {
    const { state } = this.vault.index;
    const entries = [...new Set(reports)].map((id) => requireReport(state, id));
    if (entries.some(({ deleted }) => deleted !== null)) {
      throw refusal("conflict", "A report in the trash is not shared. Take it out first.");
    }
    return entries;
  }

  /** Each report for itself: one that fails leaves the others; one that shows an outage ends all. */
  async each(entries: readonly ReportEntry[], task: Task, onProgress: Told): Promise<ShareOutcome[]> {
    const { vault } = this;
    // Another device may have taken somebody off, or made a session key new.
    await vault.index.refresh();
    vault.changingReaders++;
    try {
      return await this.inOneChange(entries, task, onProgress);
    } finally {
      vault.changingReaders--;
    }
  }

  private async inOneChange(entries: readonly ReportEntry[], task: Task, onProgress: Told): Promise<ShareOutcome[]> {
    const outcomes: ShareOutcome[] = [];
    const changes: Change[] = [];
    let isOver = false;
    for (const entry of entries) {
      const done: Done = isOver ? { outcome: outcome(entry, "left"), changes: [] } : await this.one(entry, task);
      isOver ||= isOutage(done.outcome.error);
      outcomes.push(done.outcome);
      changes.push(...done.changes);
      onProgress?.({ done: outcomes.length, total: entries.length });
    }
    try {
      await this.vault.index.change(changes);
      return outcomes;
    } catch (error) {
      const reason = asEngineError(error);
      return outcomes.map((each) => (each.state === "done" ? { ...each, state: "failed", error: reason } : each));
    }
  }

  private async one(known: ReportEntry, task: Task): Promise<Done> {
    try {
      for (let left = task.retry === true ? TRIES : 1; ; ) {
        const [entry] = this.entries([known.id]);
        const listed = await this.vault.index.readersOf(known.id);
        const done = await this.attempt({ known, entry: entry! }, listed, task, --left === 0);
        if (done !== null) return done;
      }
    } catch (error) {
      return { outcome: outcome(known, "failed", { error: asEngineError(error) }), changes: [] };
    }
  }

  /**
   * Null when the report was changed meanwhile and there is a next attempt. `known` is the line that the
   * person had seen, `entry` the index's of now.
   */
  private async attempt(
    { known, entry }: { known: ReportEntry; entry: ReportEntry },
    listed: Readers,
    task: Task,
    isLast: boolean,
  ): Promise<Done | null> {
    const { vault } = this;
    const current = await currentOf(vault, entry, { gone: task.gone?.(listed) ?? [] });
    const readers = this.withUnentered(current, entry, listed, await readersNow(vault, current.report, listed));
    const meanwhile = between(known, current);
    const step = await task.plan(current, readers);
    if (step === null) {
      // Nothing to write; but somebody else may have changed it since the index was.
      const isKnown = meanwhile === null && isSame(readers, listed);
      const changes = isKnown ? [] : changesTo(entryNow(current.report), readers);
      return { outcome: outcome(entry, "unchanged", { meanwhile }), changes };
    }
    try {
      await this.commit(step.built, current);
    } catch (error) {
      if (!isRefusal(error, "stale-revision")) throw error;
      if (!isLast) return null;
      const newer = between(entryNow(current.report), await currentOf(vault, entry, { gone: task.gone?.(listed) ?? [] }));
      return { outcome: outcome(entry, "stale", { error, meanwhile: newer }), changes: [] };
    }
    return { outcome: outcome(entry, "done", { meanwhile }), changes: changesTo(step.built.entry, step.readers) };
  }

  /**
   * `readers` once those whose packet is gone under the same session key count as taken off: an unshare
   * was committed whose index never followed (docs/spec/13-index.md §8).
   */
  private withUnentered({ report }: Current, entry: ReportEntry, listed: Readers, readers: Readers): Readers {
    const people = this.vault.people();
    const { owner, data_payload_cid: payload } = report.meta;
    if (!people.isMe(owner) || payload !== entry.data_payload_cid) return readers;
    const isReading = (key: string): boolean => readers.readers.some((each) => people.same(each.key, key));
    const gone = listed.readers.filter(({ key }) => !people.isMe(key) && !isReading(key));
    return takenOff(readers, gone);
  }

  private async commit({ blocks, entry, noted }: Reshared, current: Current): Promise<void> {
    const { vault } = this;
    await withUpload(vault.transport, async (upload) => {
      const sender = new BatchSender(vault.transport, upload);
      await sender.addAll(blocks);
      await sender.flush();
      await replaceRoot(vault, { entry, change: "readers", shares: noted.notes }, current, upload);
      await readBack(vault.gateways, sender.sample, entry.cid);
    });
  }
}

/** In one: where the root brings another session key, who had the one before is kept as such. */
function changesTo(entry: ReportEntry, readers: Readers): Change[] {
  return [{ kind: "put-report", entry, readers }];
}

/** Those of `certificates` that no noted packet of the report is for, nor is its owner. */
async function notYet(
  { report }: Current,
  readers: Readers,
  certificates: readonly Certificate[],
): Promise<Certificate[]> {
  const there = new Set(await Promise.all(report.packets.map(pkeskDigest)));
  const reading = new Set(readers.readers.filter(({ pkesk }) => there.has(pkesk)).map(({ key }) => key));
  reading.add(report.meta.owner);
  return certificates.filter(({ keyId }) => !reading.has(keyId));
}

/** What differs between a report as it was known and as it is now. */
function between(known: ReportEntry, { report }: Current): Meanwhile | null {
  const { meta, encrypted } = report;
  if (encrypted.root === known.cid) return null;
  return {
    revisions: [known.revision, meta.revision],
    titles: known.title === meta.title ? null : [known.title, meta.title],
    isContentNew: known.data_payload_cid !== meta.data_payload_cid,
    areReadersNew: known.meta_payload_cid === encrypted.meta.cid,
  };
}

function isSame(a: Readers, b: Readers): boolean {
  return JSON.stringify([a.readers, a.removed]) === JSON.stringify([b.readers, b.removed]);
}

export function outcome(
  entry: ReportEntry,
  state: ShareOutcome["state"],
  { error = null, meanwhile = null }: { error?: EngineError | null; meanwhile?: Meanwhile | null } = {},
): ShareOutcome {
  return { report: entry.id, title: entry.title, state, error, meanwhile };
}

/** Whatever else was wanted would fail in the same way. */
export function isOutage(error: EngineError | null): boolean {
  const codes = ["unreachable", "unavailable", "too-many-attempts", "not-signed-in", "storage-full", "interrupted"] as const;
  return isRefusal(error, ...codes);
}

function asEngineError(error: unknown): EngineError {
  return error instanceof EngineError ? error : refusal("failed", "A report's readers could not be changed.");
}
