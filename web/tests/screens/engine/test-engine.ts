// An engine for the screens' own tests: it keeps reports in memory, makes no keys and sends nothing. It is never in the
// bundle that people get: nothing under src imports it.

import { EngineError } from "../../../src/engine/errors.ts";
import { Source } from "../../../src/engine/feed.ts";
import type {
  CodeCheck,
  Connection,
  CopiesView,
  DeviceSession,
  Download,
  Engine,
  KeyProgress,
  Kit,
  KitProof,
  PasswordJudgement,
  Preview,
  ReportRow,
  Settings,
  Subject,
  Upload,
  UploadItem,
  Uploads,
  VaultState,
  Verification,
  VersionRow,
} from "../../../src/engine/interface.ts";
import * as sample from "./sample.ts";
import { TestSharing } from "./test-sharing.ts";

export const noUploads: Uploads = { items: [], totalBytes: 0, sentBytes: 0, secondsLeft: null, isPaused: false };

/** The password that opens the vault in tests. */
export const rightPassword = "copper-violin-harbour-seven";

export class TestEngine extends TestSharing implements Engine {
  private known: readonly Subject[] = [sample.grandmother];
  readonly state = new Source<VaultState>({ kind: "open", person: sample.mira });
  readonly uploads = new Source<Uploads>(noUploads);
  readonly downloads = new Source<readonly Download[]>([]);
  readonly connection = new Source<Connection>({ kind: "online", waiting: 0, dropped: 0, gateways: [], retryAt: null });
  readonly settings = new Source<Settings>({
    gateways: ["https://ipfs.northgate.example"],
    lockMinutes: 15,
    theme: "system",
    language: "system",
    isSlashSearch: true,
  });
  readonly copies = new Source<CopiesView>({ status: "not-offered", items: [], tested: 0, total: 0, failed: [], error: null });
  readonly lockingIn = new Source<number | null>(null);

  /** Bytes that previews show, by media type. */
  readonly contents = new Map<string, Uint8Array<ArrayBuffer>>();
  previewError: EngineError | null = null;
  isTampered = false;
  registration: "open" | "invite" | "closed" = "open";
  /** Makes the next sign-up, sign-in or unlock stop at this progress for ever: pictures of work under way. */
  stuckAt: KeyProgress | null = null;
  failWith: EngineError | null = null;
  /** The next preview, list of versions, of sessions or of copies is refused. */
  loadError: EngineError | null = null;
  /** Where she is signed in. */
  listed: readonly DeviceSession[] = sample.sessions;
  /** Every change of a report is refused. */
  changeError: EngineError | null = null;

  server(): Promise<{ version: string; registration: "open" | "invite" | "closed"; gateways: readonly string[] }> {
    return Promise.resolve({ version: "1", registration: this.registration, gateways: [] });
  }

  judgePassword(password: string): Promise<PasswordJudgement> {
    const score = Math.min(4, Math.floor(password.length / 6)) as PasswordJudgement["score"];
    return Promise.resolve({ acceptable: score >= 3, score, rule: score >= 3 ? "ok" : "weak" });
  }

  async signUp(_request: unknown, onProgress?: (progress: KeyProgress) => void): Promise<Kit> {
    await this.work(onProgress);
    this.state.set({ kind: "kit", person: sample.mira, isFirst: true });
    return sample.kit;
  }

  pendingKit(): Promise<Kit | null> {
    return Promise.resolve(sample.kit);
  }

  confirmKit(proof: KitProof): Promise<void> {
    if (proof.kind === "groups") {
      const wrong = proof.groups.filter(({ number, text }) => sample.kit.groups[number - 1] !== text.toUpperCase());
      if (wrong.length > 0) {
        return Promise.reject(
          new EngineError("invalid-input", "wrong groups", { groups: wrong.map(({ number }) => number) }),
        );
      }
    }
    this.state.set({ kind: "open", person: sample.mira });
    return Promise.resolve();
  }

  checkCode(text: string): Promise<CodeCheck> {
    return Promise.resolve({ isComplete: text.length >= 32, wrongGroups: text.includes("!") ? [3] : [] });
  }

  async signIn(request: { password: string }, onProgress?: (progress: KeyProgress) => void): Promise<void> {
    await this.work(onProgress);
    this.open(request.password);
  }

  async unlock(password: string): Promise<void> {
    await this.work();
    this.open(password);
  }

  private open(password: string): void {
    if (password !== rightPassword) throw new EngineError("credentials-refused", "wrong password");
    this.state.set({ kind: "open", person: sample.mira });
  }

  private work(onProgress?: (progress: KeyProgress) => void): Promise<void> {
    if (this.failWith !== null) return Promise.reject(this.failWith);
    if (this.stuckAt === null) return Promise.resolve();
    onProgress?.(this.stuckAt);
    return new Promise(() => undefined);
  }

  lock(): void {
    this.state.set({ kind: "locked", email: sample.mira.email, reason: "asked" });
  }

  stillHere(): void {
    this.lockingIn.set(null);
  }

  signOut(): Promise<void> {
    this.state.set({ kind: "none", notice: "signed-out" });
    return Promise.resolve();
  }

  async resetPassword(_request: unknown, onProgress?: (progress: KeyProgress) => void): Promise<void> {
    await this.work(onProgress);
    this.state.set({ kind: "open", person: sample.mira });
  }

  private async failOnce(): Promise<void> {
    const error = this.loadError;
    this.loadError = null;
    await Promise.resolve();
    if (error !== null) throw error;
  }

  async sessions(): Promise<readonly DeviceSession[]> {
    await this.failOnce();
    return this.listed;
  }

  endSession(id: string): Promise<void> {
    this.listed = this.listed.filter((session) => session.id !== id);
    return Promise.resolve();
  }

  knowSession(id: string): Promise<void> {
    this.listed = this.listed.map((session) => (session.id === id ? { ...session, isUnknown: false } : session));
    return Promise.resolve();
  }

  changePassword(request: { current: string }): Promise<void> {
    if (request.current !== rightPassword) return Promise.reject(new EngineError("credentials-refused", "wrong"));
    return Promise.resolve();
  }

  newKit(): Promise<Kit> {
    this.state.set({ kind: "kit", person: sample.mira, isFirst: false });
    return Promise.resolve(sample.kit);
  }

  freshKitFile(): Promise<Kit> {
    return Promise.resolve(sample.kit);
  }

  deleteAccount(): Promise<void> {
    this.state.set({ kind: "none", notice: "deleted" });
    return Promise.resolve();
  }

  quota(): Promise<{ usedBytes: number; limitBytes: number }> {
    return Promise.resolve({ usedBytes: 1_340_000_000, limitBytes: 10_000_000_000 });
  }

  refresh(): Promise<void> {
    return Promise.resolve();
  }

  private change(reports: readonly string[], change: Partial<ReportRow>): Promise<void> {
    if (this.changeError !== null) return Promise.reject(this.changeError);
    const list = this.reports.current;
    this.reports.set({
      ...list,
      rows: list.rows.map((row) => (reports.includes(row.id) ? { ...row, ...change } : row)),
    });
    return Promise.resolve();
  }

  edit(report: string, change: { title?: string; category?: string }): Promise<void> {
    return this.change([report], change);
  }

  trash(reports: readonly string[]): Promise<void> {
    return this.change(reports, { deleted: "2026-11-12T10:00:00Z" });
  }

  restore(reports: readonly string[]): Promise<void> {
    return this.change(reports, { deleted: null });
  }

  purge(reports: readonly string[]): Promise<void> {
    const list = this.reports.current;
    this.reports.set({ ...list, rows: list.rows.filter((row) => !reports.includes(row.id)) });
    return Promise.resolve();
  }

  async versions(): Promise<readonly VersionRow[]> {
    await this.failOnce();
    return sample.versions;
  }

  async preview(report: string): Promise<Preview> {
    if (this.previewError !== null) throw this.previewError;
    await this.failOnce();
    const row = this.row(report);
    return {
      id: report,
      revision: row.revision,
      fileName: row.fileName,
      mediaType: row.mediaType,
      sizeBytes: row.sizeBytes,
      signature: this.isTampered ? "invalid" : "valid",
      bytes: (this.contents.get(row.mediaType) ?? new TextEncoder().encode("Nothing to see.")).slice(),
    };
  }

  subjects(): Promise<readonly Subject[]> {
    return Promise.resolve(this.known);
  }

  addSubject(name: string): Promise<string> {
    const id = `person:${String(this.known.length).padStart(32, "0")}`;
    this.known = [...this.known, { id, name }];
    return Promise.resolve(id);
  }

  verify(report: string, onChange: (verification: Verification) => void): Promise<Verification> {
    const proof = sample.verification(this.row(report), !this.isTampered);
    onChange(proof);
    return Promise.resolve(proof);
  }

  private row(report: string): ReportRow {
    const row = this.reports.current.rows.find(({ id }) => id === report);
    if (row === undefined) throw new EngineError("not-found", "no such report");
    return row;
  }

  upload(items: readonly UploadItem[]): Promise<readonly string[]> {
    const made = items.map(
      ({ file }, index): Upload => ({
        id: `u${String(this.uploads.current.items.length + index)}`,
        fileName: file.name,
        sizeBytes: file.size,
        sentBytes: 0,
        state: "queued",
        secondsLeft: null,
        report: null,
        copies: 0,
        canReopen: false,
        error: null,
      }),
    );
    this.uploads.set({ ...this.uploads.current, items: [...this.uploads.current.items, ...made] });
    return Promise.resolve(made.map(({ id }) => id));
  }

  update(_report: string, item: UploadItem): Promise<string> {
    return this.upload([item]).then(([id]) => id!);
  }

  resumeUploads(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  reopenUploads(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  pauseUpload(id: string): void {
    this.become(id, "paused");
  }

  continueUpload(id: string): void {
    this.become(id, "queued");
  }

  pauseUploads(): void {
    this.uploads.set({ ...this.uploads.current, isPaused: true });
  }

  continueUploads(): void {
    this.uploads.set({ ...this.uploads.current, isPaused: false });
  }

  cancelUpload(id: string): Promise<void> {
    this.become(id, "cancelled");
    return Promise.resolve();
  }

  private become(id: string, state: Upload["state"]): void {
    const items = this.uploads.current.items.map((one) => (one.id === id ? { ...one, state } : one));
    this.uploads.set({ ...this.uploads.current, items });
  }

  uploadAnyway(): Promise<void> {
    return Promise.resolve();
  }

  clearUploads(): void {
    this.uploads.set(noUploads);
  }

  download(report: string): Promise<string> {
    const { fileName, sizeBytes } = this.row(report);
    this.downloads.set([
      { id: "d1", report, fileName, sizeBytes, doneBytes: sizeBytes * 0.4, state: "running", secondsLeft: 20, error: null },
    ]);
    return Promise.resolve("d1");
  }

  cancelDownload(): void {
    this.downloads.set([]);
  }

  async refreshCopies(): Promise<void> {
    try {
      await this.failOnce();
      if (this.copies.current.status === "failed") this.copies.set({ ...this.copies.current, status: "ready", error: null });
    } catch (error) {
      this.copies.set({ ...this.copies.current, status: "failed", error: error as EngineError });
    }
  }

  testCopies(): Promise<void> {
    this.copies.set({ ...this.copies.current, tested: 3 });
    return Promise.resolve();
  }

  changeSettings(change: Partial<Settings>): Promise<void> {
    this.settings.set({ ...this.settings.current, ...change });
    return Promise.resolve();
  }
}
