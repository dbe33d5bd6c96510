// The sharing half of the screens' test engine: people, readers and ongoing shares in memory, no keys, nothing sent.

import { EngineError } from "../../../src/engine/errors.ts";
import { Source } from "../../../src/engine/feed.ts";
import type {
  ActivityCheck,
  ActivityPage,
  Comparison,
  Contact,
  Delegation,
  DelegationList,
  Ended,
  Meeting,
  Named,
  NewDelegation,
  Notice,
  Readable,
  Readers,
  ReceivedList,
  RekeyPlan,
  ReportList,
  Request,
  Scope,
  ShareOutcome,
  ShareProgress,
  SharingEngine,
  UploadRight,
} from "../../../src/engine/interface.ts";
import * as people from "./people.ts";
import { reportId, rows } from "./sample.ts";

const done = (report: string): ShareOutcome => ({ report, title: report, state: "done", error: null, meanwhile: null });

/** What a scene wants the next share, unshare or giving back to come to. */
export type Trouble = ReadonlyMap<string, Partial<ShareOutcome>>;

export class TestSharing implements SharingEngine {
  readonly reports = new Source<ReportList>({ status: "ready", rows: rows(9), refused: [], error: null });
  readonly contacts = new Source<readonly Contact[]>(people.everyone);
  readonly received = new Source<ReceivedList>({ status: "ready", items: [], error: null });
  readonly delegations = new Source<DelegationList>({ status: "ready", items: people.delegations, error: null });
  readonly requests = new Source<readonly Request[]>([]);
  readonly notices = new Source<readonly Notice[]>([]);

  readers: Readers | null = null;
  readBy: ReadonlyMap<string, readonly string[]> = new Map([
    [reportId(0), [people.lind.key, people.ingrid.key]],
    [reportId(1), [people.brigid.key]],
    [reportId(2), [people.okafor.key, people.ingrid.key, people.tomas.key, people.lind.key]],
  ]);
  /** Reports of which an earlier version opens for whoever is asked about. */
  earlier: readonly string[] = [];
  /** In the trash, under a lost key. */
  locked: readonly string[] = [];
  trouble: Trouble = new Map();
  /** Makes work on readers stop at this progress for ever: pictures of work under way. */
  sharingStuckAt: ShareProgress | null = null;
  sharingError: EngineError | null = null;
  unsigned: EngineError | null = null;
  mayStore: readonly UploadRight[] = [];
  trail: ActivityCheck = people.wholeTrail;
  rekeyPlan: Partial<RekeyPlan> = {};

  private contact(email: string): Contact {
    const found = this.contacts.current.find((one) => one.email === email);
    if (found === undefined) throw new EngineError("not-found", "nobody");
    return found;
  }

  private trustIs(email: string, change: Partial<Contact>): Contact {
    const next = { ...this.contact(email), ...change };
    this.contacts.set(this.contacts.current.map((one) => (one.email === email ? next : one)));
    return next;
  }

  async meet(email: string): Promise<Meeting> {
    if (this.sharingError !== null) throw this.sharingError;
    if (email.endsWith("@nobody.example")) throw new EngineError("not-found", "nobody");
    if (!this.contacts.current.some((one) => one.email === email)) {
      const met: Contact = { ...people.priya, key: people.keyOf(70), email, name: "Noor Haddad" };
      this.contacts.set([...this.contacts.current, met]);
      return people.meeting(met, { isNew: true });
    }
    const found = this.contact(email);
    return people.meeting(found, found.trust === "changed" ? { key: people.keyOf(71) } : {});
  }

  async verifyPerson(email: string, comparison: Comparison): Promise<Contact> {
    if (comparison.kind === "code" && comparison.text !== people.meeting(this.contact(email)).code) {
      throw new EngineError("certificate-changed", "they differ");
    }
    return this.trustIs(email, { trust: "verified" });
  }

  async acceptPerson(email: string, key: string): Promise<Contact> {
    return this.trustIs(email, { key, trust: "unverified", formerKeys: [this.contact(email).key] });
  }

  async seen(ids: readonly string[]): Promise<void> {
    this.notices.set(this.notices.current.filter(({ id }) => !ids.includes(id)));
  }

  lookAgain(): Promise<void> {
    return Promise.resolve();
  }

  named(keys: readonly string[]): Promise<readonly Named[]> {
    return Promise.resolve(
      keys.map((key) => {
        const found = this.contacts.current.find((one) => one.key === key);
        if (key === people.me.key) return people.me;
        return found === undefined ? { key, email: null, name: "", trust: "stranger" } : people.named(found);
      }),
    );
  }

  private async each(
    reports: readonly string[],
    onProgress?: (progress: ShareProgress) => void,
  ): Promise<readonly ShareOutcome[]> {
    if (this.sharingError !== null) throw this.sharingError;
    if (this.sharingStuckAt !== null) {
      onProgress?.(this.sharingStuckAt);
      return new Promise(() => undefined);
    }
    onProgress?.({ done: reports.length, total: reports.length });
    const outcomes = reports.map((report) => ({ ...done(report), ...this.trouble.get(report) }));
    this.trouble = new Map(); // the second try goes well
    return Promise.resolve(outcomes);
  }

  share(request: { reports: readonly string[] }, onProgress?: (progress: ShareProgress) => void): Promise<readonly ShareOutcome[]> {
    return this.each(request.reports, onProgress);
  }

  async unshare(
    request: { reports: readonly string[]; person: string },
    onProgress?: (progress: ShareProgress) => void,
  ): Promise<readonly ShareOutcome[]> {
    const trashed = this.reports.current.rows.filter(({ deleted }) => deleted !== null).map(({ id }) => id);
    if (request.reports.some((id) => trashed.includes(id))) throw new EngineError("conflict", "in the trash");
    const outcomes = await this.each(request.reports, onProgress);
    const gone = this.contact(request.person);
    const before = this.readers ?? people.readers(request.reports[0]!);
    this.readers = {
      ...before,
      readers: before.readers.filter(({ key }) => key !== gone.key),
      removed: [...before.removed, people.named(gone)],
    };
    return outcomes;
  }

  readersOf(report: string): Promise<Readers> {
    return Promise.resolve(this.readers ?? people.readers(report));
  }

  sharedWith(): Promise<ReadonlyMap<string, readonly string[]>> {
    return Promise.resolve(this.readBy);
  }

  /** Nobody is taken off what is in the trash. */
  stillReadable(email: string): Promise<Readable> {
    const { key } = this.contact(email);
    const reads = (id: string): boolean => (this.readBy.get(id) ?? []).includes(key);
    const trashed = this.reports.current.rows.filter(({ id, deleted }) => deleted !== null && reads(id)).map(({ id }) => id);
    return Promise.resolve({ stillReadable: [...trashed, ...this.earlier], earlier: this.earlier });
  }

  planRekey(report: string): Promise<RekeyPlan> {
    const { readers, removed } = people.readers(report);
    const kept = readers.filter(({ isOwner }) => !isOwner);
    return Promise.resolve({ report, sizeBytes: 1_200_000, kept, leftOut: [], removed, unnamed: 0, earlier: [], isBegun: false, ...this.rekeyPlan });
  }

  rekey(report: string): Promise<Readers> {
    if (this.sharingStuckAt !== null) return new Promise(() => undefined);
    this.readers = people.readers(report);
    return Promise.resolve(this.readers);
  }

  refreshReceived(): Promise<void> {
    return Promise.resolve();
  }

  acceptReceived(report: string): Promise<void> {
    const list = this.received.current;
    this.received.set({
      ...list,
      items: list.items.map((one) => (one.report === report ? { ...one, standing: "accepted" as const } : one)),
    });
    return Promise.resolve();
  }

  refreshDelegations(): Promise<void> {
    return Promise.resolve();
  }

  uploadRights(): Promise<readonly UploadRight[]> {
    return Promise.resolve(this.mayStore);
  }

  reportsIn({ categories }: Scope): Promise<readonly string[]> {
    const found = this.reports.current.rows.filter((row) => categories === "*" || categories.includes(row.category));
    return Promise.resolve(found.map(({ id }) => id));
  }

  async delegate(request: NewDelegation): Promise<Delegation> {
    const { categories, subjects, professions, rights, expires } = request;
    const to = people.named(this.contact(request.to));
    const made = people.delegation(50, { to, categories, subjects, professions, rights, expires });
    this.delegations.set({ ...this.delegations.current, items: [made, ...this.delegations.current.items] });
    return made;
  }

  async applyToPast(id: string, onProgress?: (progress: ShareProgress) => void): Promise<readonly ShareOutcome[]> {
    const found = this.delegations.current.items.find((one) => one.id === id)!;
    return this.each(await this.reportsIn(found), onProgress);
  }

  endDelegation(id: string): Promise<Ended> {
    const list = this.delegations.current;
    const found = list.items.find((one) => one.id === id)!;
    this.delegations.set({ ...list, items: list.items.filter((one) => one.id !== id) });
    return Promise.resolve({ delegation: found, stillReadable: [reportId(0), reportId(2)], earlier: [reportId(2)], isServerTold: true });
  }

  async grant(request: string, onProgress?: (progress: ShareProgress) => void): Promise<readonly ShareOutcome[]> {
    const found = this.requests.current.find(({ id }) => id === request)!;
    const outcomes = await this.each(found.kind === "redelegation" ? [] : found.reports, onProgress);
    await this.postpone(request);
    return outcomes;
  }

  lockedInTrash(): Promise<readonly string[]> {
    return Promise.resolve(this.locked);
  }

  takeOut(reports: readonly string[]): Promise<void> {
    this.locked = this.locked.filter((id) => !reports.includes(id));
    return Promise.resolve();
  }

  postpone(request: string): Promise<void> {
    this.requests.set(this.requests.current.filter(({ id }) => id !== request));
    return Promise.resolve();
  }

  refuse(request: string): Promise<void> {
    return this.postpone(request);
  }

  acceptActivity(): Promise<void> {
    this.trail = people.wholeTrail;
    return Promise.resolve();
  }

  activity(query: { after: string | null }): Promise<ActivityPage> {
    if (this.sharingError !== null) return Promise.reject(this.sharingError);
    return Promise.resolve(
      query.after === null ? { items: people.activity(50, 60), next: "10", unsigned: this.unsigned } : { items: people.activity(10), next: null, unsigned: this.unsigned },
    );
  }

  checkActivity(): Promise<ActivityCheck> {
    return Promise.resolve(this.trail);
  }

  exportActivity(): Promise<{ fileName: string; bytes: Uint8Array<ArrayBuffer> }> {
    return Promise.resolve({ fileName: "hygieia-activity.jsonl", bytes: new Uint8Array() });
  }
}
