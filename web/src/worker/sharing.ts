/** Sharing as the page asks for it: calls for the vault that is open, and the feeds that tell of it. */
import { Source } from "../engine/feed.ts";
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
  Request,
  Scope,
  ShareOutcome,
  ShareProgress,
  SharingEngine,
  UploadRight,
} from "../engine/interface.ts";
import { EngineError, refusal } from "../refusal.ts";
import { catchUp } from "./catching-up.ts";
import { Contacts } from "./contacts.ts";
import type { Delegating } from "./delegating.ts";
import type { Desks } from "./desks.ts";
import { named, readersByReport, showReaders } from "./readers.ts";
import type { Vault } from "./vault.ts";

const NOTHING_RECEIVED: ReceivedList = { status: "closed", items: [], error: null };
const NO_DELEGATIONS: DelegationList = { status: "closed", items: [], error: null };

type Progress<T> = ((value: T) => void) | undefined;

/** What opens and closes the vault, and shows its list. */
interface Doorway {
  /** Throws `not-signed-in` while it is closed. */
  readonly vault: Vault;
  show(vault: Vault): void;
}

export class Sharing implements SharingEngine {
  readonly contacts = new Source<readonly Contact[]>([]);
  readonly received = new Source<ReceivedList>(NOTHING_RECEIVED);
  readonly delegations = new Source<DelegationList>(NO_DELEGATIONS);
  readonly requests = new Source<readonly Request[]>([]);
  readonly notices = new Source<readonly Notice[]>([]);
  private readonly door: Doorway;
  private opened: { readonly vault: Vault; readonly desks: Promise<Desks> } | null = null;
  private readonly postponed = new Set<string>();
  private goneOn: Vault | null = null;
  private running = 0;
  private isLooking = false;

  constructor(door: Doorway) {
    this.door = door;
  }

  /** Whether readers or keys of reports are being changed: the vault does not lock by itself meanwhile. */
  get isBusy(): boolean {
    return this.running > 0;
  }

  /** The index has changed: the contacts are told as it has them now. */
  async show(vault: Vault): Promise<void> {
    if (!vault.isRead) return;
    const contacts = await new Contacts(vault).list();
    if (this.isOpen(vault)) this.contacts.set(contacts);
  }

  close(): void {
    this.opened = null;
    this.postponed.clear();
    this.goneOn = null;
    this.contacts.set([]);
    this.received.set(NOTHING_RECEIVED);
    this.delegations.set(NO_DELEGATIONS);
    this.requests.set([]);
    this.notices.set([]);
  }

  // -- what she has to see

  /** Shows a notice; one that was shown under the same name takes in what is new. */
  notice(vault: Vault, notice: Notice): void {
    if (!this.isOpen(vault)) return;
    const shown = this.add(notice);
    if (notice.kind === "message") return; // the server has it until it is seen
    this.desks(vault).then(({ notices }) => notices.keep(shown)).catch(() => {});
  }

  private add(notice: Notice): Notice {
    const known = this.notices.current.find(({ id }) => id === notice.id);
    const reports = [...new Set([...(known?.reports ?? []), ...notice.reports])];
    const others = this.notices.current.filter(({ id }) => id !== notice.id);
    const shown = { ...notice, reports };
    this.notices.set([...others, shown]);
    return shown;
  }

  /** Shows what an earlier page had to tell, and nobody has seen. */
  private async recall(vault: Vault, { notices }: Desks): Promise<void> {
    const kept = await notices.all();
    if (this.isOpen(vault)) for (const notice of [...kept, ...this.notices.current]) this.add(notice);
  }

  async seen(ids: readonly string[]): Promise<void> {
    const { vault } = this.door;
    const seen = this.notices.current.filter(({ id }) => ids.includes(id));
    this.notices.set(this.notices.current.filter(({ id }) => !ids.includes(id)));
    for (const { kind, id } of seen) {
      if (kind === "message") await (await this.desks(vault)).desk.drop(id);
    }
    await (await this.desks(vault)).notices.drop(ids);
  }

  // -- people

  meet(email: string): Promise<Meeting> {
    return this.changing((vault) => new Contacts(vault).meet(email));
  }

  verifyPerson(email: string, comparison: Comparison): Promise<Contact> {
    return this.changing((vault) => new Contacts(vault).verify(email, comparison));
  }

  acceptPerson(email: string, key: string): Promise<Contact> {
    return this.changing((vault) => new Contacts(vault).accept(email, key));
  }

  async named(keys: readonly string[]): Promise<Named[]> {
    return named(this.door.vault, keys);
  }

  // -- readers

  share(
    request: { reports: readonly string[]; people: readonly string[]; retry?: boolean },
    onProgress?: Progress<ShareProgress>,
  ): Promise<ShareOutcome[]> {
    return this.changing(async (vault) => (await this.desks(vault)).sharer.share(request, onProgress));
  }

  unshare(
    request: { reports: readonly string[]; person: string },
    onProgress?: Progress<ShareProgress>,
  ): Promise<ShareOutcome[]> {
    return this.changing(async (vault) => (await this.desks(vault)).sharer.unshare(request, onProgress));
  }

  async readersOf(report: string): Promise<Readers> {
    return showReaders(this.door.vault, report);
  }

  async sharedWith(): Promise<Map<string, string[]>> {
    return readersByReport(this.door.vault);
  }

  async stillReadable(person: string): Promise<Readable> {
    return (await this.desks(this.door.vault)).delegating.stillReadable(person);
  }

  async planRekey(report: string): Promise<RekeyPlan> {
    // Loaded when it is needed: who signs in should not wait for it.
    const { planRekey } = await import("./rekeying.ts");
    return planRekey(this.door.vault, report);
  }

  rekey(
    report: string,
    options: { keep: readonly string[]; earlier?: boolean },
    onProgress?: Progress<{ doneBytes: number; totalBytes: number }>,
  ): Promise<Readers> {
    return this.changing(async (vault) => (await import("./rekeying.ts")).rekey(vault, report, options, onProgress));
  }

  // -- shared with me

  async refreshReceived(): Promise<void> {
    const { vault } = this.door;
    this.received.set({ ...this.received.current, status: "loading", error: null });
    try {
      const items = await (await this.desks(vault)).inbox.look();
      if (this.isOpen(vault)) this.received.set({ status: "ready", items, error: null });
    } catch (error) {
      const reason = error instanceof EngineError ? error : refusal("failed", "The list cannot be shown.");
      if (this.isOpen(vault)) this.received.set({ ...this.received.current, status: "failed", error: reason });
      throw error;
    } finally {
      this.door.show(vault);
    }
  }

  async lookAgain(): Promise<void> {
    const { vault } = this.door;
    if (!vault.isRead || this.isLooking) return;
    this.isLooking = true;
    try {
      await catchUp(vault);
      const { inbox, desk, giving, delegating } = await this.desks(vault);
      const items = await inbox.look();
      vault.requireOpen();
      await desk.look();
      await giving.look();
      await delegating.tellServer();
      this.door.show(vault);
      if (!this.isOpen(vault)) return;
      this.received.set({ status: "ready", items, error: null });
      await this.showDelegations(vault);
    } catch (error) {
      // Nobody asked: what stands on the page stands, and the next look may do.
      if (!(error instanceof EngineError)) throw error;
    } finally {
      this.isLooking = false;
    }
  }

  async acceptReceived(report: string): Promise<void> {
    await this.changing(async (vault) => (await this.desks(vault)).inbox.accept(report));
    await this.refreshReceived();
  }

  // -- delegations

  async refreshDelegations(): Promise<void> {
    const { vault } = this.door;
    this.delegations.set({ ...this.delegations.current, status: "loading", error: null });
    try {
      const { desk, giving } = await this.desks(vault);
      await desk.look();
      await giving.look();
      this.door.show(vault);
      await this.showDelegations(vault);
      this.goOn(vault);
    } catch (error) {
      const reason = error instanceof EngineError ? error : refusal("failed", "The list cannot be shown.");
      if (this.isOpen(vault)) {
        this.delegations.set({ ...this.delegations.current, status: "failed", error: reason });
      }
      throw error;
    }
  }

  async uploadRights(): Promise<UploadRight[]> {
    return (await this.desks(this.door.vault)).delegating.uploadRights();
  }

  async reportsIn(scope: Scope): Promise<string[]> {
    return (await this.desks(this.door.vault)).delegating.reportsIn(scope);
  }

  delegate(request: NewDelegation): Promise<Delegation> {
    return this.delegating((delegating) => delegating.give(request));
  }

  applyToPast(delegation: string, onProgress?: Progress<ShareProgress>): Promise<ShareOutcome[]> {
    return this.delegating((delegating) => delegating.applyToPast(delegation, onProgress));
  }

  endDelegation(delegation: string): Promise<Ended> {
    return this.delegating((delegating) => delegating.end(delegation));
  }

  // -- requests

  async grant(request: string, onProgress?: Progress<ShareProgress>): Promise<ShareOutcome[]> {
    const { vault } = this.door;
    const outcomes = await this.changing(async () => {
      const { desk, giving } = await this.desks(vault);
      if (giving.isRequest(request)) return giving.grant(request, onProgress);
      await desk.confirm(request);
      return [];
    });
    await this.showDelegations(vault);
    return outcomes;
  }

  async lockedInTrash(): Promise<string[]> {
    return (await this.desks(this.door.vault)).giving.lockedInTrash();
  }

  takeOut(reports: readonly string[]): Promise<void> {
    return this.changing(async (vault) => (await this.desks(vault)).giving.takeOut(reports));
  }

  async postpone(request: string): Promise<void> {
    this.postponed.add(request);
    await this.showDelegations(this.door.vault);
  }

  async refuse(request: string): Promise<void> {
    const { vault } = this.door;
    const { desk, giving } = await this.desks(vault);
    if (!giving.isRequest(request)) await desk.refuse(request);
    this.postponed.add(request);
    await this.showDelegations(vault);
  }

  // -- activity

  async activity(query: { after: string | null; limit: number }): Promise<ActivityPage> {
    return (await this.trail()).page(query);
  }

  async checkActivity(): Promise<ActivityCheck> {
    return (await this.trail()).check();
  }

  async acceptActivity(): Promise<void> {
    await (await this.trail()).accept();
  }

  async exportActivity(): Promise<{ fileName: string; bytes: Uint8Array<ArrayBuffer> }> {
    return (await this.trail()).exported();
  }

  // -- inside

  /** Once for each opening: past reports that an earlier page did not get through with. Nothing waits for it. */
  private goOn(vault: Vault): void {
    if (this.goneOn === vault) return;
    this.goneOn = vault;
    // The next opening tries again what fails.
    this.changing(async () => (await this.desks(vault)).delegating.goOn()).catch(() => {});
  }

  /** Runs what may change the index; the screens see what became of it, whether it went well or not. */
  private async changing<T>(run: (vault: Vault) => Promise<T>): Promise<T> {
    const { vault } = this.door;
    this.running++;
    try {
      return await run(vault);
    } finally {
      this.running--;
      this.door.show(vault);
      await this.show(vault);
    }
  }

  private async delegating<T>(run: (delegating: Delegating) => Promise<T>): Promise<T> {
    const { vault } = this.door;
    const done = await this.changing(async () => run((await this.desks(vault)).delegating));
    await this.showDelegations(vault);
    return done;
  }

  private async showDelegations(vault: Vault): Promise<void> {
    const { delegating, desk, giving } = await this.desks(vault);
    const items = await delegating.list();
    if (!this.isOpen(vault)) return;
    this.delegations.set({ status: "ready", items, error: null });
    const requests = [...(await giving.requests()), ...desk.requests()];
    if (this.isOpen(vault)) this.requests.set(requests.filter(({ id }) => !this.postponed.has(id)));
  }

  /** Throws `interrupted` once the vault is locked: nothing of it is held after that. */
  private desks(vault: Vault): Promise<Desks> {
    vault.requireOpen();
    if (this.opened?.vault === vault) return this.opened.desks;
    const desks = import("./desks.ts").then(({ desksOf }) => desksOf(vault));
    const opened = (this.opened = { vault, desks });
    // With no network the next call tries again.
    desks.catch(() => {
      if (this.opened === opened) this.opened = null;
    });
    desks.then((found) => this.recall(vault, found)).catch(() => {});
    return desks;
  }

  private async trail(): Promise<Desks["activity"]> {
    return (await this.desks(this.door.vault)).activity;
  }

  private isOpen(vault: Vault): boolean {
    try {
      return this.door.vault === vault;
    } catch {
      return false;
    }
  }
}
