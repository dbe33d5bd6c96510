/** Opens and closes the vault: one is open at a time, and what belongs to it comes and goes with it. */
import type { Gateways } from "../api/gateways.ts";
import type { Transport } from "../api/transport.ts";
import { Source } from "../engine/feed.ts";
import type { LockReason, Person, VaultState } from "../engine/interface.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { AutoLock } from "./auto-lock.ts";
import { catchUp } from "./catching-up.ts";
import { Changer } from "./changing.ts";
import { Copies } from "./copies.ts";
import { Downloads } from "./downloads.ts";
import type { Preferences } from "./preferences.ts";
import type { Reach } from "./reach.ts";
import { ReportFeed } from "./report-feed.ts";
import { rowsOf } from "./rows.ts";
import type { Session, Sessions } from "./session.ts";
import type { Profile, Store } from "./store.ts";
import { Sharing } from "./sharing.ts";
import { Uploads } from "./uploads.ts";
import { Vault } from "./vault.ts";

interface Parts {
  readonly store: Store;
  readonly transport: Transport;
  readonly gateways: Gateways;
  readonly sessions: Sessions;
  readonly reach: Reach;
  readonly preferences: Preferences;
}

/** An open vault and what works on it. */
interface Opened {
  readonly vault: Vault;
  readonly uploads: Uploads;
  readonly changer: Changer;
}

export class Door {
  readonly state = new Source<VaultState>({ kind: "starting" });
  readonly lockingIn = new Source<number | null>(null);
  readonly reports = new ReportFeed();
  readonly downloads = new Downloads();
  readonly copies = new Copies();
  readonly sharing = new Sharing(this);
  /** Told of what an upload queue shows: there is one for each open vault. */
  onUploads: (uploads: Uploads["view"]["current"]) => void = () => {};
  private readonly parts: Parts;
  private readonly autoLock: AutoLock;
  private heldOpen = 0;
  private opened: Opened | null = null;

  constructor(parts: Parts) {
    this.parts = parts;
    parts.transport.onSessionEnd = () => {
      // While a vault is being opened, who opens it is told and decides.
      if (this.opened?.vault.isRead === true) this.close("session-ended");
    };
    parts.reach.onReturn = () => {
      if (this.opened !== null) void this.comeBack(this.opened);
    };
    this.autoLock = new AutoLock(this.lockingIn, {
      isBusy: () =>
        this.heldOpen > 0 || [this.opened?.uploads, this.downloads, this.copies, this.sharing].some((each) => each?.isBusy),
      lock: () => this.close("quiet"),
    });
  }

  /** The open vault; throws `not-signed-in`. */
  get vault(): Vault {
    return this.requireOpened().vault;
  }

  /** The open vault's uploads; throws `not-signed-in`. */
  get uploads(): Uploads {
    return this.requireOpened().uploads;
  }

  /** What changes the open vault's reports; throws `not-signed-in`. */
  get changer(): Changer {
    return this.requireOpened().changer;
  }

  private requireOpened(): Opened {
    if (this.opened === null) throw refusal("not-signed-in", "The vault is locked.");
    return this.opened;
  }

  /** What a page that has just been loaded shows. */
  async start(): Promise<void> {
    const profile = await this.parts.store.profile();
    this.state.set(
      profile?.isSignedIn ? { kind: "locked", email: profile.email, reason: "reload" } : { kind: "none", notice: null },
    );
  }

  /** Opens the vault: the state is `open` or `kit` once its list could be read, or why it could not. */
  async open(session: Session, options: { isReset?: boolean } = {}): Promise<Vault> {
    this.discard();
    const vault = new Vault(this.parts, session);
    const [uploads, changer] = [new Uploads(vault), new Changer(vault)];
    const opened = (this.opened = { vault, uploads, changer });
    this.follow(opened);
    this.reports.begin("loading");
    this.autoLock.begin(this.parts.preferences.current.lockMinutes);
    try {
      await changer.load();
      await catchUp(vault);
    } catch (error) {
      vault.requireOpen();
      if (options.isReset === true || isRefusal(error, "not-signed-in")) {
        this.discard();
        throw error;
      }
      // An open vault that says why its list cannot be shown.
      this.reports.fail(error);
      this.state.set({ kind: "open", person: this.person(vault.session) });
      return vault;
    }
    await uploads.load();
    // It may have been locked meanwhile.
    vault.requireOpen();
    this.show(vault);
    this.parts.reach.setWaiting(changer);
    this.state.set(this.stateOf(vault));
    // An earlier page left them; the server may have answered all the time since.
    if (changer.waiting.length > 0) void this.comeBack(opened);
    return vault;
  }

  /** Shows the list of reports as `vault` has it now. */
  show(vault: Vault): void {
    if (vault !== this.opened?.vault || !vault.isRead) return;
    this.reports.show(rowsOf(vault, this.opened.changer.waiting), vault.refused);
    void this.sharing.show(vault);
    // The kit of the sign-up may have been made only now.
    const state = this.stateOf(vault);
    if (state.kind === "kit" && this.state.current.kind === "open") this.state.set(state);
  }

  private stateOf({ session }: Vault): VaultState {
    const person = this.person(session);
    return session.profile.sealedKit === null ? { kind: "open", person } : { kind: "kit", person, isFirst: true };
  }

  person({ profile }: { profile: Profile }): Person {
    const { email, name, account, fingerprint, keyId, ipnsName } = profile;
    const sharedComputer = this.parts.store.isSharedComputer;
    return { email, name, account, fingerprint, keyId, ipnsName, sharedComputer };
  }

  /** Does what must not stop half-way: the vault does not lock by itself meanwhile. */
  async holdOpen<T>(run: () => Promise<T>): Promise<T> {
    this.heldOpen++;
    try {
      return await run();
    } finally {
      this.heldOpen--;
    }
  }

  stillHere(): void {
    this.autoLock.stillHere();
  }

  setLockMinutes(minutes: number): void {
    this.autoLock.setMinutes(minutes);
  }

  /** Locks the vault. */
  close(reason: LockReason): void {
    const email = this.opened?.vault.session.profile.email;
    this.discard();
    if (email === undefined) return;
    const { store, transport } = this.parts;
    // On a shared computer nothing is kept to open it again with.
    const isKept = !store.isSharedComputer;
    if (!isKept) {
      if (reason !== "session-ended") endSession(transport);
      transport.token = null;
      void store.forget();
      void Downloads.sweep();
    }
    this.state.set(isKept ? { kind: "locked", email, reason } : { kind: "none", notice: "signed-out" });
  }

  /** Ends the session on this device; what it has pinned stays unless `isForgotten`. */
  async leave(notice: "signed-out" | "deleted", isForgotten: boolean): Promise<void> {
    const { store, transport } = this.parts;
    const profile = await store.profile();
    this.discard();
    transport.token = null;
    if (isForgotten) {
      await store.forget();
      void Downloads.sweep();
    } else if (profile !== null) await store.amend(profile.account, { isSignedIn: false });
    store.shareComputer(false);
    // What this browser keeps of an account that is gone serves nobody, however it was signed in to.
    if (notice === "deleted" && (await store.profile())?.account === profile?.account) await store.forget();
    this.state.set({ kind: "none", notice });
  }

  private follow({ vault, uploads, changer }: Opened): void {
    uploads.view.subscribe((view) => {
      // What was under way when it was closed may tell of its end yet.
      if (this.opened?.uploads !== uploads) return;
      this.onUploads(view);
      if (view.items.some(({ state }) => state === "saved") && vault.isRead) this.show(vault);
    });
    vault.onNotice = (notice) => this.sharing.notice(vault, notice);
    changer.onWaiting = () => {
      this.parts.reach.setWaiting(changer);
      this.show(vault);
    };
  }

  private discard(): void {
    this.parts.reach.rest();
    this.autoLock.end();
    this.opened?.uploads.close();
    this.downloads.close();
    this.copies.close();
    this.sharing.close();
    this.opened?.vault.close();
    this.opened = null;
    this.reports.begin("closed");
  }

  /** The server answers again: what waits is sent. */
  private async comeBack({ vault, changer }: Opened): Promise<void> {
    try {
      if (vault.isRead) await changer.sendWaiting();
      await catchUp(vault);
      this.show(vault);
    } catch {
      // The next answer or the next change tells.
    }
  }
}

/** Asks once, with the token as it is now: asked again, it would end the session of whoever comes next. */
function endSession(transport: Transport): void {
  transport.call("DELETE", "/sessions/current", { isRepeatable: false }).catch(() => {
    // It ends by itself after quiet time.
  });
}
