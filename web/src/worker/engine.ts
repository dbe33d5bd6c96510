/** The engine in its worker: what the page may ask for, and the feeds that tell it what changes. */
import * as answers from "../api/answers.ts";
import { Gateways } from "../api/gateways.ts";
import { Transport } from "../api/transport.ts";
import { checkCode, parseCode, parseGroup, mistyped } from "../crypto/recovery-code.ts";
import { Source } from "../engine/feed.ts";
import type {
  CodeCheck,
  Connection,
  DeviceSession,
  DownloadTarget,
  KeyProgress,
  Kit,
  KitProof,
  LockReason,
  PasswordJudgement,
  Person,
  Preview,
  Quota,
  ServerFacts,
  Settings,
  UploadItem,
  VaultState,
  Verification,
  VersionRow,
} from "../engine/interface.ts";
import { LIMITS } from "../limits.ts";
import { invalid, isRefusal, refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { isUrl, readKit } from "../vault/kit.ts";
import { AutoLock } from "./auto-lock.ts";
import type { Wish } from "./changing.ts";
import { Copies } from "./copies.ts";
import { Downloads } from "./downloads.ts";
import { openRevision, readContent, versionRows } from "./fetching.ts";
import { judgePassword } from "./password-strength.ts";
import { ReportFeed } from "./report-feed.ts";
import { resetPassword } from "./resetting.ts";
import { Sessions, type Report, type Session } from "./session.ts";
import type { Profile, Store } from "./store.ts";
import { Uploads } from "./uploads.ts";
import { Vault } from "./vault.ts";
import { verifyReport } from "./verifying.ts";

const ASK_AGAIN_MS = 5000;
const DEFAULTS: Settings = {
  gateways: [],
  lockMinutes: 15,
  theme: "system",
  language: "system",
  isSlashSearch: true,
};

type Progress<T> = ((value: T) => void) | undefined;

export class EngineInWorker {
  readonly state = new Source<VaultState>({ kind: "starting" });
  readonly connection = new Source<Connection>({ kind: "online", waiting: 0, gateways: [], retryAt: null });
  readonly settings = new Source<Settings>(DEFAULTS);
  readonly lockingIn = new Source<number | null>(null);
  readonly reports = new ReportFeed();
  readonly downloads = new Downloads();
  readonly copies = new Copies();
  /** Told of what an upload queue shows: there is one for each open vault. */
  onUploads: (uploads: Uploads["view"]["current"]) => void = () => {};
  /** Given whole files for the browser's downloads. */
  onFile: (file: File, fileName: string) => void = () => {};

  private readonly store: Store;
  private readonly transport: Transport;
  private readonly sessions: Sessions;
  private readonly autoLock: AutoLock;
  private gateways: Gateways;
  private vault: Vault | null = null;
  private uploads: Uploads | null = null;
  private again: ReturnType<typeof setTimeout> | undefined;

  constructor(store: Store, origin: string) {
    this.store = store;
    this.transport = new Transport(origin);
    this.transport.onReach = (isReached) => this.reached(isReached);
    this.transport.onSessionEnd = () => {
      // While a vault is being opened, who opens it is told and decides.
      if (this.vault?.isRead === true) this.closeVault("session-ended");
    };
    this.sessions = new Sessions(store, this.transport);
    this.gateways = this.makeGateways();
    this.autoLock = new AutoLock(this.lockingIn, {
      isBusy: () => this.uploads?.isBusy === true,
      lock: () => this.closeVault("quiet"),
    });
  }

  async start(): Promise<void> {
    this.settings.set({ ...DEFAULTS, ...(await this.store.settings()) });
    this.gateways = this.makeGateways();
    const profile = await this.store.profile();
    this.state.set(
      profile?.isSignedIn ? { kind: "locked", email: profile.email, reason: "reload" } : { kind: "none", notice: null },
    );
  }

  // -- coming in and going out

  async server(): Promise<ServerFacts> {
    const answer = await this.transport.call("GET", "/server");
    const registration = answers.text(answer, "registration");
    return {
      version: answers.text(answer, "version"),
      registration: registration === "open" || registration === "invite" ? registration : "closed",
      gateways: answers.texts(answer, "gateways"),
    };
  }

  judgePassword(password: string, about: { email: string; name: string }): Promise<PasswordJudgement> {
    return judgePassword(password, about);
  }

  async signUp(
    request: { email: string; name: string; password: string; invite?: string; sharedComputer?: boolean },
    onProgress?: Progress<KeyProgress>,
  ): Promise<Kit> {
    this.store.shareComputer(request.sharedComputer === true);
    const report = reporter(onProgress);
    const [session] = await this.sessions.signUp(request, report);
    report("index", 85);
    const vault = await this.open(session);
    const kit = await vault.pendingKit();
    report("index", 100);
    if (kit === null) throw refusal("failed", "The kit could not be made; make a new one under Security.");
    return kit;
  }

  async pendingKit(): Promise<Kit | null> {
    return this.openVault().pendingKit();
  }

  async confirmKit(proof: KitProof): Promise<void> {
    const vault = this.openVault();
    const kit = await vault.pendingKit();
    if (kit === null) return;
    await checkProof(kit, proof);
    await vault.dropPendingKit();
    this.state.set({ kind: "open", person: this.person(vault.session) });
  }

  checkCode(text: string): Promise<CodeCheck> {
    return checkCode(text);
  }

  async signIn(
    request: { email: string; password: string; sharedComputer?: boolean },
    onProgress?: Progress<KeyProgress>,
  ): Promise<void> {
    this.store.shareComputer(request.sharedComputer === true);
    await this.open(await this.sessions.signIn(request, reporter(onProgress)));
  }

  async unlock(password: string): Promise<void> {
    const session = await this.sessions.unlock(password);
    try {
      await this.open(session);
    } catch (error) {
      if (!isRefusal(error, "not-signed-in")) throw error;
      // The session has ended meanwhile; the password that opens the key begins another one.
      const { email } = session.profile;
      await this.open(await this.sessions.signIn({ email, password }, () => {}));
    }
  }

  lock(): void {
    this.closeVault("asked");
  }

  stillHere(): void {
    this.autoLock.stillHere();
  }

  async signOut(options: { everywhere?: boolean; forget?: boolean } = {}): Promise<void> {
    if (options.everywhere === true) await this.transport.call("DELETE", "/sessions");
    await this.transport.call("DELETE", "/sessions/current").catch((error: unknown) => {
      // It had ended already, or ends by itself.
      if (!isRefusal(error, "not-signed-in", "unreachable", "unavailable")) throw error;
    });
    await this.endSessionHere("signed-out", options.forget === true || this.store.isSharedComputer);
  }

  async resetPassword(
    request: { kitFile: Uint8Array; code: string; newPassword: string; sharedComputer?: boolean },
    onProgress?: Progress<KeyProgress>,
  ): Promise<void> {
    this.store.shareComputer(request.sharedComputer === true);
    const report = reporter(onProgress);
    const session = await resetPassword(this.store, this.transport, this.sessions, request, report);
    const vault = await this.open(session, { isReset: true });
    report("index", 80);
    await vault.index.rotate();
    report("index", 100);
  }

  // -- security

  async listSessions(): Promise<DeviceSession[]> {
    const answer = await this.transport.call("GET", "/sessions");
    return answers.parts(answer, "items").map((item) => ({
      id: answers.text(item, "id"),
      label: answers.text(item, "label"),
      address: answers.text(item, "address"),
      created: answers.text(item, "created"),
      lastUsed: answers.text(item, "last_used"),
      expires: answers.text(item, "expires"),
      isCurrent: item["current"] === true,
    }));
  }

  async endSession(id: string): Promise<void> {
    const current = (await this.listSessions()).find((session) => session.id === id);
    if (current?.isCurrent) await this.signOut();
    else await this.transport.call("DELETE", `/sessions/${encodeURIComponent(id)}`);
  }

  async changePassword(
    { current, next }: { current: string; next: string },
    onProgress?: Progress<KeyProgress>,
  ): Promise<void> {
    const vault = this.openVault();
    const report = reporter(onProgress);
    vault.session = await this.sessions.changePassword(vault.session, current, next, report);
    report("index", 75);
    await vault.index.rotate();
    report("index", 100);
  }

  async newKit(password: string, onProgress?: Progress<KeyProgress>): Promise<Kit> {
    const vault = this.openVault();
    reporter(onProgress)("kit", 10);
    const kit = await vault.renewKit(password);
    this.state.set({ kind: "kit", person: this.person(vault.session), isFirst: false });
    return kit;
  }

  freshKitFile(): Promise<Kit> {
    return this.openVault().freshKitFile();
  }

  async deleteAccount({ email, password }: { email: string; password: string }): Promise<void> {
    const { profile } = this.openVault().session;
    if (email.trim().toLowerCase() !== profile.email) {
      throw invalid("email", "shape", "The address typed is not this account's; nothing was deleted.");
    }
    const stretched = await this.sessions.stretchPinned(profile, password);
    const body = { confirm: profile.email, login_secret: stretched.loginSecret };
    await this.transport.call("POST", "/account/delete", { body });
    await this.endSessionHere("deleted", true);
  }

  async quota(): Promise<Quota> {
    const quota = answers.part(await this.transport.call("GET", "/account"), "quota");
    return { usedBytes: answers.number(quota, "used_bytes"), limitBytes: answers.number(quota, "limit_bytes") };
  }

  // -- reports

  async refresh(): Promise<void> {
    const vault = this.openVault();
    await vault.read();
    this.show(vault);
  }

  edit(report: string, change: { title?: string; category?: string }): Promise<void> {
    return this.wish({ kind: "edit", report, ...change });
  }

  trash(reports: readonly string[]): Promise<void> {
    return this.wish({ kind: "trash", reports });
  }

  restore(reports: readonly string[]): Promise<void> {
    return this.wish({ kind: "restore", reports });
  }

  purge(reports: readonly string[]): Promise<void> {
    return this.wish({ kind: "purge", reports });
  }

  private async wish(wish: Wish): Promise<void> {
    const vault = this.openVault();
    await vault.changer.wish(wish);
    this.show(vault);
  }

  versions(report: string): Promise<VersionRow[]> {
    const vault = this.openVault();
    return versionRows(vault, requireReport(vault.index.state, report));
  }

  async preview(id: string, options: { maxBytes: number; revision?: number }): Promise<Preview> {
    const vault = this.openVault();
    const report = await openRevision(vault, requireReport(vault.index.state, id), options.revision);
    const { meta, verdict } = report;
    return {
      id,
      revision: meta.revision,
      fileName: meta.file_name,
      mediaType: meta.media_type,
      sizeBytes: meta.size_bytes,
      signature: verdict,
      bytes: await readContent(report, vault.gateways, options.maxBytes),
    };
  }

  verify(report: string, onChange: (verification: Verification) => void): Promise<Verification> {
    return verifyReport(this.openVault(), report, onChange);
  }

  // -- transfers

  upload(items: readonly UploadItem[]): Promise<readonly string[]> {
    return this.openUploads().add(items);
  }

  async update(report: string, item: UploadItem): Promise<string> {
    const [id] = await this.openUploads().add([item], report);
    return id!;
  }

  async resumeUploads(files: readonly File[]): Promise<readonly string[]> {
    return this.openUploads().resume(files);
  }

  pauseUploads(): void {
    this.openUploads().pause();
  }

  continueUploads(): void {
    this.openUploads().continue();
  }

  pauseUpload(id: string): void {
    this.openUploads().pauseOne(id);
  }

  continueUpload(id: string): void {
    this.openUploads().continueOne(id);
  }

  cancelUpload(id: string): Promise<void> {
    return this.openUploads().cancel(id);
  }

  async uploadAnyway(id: string): Promise<void> {
    this.openUploads().anyway(id);
  }

  clearUploads(): void {
    this.openUploads().clear();
  }

  download(report: string, target: DownloadTarget, options: { revision?: number } = {}): Promise<string> {
    const vault = this.openVault();
    if (target.kind === "file") return this.downloads.toFile(vault, report, target.handle, options.revision);
    return this.downloads.toBrowser(vault, report, (file, name) => this.onFile(file, name), options.revision);
  }

  cancelDownload(id: string): void {
    this.downloads.cancel(id);
  }

  // -- copies and settings

  refreshCopies(): Promise<void> {
    return this.copies.refresh(this.openVault());
  }

  testCopies(): Promise<void> {
    return this.copies.test(this.openVault());
  }

  async changeSettings(change: Partial<Settings>): Promise<void> {
    const settings = { ...this.settings.current, ...change };
    if (settings.gateways.length > LIMITS.MAX_GATEWAYS || !settings.gateways.every(isUrl)) {
      throw invalid("gateways", "shape", "A gateway is an address that begins with https:// or http://.");
    }
    if (!(settings.lockMinutes >= 1 && settings.lockMinutes <= 240)) {
      throw invalid("lockMinutes", "shape", "The vault locks after 1 to 240 minutes.");
    }
    await this.store.saveSettings(settings);
    this.settings.set(settings);
    this.autoLock.setMinutes(settings.lockMinutes);
    if (change.gateways !== undefined) this.gateways.replace(this.gatewayUrls());
  }

  // -- inside

  private makeGateways(): Gateways {
    const gateways = new Gateways(this.gatewayUrls());
    gateways.onChange = () => this.tellConnection();
    return gateways;
  }

  private gatewayUrls(): string[] {
    return [this.transport.origin, ...this.settings.current.gateways];
  }

  private openVault(): Vault {
    if (this.vault === null) throw refusal("not-signed-in", "The vault is locked.");
    return this.vault;
  }

  private openUploads(): Uploads {
    this.openVault();
    return this.uploads!;
  }

  /** Opens the vault: the state is `open` or `kit` once its list could be read, or why it could not. */
  private async open(session: Session, options: { isReset?: boolean } = {}): Promise<Vault> {
    const { store, transport, gateways, sessions } = this;
    this.discard();
    const vault = new Vault({ store, transport, gateways, sessions }, session);
    const uploads = new Uploads(vault);
    this.vault = vault;
    this.uploads = uploads;
    uploads.view.subscribe((view) => {
      this.onUploads(view);
      if (view.items.some(({ state }) => state === "saved") && vault.isRead) this.show(vault);
    });
    vault.onWaiting = () => {
      this.tellConnection();
      this.show(vault);
    };
    this.reports.begin("loading");
    this.autoLock.begin(this.settings.current.lockMinutes);
    try {
      await vault.read();
    } catch (error) {
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
    this.show(vault);
    this.tellConnection();
    const person = this.person(vault.session);
    const hasKit = vault.session.profile.sealedKit !== null;
    this.state.set(hasKit ? { kind: "kit", person, isFirst: true } : { kind: "open", person });
    return vault;
  }

  private show(vault: Vault): void {
    if (vault === this.vault) this.reports.show(vault.rows(), vault.refused);
  }

  private person({ profile }: { profile: Profile }): Person {
    const { email, name, account, fingerprint, keyId, ipnsName } = profile;
    const sharedComputer = this.store.isSharedComputer;
    return { email, name, account, fingerprint, keyId, ipnsName, sharedComputer };
  }

  private discard(): void {
    clearTimeout(this.again);
    this.autoLock.end();
    this.uploads?.close();
    this.downloads.close();
    this.copies.close();
    this.vault?.key.close();
    this.vault = null;
    this.uploads = null;
    this.reports.begin("closed");
  }

  private closeVault(reason: LockReason): void {
    const email = this.vault?.session.profile.email;
    this.discard();
    if (email === undefined) return;
    // On a shared computer nothing is kept to open it again with.
    const isKept = !this.store.isSharedComputer;
    if (!isKept) void this.store.forget();
    this.state.set(isKept ? { kind: "locked", email, reason } : { kind: "none", notice: "signed-out" });
  }

  private async endSessionHere(notice: "signed-out" | "deleted", isForgotten: boolean): Promise<void> {
    const profile = await this.store.profile();
    this.discard();
    this.transport.token = null;
    if (isForgotten) await this.store.forget();
    else if (profile !== null) await this.store.save({ ...profile, isSignedIn: false });
    this.store.shareComputer(false);
    this.state.set({ kind: "none", notice });
  }

  /** The server answered, or did not: what waits is sent once it is back. */
  private reached(isReached: boolean): void {
    const { kind } = this.connection.current;
    if (isReached === (kind === "online")) return;
    clearTimeout(this.again);
    if (isReached) {
      this.tellConnection("online");
      const { vault } = this;
      if (vault !== null) void this.comeBack(vault);
      return;
    }
    this.tellConnection(globalThis.navigator?.onLine === false ? "offline" : "gateways");
    this.again = setTimeout(() => this.askAgain(), ASK_AGAIN_MS);
  }

  private async comeBack(vault: Vault): Promise<void> {
    try {
      if (vault.isRead) await vault.changer.sendWaiting();
      await vault.read();
      this.show(vault);
    } catch {
      // The next answer or the next change tells.
    }
  }

  /** Asks until the server answers. */
  private askAgain(): void {
    this.transport.call("GET", "/server", { isRepeatable: false }).catch(() => {
      clearTimeout(this.again);
      this.again = setTimeout(() => this.askAgain(), ASK_AGAIN_MS);
    });
  }

  private tellConnection(kind: Connection["kind"] = this.connection.current.kind): void {
    this.connection.set({
      kind,
      waiting: this.vault?.changer.waiting.length ?? 0,
      gateways: this.gateways.records.map(({ url, blocks, bytes, state }) => ({ url, blocks, bytes, state })),
      retryAt: null,
    });
  }
}

function reporter(onProgress: Progress<KeyProgress>): Report {
  return (step, percent) => onProgress?.({ step, percent });
}

/** Throws `invalid-input` naming the groups that are wrong, `kit-refused` for another file. */
async function checkProof(kit: Kit, proof: KitProof): Promise<void> {
  if (proof.kind === "file") {
    const file = await readKit(proof.bytes);
    const made = await readKit(kit.file);
    const isSame = file.recovery_mac === made.recovery_mac && file.seal_mac === made.seal_mac;
    if (!isSame) throw refusal("kit-refused", "This is another kit than the one just made.");
    return;
  }
  if (proof.kind === "code") {
    if ((await parseCode(proof.text)) !== kit.code) throw mistyped([]);
    return;
  }
  const numbers = new Set(proof.groups.map(({ number }) => number));
  if (numbers.size < 2) throw mistyped([]);
  const wrong: number[] = [];
  for (const { number, text } of proof.groups) {
    const group = await parseGroup(number, text).catch(() => null);
    if (group !== kit.groups[number - 1]) wrong.push(number);
  }
  if (wrong.length > 0) throw mistyped(wrong);
}
