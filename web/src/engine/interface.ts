/**
 * What the screens program against: the vault as its owner uses it.
 *
 * Everything behind it runs in a worker; no key, session key, stretched password or token is ever
 * given out. Times are RFC 3339 in UTC, sizes bytes, ids 32 lower-case hex digits. Every promise
 * rejects with an `EngineError`.
 */
import type {
  CodeCheck,
  DeviceSession,
  KeyProgress,
  Kit,
  KitProof,
  PasswordJudgement,
  Quota,
  VaultState,
} from "./account.ts";
import type { EngineError } from "./errors.ts";
import type { Feed } from "./feed.ts";
import type { GatewayUse, Preview, ReportList, Subject, Verification, VersionRow } from "./reports.ts";
import type { SharingEngine } from "./sharing.ts";
import type { Download, DownloadTarget, UploadItem, Uploads } from "./transfers.ts";

// ---- copies, connection, settings -----------------------------------------------------------

export interface Copies {
  readonly report: string;
  readonly copies: number;
  readonly places: readonly string[];
  readonly lastChecked: string | null;
  readonly state: "good" | "one" | "short" | "never" | "missing";
}

export interface CopiesView {
  readonly status: "unknown" | "loading" | "ready" | "failed" | "not-offered";
  readonly items: readonly Copies[];
  /** While testing. */
  readonly tested: number;
  readonly total: number;
  /** Gateways that did not do their part in the last test; the others were asked in their place. */
  readonly failed: readonly { readonly url: string; readonly state: "lied" | "down" | "busy" }[];
  readonly error: EngineError | null;
}

export interface Connection {
  /** `gateways`: our server does not answer; reading goes on through gateways. */
  readonly kind: "online" | "gateways" | "offline";
  /** Changes that wait to be sent. */
  readonly waiting: number;
  /** Of those that waited, how many could not be made and wait no more. */
  readonly dropped: number;
  readonly gateways: readonly GatewayUse[];
  /** The server asks to come back only then. */
  readonly retryAt: number | null;
}

export interface Settings {
  /** Origins, tried in this order after our own server. */
  readonly gateways: readonly string[];
  /** Minutes of quiet until the vault locks; 1…240. */
  readonly lockMinutes: number;
  readonly theme: "system" | "light" | "dark";
  /** BCP 47, or `system`. */
  readonly language: string;
  readonly isSlashSearch: boolean;
}

export interface ServerFacts {
  readonly version: string;
  readonly registration: "open" | "invite" | "closed";
  readonly gateways: readonly string[];
}

// ---- the engine ----------------------------------------------------------------------------

export interface Engine extends SharingEngine {
  readonly state: Feed<VaultState>;
  readonly reports: Feed<ReportList>;
  readonly uploads: Feed<Uploads>;
  readonly downloads: Feed<readonly Download[]>;
  readonly connection: Feed<Connection>;
  readonly settings: Feed<Settings>;
  readonly copies: Feed<CopiesView>;
  /** Seconds until the vault locks by itself, from 60 on; null before. */
  readonly lockingIn: Feed<number | null>;

  // -- coming in and going out
  server(): Promise<ServerFacts>;
  judgePassword(password: string, about: { email: string; name: string }): Promise<PasswordJudgement>;
  signUp(
    request: { email: string; name: string; password: string; invite?: string; sharedComputer?: boolean },
    onProgress?: (progress: KeyProgress) => void,
  ): Promise<Kit>;
  /** The kit that is not proven yet, sealed in this browser since it was made; null when none. */
  pendingKit(): Promise<Kit | null>;
  /** Rejects with `invalid-input` and `facts.groups` when a group is wrong. */
  confirmKit(proof: KitProof): Promise<void>;
  checkCode(text: string): Promise<CodeCheck>;
  signIn(
    request: { email: string; password: string; sharedComputer?: boolean },
    onProgress?: (progress: KeyProgress) => void,
  ): Promise<void>;
  unlock(password: string): Promise<void>;
  lock(): void;
  /** Puts off the automatic lock: call on input, at most once a second. */
  stillHere(): void;
  /** Ends this session, or all of them; what the device has pinned stays unless `forget`. */
  signOut(options?: { everywhere?: boolean; forget?: boolean }): Promise<void>;
  resetPassword(
    request: { kitFile: Uint8Array; code: string; newPassword: string; sharedComputer?: boolean },
    onProgress?: (progress: KeyProgress) => void,
  ): Promise<void>;

  // -- security
  sessions(): Promise<readonly DeviceSession[]>;
  endSession(id: string): Promise<void>;
  /** She says that this one is hers: it is `isUnknown` no more in this browser. */
  knowSession(id: string): Promise<void>;
  changePassword(
    request: { current: string; next: string },
    onProgress?: (progress: KeyProgress) => void,
  ): Promise<void>;
  /** A new code and file; the state becomes `kit` until it is proven. */
  newKit(password: string, onProgress?: (progress: KeyProgress) => void): Promise<Kit>;
  /** The file written afresh under the code she has; `code` is empty in it. */
  freshKitFile(): Promise<Kit>;
  deleteAccount(request: { email: string; password: string }): Promise<void>;
  quota(): Promise<Quota>;

  // -- reports
  refresh(): Promise<void>;
  /** Resolves once durable, or once queued when the server does not answer (`state: "waiting"`). */
  edit(report: string, change: { title?: string; category?: string }): Promise<void>;
  trash(reports: readonly string[]): Promise<void>;
  restore(reports: readonly string[]): Promise<void>;
  /** For good; only from the trash. */
  purge(reports: readonly string[]): Promise<void>;
  versions(report: string): Promise<readonly VersionRow[]>;
  /** Rejects with `too-large` above `maxBytes`. */
  preview(report: string, options: { maxBytes: number; revision?: number }): Promise<Preview>;
  /** People without an account whose records this vault keeps, by the names that its owner gave them. */
  subjects(): Promise<readonly Subject[]>;
  /** Adds one; its id. Rejects with `invalid-input` (field `name`), `duplicate`, `limit-exceeded`. */
  addSubject(name: string): Promise<string>;
  verify(report: string, onChange: (verification: Verification) => void): Promise<Verification>;

  // -- transfers
  /**
   * Queues files. Takes none of them when one goes to somebody's vault that is not open to it:
   * `delegation-refused`, `forbidden` (several, and her number was not compared), `certificate-changed`.
   */
  upload(items: readonly UploadItem[]): Promise<readonly string[]>;
  /** New content for a report. */
  update(report: string, item: UploadItem): Promise<string>;
  /** Gives interrupted uploads their files again; ids of those that go on. */
  resumeUploads(files: readonly File[]): Promise<readonly string[]>;
  /**
   * Opens the files of interrupted uploads again without their being chosen anew, all or those named;
   * call it from a click, for the browser asks the person first. Ids of those that go on: where she
   * says no, or the file is gone, the upload still needs it (`resumeUploads`).
   */
  reopenUploads(ids?: readonly string[]): Promise<readonly string[]>;
  /** All of them, and what is added meanwhile (`Uploads.isPaused`). */
  pauseUploads(): void;
  continueUploads(): void;
  /** This one alone; the others go on. `continueUpload` also ends its wait for the network. */
  pauseUpload(id: string): void;
  continueUpload(id: string): void;
  cancelUpload(id: string): Promise<void>;
  uploadAnyway(id: string): Promise<void>;
  /** Takes finished, failed and cancelled ones off the list. */
  clearUploads(): void;
  download(report: string, target: DownloadTarget, options?: { revision?: number }): Promise<string>;
  cancelDownload(id: string): void;

  // -- copies and settings
  refreshCopies(): Promise<void>;
  testCopies(): Promise<void>;
  changeSettings(change: Partial<Settings>): Promise<void>;
}

export type { EngineError, ErrorCode, ErrorFacts } from "./errors.ts";
export type { Feed } from "./feed.ts";
export type * from "./account.ts";
export type * from "./activity.ts";
export type * from "./named.ts";
export type * from "./reports.ts";
export type * from "./sharing.ts";
export type * from "./transfers.ts";
