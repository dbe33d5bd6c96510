/** The engine in its worker: what the page may ask for, and the feeds that tell it what changes. */
import { Gateways } from "../api/gateways.ts";
import { Transport } from "../api/transport.ts";
import { checkCode } from "../crypto/recovery-code.ts";
import type { Source } from "../engine/feed.ts";
import type {
  CodeCheck,
  Connection,
  DeviceSession,
  DownloadTarget,
  KeyProgress,
  Kit,
  KitProof,
  PasswordJudgement,
  Preview,
  Quota,
  ServerFacts,
  Settings,
  Subject,
  UploadItem,
  Uploads,
  VaultState,
  Verification,
  VersionRow,
} from "../engine/interface.ts";
import { requireReport } from "../vault/index/state.ts";
import { newSubject, subjectNames } from "../vault/subjects.ts";
import { Account, type Progress } from "./account.ts";
import { catchUp } from "./catching-up.ts";
import type { Wish } from "./changing.ts";
import type { Copies } from "./copies.ts";
import { Door } from "./door.ts";
import type { Downloads } from "./downloads.ts";
import { openRevision, readContent, versionRows } from "./fetching.ts";
import { judgePassword } from "./password-strength.ts";
import { Preferences } from "./preferences.ts";
import { Reach } from "./reach.ts";
import type { ReportFeed } from "./report-feed.ts";
import { Sessions } from "./session.ts";
import type { Sharing } from "./sharing.ts";
import type { Store } from "./store.ts";

export class EngineInWorker {
  readonly state: Source<VaultState>;
  readonly connection: Source<Connection>;
  readonly settings: Source<Settings>;
  readonly lockingIn: Source<number | null>;
  readonly reports: ReportFeed;
  readonly downloads: Downloads;
  readonly copies: Copies;
  /** What the page calls of sharing, and its feeds. */
  readonly sharing: Sharing;
  /** Given whole files for the browser's downloads. */
  onFile: (file: File, fileName: string) => void = () => {};

  private readonly account: Account;
  private readonly door: Door;
  private readonly gateways: Gateways;
  private readonly preferences: Preferences;
  private readonly transport: Transport;

  constructor(store: Store, origin: string) {
    const transport = (this.transport = new Transport(origin));
    const sessions = new Sessions(store, transport);
    const preferences = (this.preferences = new Preferences(store));
    const gateways = (this.gateways = new Gateways([origin]));
    const reach = new Reach(transport, gateways);
    this.door = new Door({ store, transport, gateways, sessions, reach, preferences });
    this.account = new Account(this.door, { store, transport, sessions });
    this.connection = reach.view;
    this.settings = preferences.view;
    ({
      state: this.state,
      lockingIn: this.lockingIn,
      reports: this.reports,
      downloads: this.downloads,
      copies: this.copies,
      sharing: this.sharing,
    } = this.door);
  }

  async start(): Promise<void> {
    await this.preferences.load();
    this.useGateways();
    await this.door.start();
  }

  /** Told of what the upload queue shows. */
  set onUploads(tell: (uploads: Uploads) => void) {
    this.door.onUploads = tell;
  }

  // -- coming in and going out

  server(): Promise<ServerFacts> {
    return this.account.server();
  }

  judgePassword(password: string, about: { email: string; name: string }): Promise<PasswordJudgement> {
    return judgePassword(password, about);
  }

  signUp(
    request: { email: string; name: string; password: string; invite?: string; sharedComputer?: boolean },
    onProgress?: Progress<KeyProgress>,
  ): Promise<Kit> {
    return this.account.signUp(request, onProgress);
  }

  async pendingKit(): Promise<Kit | null> {
    return this.door.vault.pendingKit();
  }

  confirmKit(proof: KitProof): Promise<void> {
    return this.account.confirmKit(proof);
  }

  checkCode(text: string): Promise<CodeCheck> {
    return checkCode(text);
  }

  signIn(
    request: { email: string; password: string; sharedComputer?: boolean },
    onProgress?: Progress<KeyProgress>,
  ): Promise<void> {
    return this.account.signIn(request, onProgress);
  }

  unlock(password: string): Promise<void> {
    return this.account.unlock(password);
  }

  lock(): void {
    this.door.close("asked");
  }

  stillHere(): void {
    this.door.stillHere();
  }

  signOut(options: { everywhere?: boolean; forget?: boolean } = {}): Promise<void> {
    return this.account.signOut(options);
  }

  resetPassword(
    request: { kitFile: Uint8Array; code: string; newPassword: string; sharedComputer?: boolean },
    onProgress?: Progress<KeyProgress>,
  ): Promise<void> {
    return this.account.resetPassword(request, onProgress);
  }

  // -- security

  listSessions(): Promise<DeviceSession[]> {
    return this.account.listSessions();
  }

  endSession(id: string): Promise<void> {
    return this.account.endSession(id);
  }

  knowSession(id: string): Promise<void> {
    return this.account.knowSession(id);
  }

  changePassword(
    request: { current: string; next: string },
    onProgress?: Progress<KeyProgress>,
  ): Promise<void> {
    return this.account.changePassword(request, onProgress);
  }

  newKit(password: string, onProgress?: Progress<KeyProgress>): Promise<Kit> {
    return this.account.newKit(password, onProgress);
  }

  freshKitFile(): Promise<Kit> {
    return this.door.vault.freshKitFile();
  }

  deleteAccount(request: { email: string; password: string }): Promise<void> {
    return this.account.delete(request);
  }

  quota(): Promise<Quota> {
    return this.account.quota();
  }

  // -- reports

  async refresh(): Promise<void> {
    const { vault } = this.door;
    await catchUp(vault);
    this.door.show(vault);
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
    const { vault, changer } = this.door;
    await changer.wish(wish);
    this.door.show(vault);
  }

  versions(report: string): Promise<VersionRow[]> {
    const { vault } = this.door;
    return versionRows(vault, requireReport(vault.index.state, report));
  }

  async preview(id: string, options: { maxBytes: number; revision?: number }): Promise<Preview> {
    const { vault } = this.door;
    const report = await openRevision(vault, requireReport(vault.index.state, id), options.revision);
    const { meta, verdict } = report;
    const bytes = await readContent(vault, report, options.maxBytes);
    vault.requireOpen();
    return {
      id,
      revision: meta.revision,
      fileName: meta.file_name,
      mediaType: meta.media_type,
      sizeBytes: meta.size_bytes,
      signature: verdict,
      bytes,
    };
  }

  async subjects(): Promise<Subject[]> {
    return [...subjectNames(this.door.vault.index.state.keys)].map(([id, name]) => ({ id, name }));
  }

  async addSubject(name: string): Promise<string> {
    const { index } = this.door.vault;
    const subject = newSubject(index.state.keys, name);
    await index.change([{ kind: "put-subject", subject }]);
    return subject.id;
  }

  async verify(report: string, onChange: (verification: Verification) => void): Promise<Verification> {
    const { vault } = this.door;
    const { verifyReport } = await import("./desks.ts");
    return verifyReport(vault, report, onChange);
  }

  // -- transfers

  upload(items: readonly UploadItem[]): Promise<readonly string[]> {
    return this.door.uploads.add(items);
  }

  async update(report: string, item: UploadItem): Promise<string> {
    const [id] = await this.door.uploads.add([item], report);
    return id!;
  }

  async resumeUploads(files: readonly File[]): Promise<readonly string[]> {
    return this.door.uploads.resume(files);
  }

  async reopenUploads(ids?: readonly string[]): Promise<readonly string[]> {
    return this.door.uploads.reopen(ids);
  }

  /** For the page, which alone may ask the person: see `reopenUploads` there. */
  async uploadHandles(ids?: readonly string[]): Promise<readonly FileSystemFileHandle[]> {
    return this.door.uploads.handles(ids);
  }

  pauseUploads(): void {
    this.door.uploads.pause();
  }

  continueUploads(): void {
    this.door.uploads.continue();
  }

  pauseUpload(id: string): void {
    this.door.uploads.pauseOne(id);
  }

  continueUpload(id: string): void {
    this.door.uploads.continueOne(id);
  }

  cancelUpload(id: string): Promise<void> {
    return this.door.uploads.cancel(id);
  }

  async uploadAnyway(id: string): Promise<void> {
    this.door.uploads.anyway(id);
  }

  clearUploads(): void {
    this.door.uploads.clear();
  }

  download(report: string, target: DownloadTarget, options: { revision?: number } = {}): Promise<string> {
    const { vault } = this.door;
    if (target.kind === "file") return this.downloads.toFile(vault, report, target.handle, options.revision);
    return this.downloads.toBrowser(vault, report, (file, name) => this.onFile(file, name), options.revision);
  }

  cancelDownload(id: string): void {
    this.downloads.cancel(id);
  }

  // -- copies and settings

  refreshCopies(): Promise<void> {
    return this.copies.refresh(this.door.vault);
  }

  testCopies(): Promise<void> {
    return this.copies.test(this.door.vault);
  }

  async changeSettings(change: Partial<Settings>): Promise<void> {
    await this.preferences.change(change);
    this.door.setLockMinutes(this.settings.current.lockMinutes);
    if (change.gateways !== undefined) this.useGateways();
  }

  private useGateways(): void {
    this.gateways.replace([this.transport.origin, ...this.settings.current.gateways]);
  }
}
