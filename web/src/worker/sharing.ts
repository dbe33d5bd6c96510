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
  Readers,
  ReceivedList,
  RekeyPlan,
  Request,
  Scope,
  ShareOutcome,
  ShareProgress,
  SharingEngine,
} from "../engine/interface.ts";
import { EngineError, refusal } from "../refusal.ts";
import { Contacts } from "./contacts.ts";
import { named, readersByReport, showReaders } from "./readers.ts";
import { Inbox } from "./received.ts";
import { Sharer } from "./sharer.ts";
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
  private readonly door: Doorway;
  private inbox: { readonly vault: Vault; readonly inbox: Inbox } | null = null;

  constructor(door: Doorway) {
    this.door = door;
  }

  /** The index has changed: the contacts are told as it has them now. */
  async show(vault: Vault): Promise<void> {
    if (!vault.isRead) return;
    const contacts = await new Contacts(vault).list();
    if (this.isOpen(vault)) this.contacts.set(contacts);
  }

  close(): void {
    this.inbox = null;
    this.contacts.set([]);
    this.received.set(NOTHING_RECEIVED);
    this.delegations.set(NO_DELEGATIONS);
    this.requests.set([]);
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
    return this.changing((vault) => sharerOf(vault).share(request, onProgress));
  }

  unshare(
    request: { reports: readonly string[]; person: string },
    onProgress?: Progress<ShareProgress>,
  ): Promise<ShareOutcome[]> {
    return this.changing((vault) => sharerOf(vault).unshare(request, onProgress));
  }

  async readersOf(report: string): Promise<Readers> {
    return showReaders(this.door.vault, report);
  }

  async sharedWith(): Promise<Map<string, string[]>> {
    return readersByReport(this.door.vault);
  }

  async planRekey(_report: string): Promise<RekeyPlan> {
    throw notYet();
  }

  async rekey(
    _report: string,
    _options: { keep: readonly string[] },
    _onProgress?: Progress<{ doneBytes: number; totalBytes: number }>,
  ): Promise<Readers> {
    throw notYet();
  }

  // -- shared with me

  async refreshReceived(): Promise<void> {
    const { vault } = this.door;
    const inbox = this.inboxOf(vault);
    this.received.set({ ...this.received.current, status: "loading", error: null });
    try {
      const items = await inbox.look();
      if (this.isOpen(vault)) this.received.set({ status: "ready", items, error: null });
    } catch (error) {
      const reason = error instanceof EngineError ? error : refusal("failed", "The list cannot be shown.");
      if (this.isOpen(vault)) this.received.set({ ...this.received.current, status: "failed", error: reason });
      throw error;
    } finally {
      this.door.show(vault);
    }
  }

  async acceptReceived(report: string): Promise<void> {
    await this.changing((vault) => this.inboxOf(vault).accept(report));
    await this.refreshReceived();
  }

  // -- delegations

  async refreshDelegations(): Promise<void> {
    throw notYet();
  }

  async reportsIn(_scope: Scope): Promise<string[]> {
    throw notYet();
  }

  async delegate(_request: NewDelegation): Promise<Delegation> {
    throw notYet();
  }

  async applyToPast(_delegation: string, _onProgress?: Progress<ShareProgress>): Promise<ShareOutcome[]> {
    throw notYet();
  }

  async endDelegation(_delegation: string): Promise<Ended> {
    throw notYet();
  }

  // -- requests

  async grant(_request: string, _onProgress?: Progress<ShareProgress>): Promise<ShareOutcome[]> {
    throw notYet();
  }

  async postpone(request: string): Promise<void> {
    this.requests.set(this.requests.current.filter(({ id }) => id !== request));
  }

  // -- activity

  async activity(_query: { after: string | null; limit: number }): Promise<ActivityPage> {
    throw notYet();
  }

  async checkActivity(): Promise<ActivityCheck> {
    throw notYet();
  }

  async exportActivity(): Promise<{ fileName: string; bytes: Uint8Array<ArrayBuffer> }> {
    throw notYet();
  }

  // -- inside

  /** Runs what may change the index; the screens see what became of it, whether it went well or not. */
  private async changing<T>(run: (vault: Vault) => Promise<T>): Promise<T> {
    const { vault } = this.door;
    try {
      return await run(vault);
    } finally {
      this.door.show(vault);
      await this.show(vault);
    }
  }

  private inboxOf(vault: Vault): Inbox {
    if (this.inbox?.vault !== vault) this.inbox = { vault, inbox: new Inbox(vault) };
    return this.inbox.inbox;
  }

  private isOpen(vault: Vault): boolean {
    try {
      return this.door.vault === vault;
    } catch {
      return false;
    }
  }
}

function sharerOf(vault: Vault): Sharer {
  return new Sharer(vault, new Contacts(vault));
}

function notYet(): Error {
  return refusal("not-supported", "This app cannot do this yet; the command line can.");
}
