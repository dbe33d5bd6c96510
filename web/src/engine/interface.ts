/**
 * What the screens program against: the vault as its owner uses it.
 *
 * Everything behind it runs in a worker; no key, session key, stretched password or token is ever
 * given out. Times are RFC 3339 in UTC, sizes bytes, ids 32 lower-case hex digits. Every promise
 * rejects with an `EngineError`.
 */
import type { EngineError } from "./errors.ts";
import type { Feed } from "./feed.ts";
import type { SharingEngine } from "./sharing.ts";

// ---- the vault's state ---------------------------------------------------------------------

/** Who the vault belongs to; known only while it is open. */
export interface Person {
  readonly email: string;
  readonly name: string;
  readonly account: string;
  /** OpenPGP v4 fingerprint, for display under Verify only. */
  readonly fingerprint: string;
  readonly keyId: string;
  readonly ipnsName: string;
  readonly sharedComputer: boolean;
}

export type LockReason = "reload" | "asked" | "quiet" | "session-ended";

export type VaultState =
  /** The worker is starting: show nothing yet. */
  | { readonly kind: "starting" }
  /** No account is known in this browser: sign in or sign up. */
  | { readonly kind: "none"; readonly notice: "signed-out" | "deleted" | null }
  /** An account is known and closed. */
  | { readonly kind: "locked"; readonly email: string; readonly reason: LockReason }
  /** Open, but the recovery kit has not been proven yet (also after a reload): `pendingKit()`. */
  | { readonly kind: "kit"; readonly person: Person; readonly isFirst: boolean }
  | { readonly kind: "open"; readonly person: Person };

/** Part `step` of making keys; `percent` 0…100 is of the whole. */
export interface KeyProgress {
  readonly step: "password" | "keys" | "kit" | "account" | "index";
  readonly percent: number;
}

export interface PasswordJudgement {
  readonly acceptable: boolean;
  /** zxcvbn's 0…4; 3 is needed. */
  readonly score: 0 | 1 | 2 | 3 | 4;
  readonly rule: "ok" | "empty" | "too-long" | "characters" | "weak";
}

/** A recovery kit just made: two things that are kept apart. */
export interface Kit {
  /** `hygieia-kit.json`, locked; save it as it is. */
  readonly file: Uint8Array<ArrayBuffer>;
  readonly fileName: string;
  /** The code as printed, dashes included: 8 groups of 4 characters. Secret. */
  readonly code: string;
  readonly groups: readonly string[];
  readonly email: string;
  readonly server: string;
  readonly ipnsName: string;
  readonly created: string;
  /** Lines for a shell that open the vault without us; for the printed page. */
  readonly byHand: readonly string[];
}

export type KitProof =
  /** At least two different groups, read off the paper. `number` is 1…8. */
  | { readonly kind: "groups"; readonly groups: readonly { number: number; text: string }[] }
  /** The whole code, as scanned or pasted. */
  | { readonly kind: "code"; readonly text: string }
  /** The kit file as saved. */
  | { readonly kind: "file"; readonly bytes: Uint8Array };

export interface CodeCheck {
  readonly isComplete: boolean;
  /** Groups (1…8) whose check character does not fit. */
  readonly wrongGroups: readonly number[];
}

export interface DeviceSession {
  readonly id: string;
  readonly label: string;
  readonly address: string;
  readonly created: string;
  readonly lastUsed: string;
  readonly expires: string;
  readonly isCurrent: boolean;
}

export interface Quota {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

// ---- reports -------------------------------------------------------------------------------

/** One row of the decrypted index. */
export interface ReportRow {
  readonly id: string;
  readonly cid: string;
  readonly title: string;
  readonly category: string;
  readonly fileName: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** When the report's current revision was made. */
  readonly created: string;
  readonly revision: number;
  readonly kind: string;
  readonly isMine: boolean;
  /** Key id of author and subject, and of the owner where it is not mine. */
  readonly author: string;
  readonly subject: string;
  /** Whose record it is, where it is not the vault owner's own; null where it is, or no name is known. */
  readonly subjectName: string | null;
  readonly owner: string;
  /** When it was put in the trash; null outside it. */
  readonly deleted: string | null;
  /** `waiting`: a change of it waits to be sent. */
  readonly state: "saved" | "waiting" | "missing" | "refused";
}

export interface ReportList {
  readonly status: "closed" | "loading" | "ready" | "failed";
  /** Newest first, the trash included (`deleted`). The array is new at every change. */
  readonly rows: readonly ReportRow[];
  /** Reports that the server names and that could not be opened: shown, closed. */
  readonly refused: readonly { readonly report: string; readonly error: EngineError }[];
  readonly error: EngineError | null;
}

/** Somebody without an account whose records a vault keeps. */
export interface Subject {
  /** `person:` and 32 hex digits, as in `ReportRow.subject`. */
  readonly id: string;
  readonly name: string;
}

export interface VersionRow {
  readonly cid: string;
  readonly revision: number;
  readonly created: string;
  readonly change: "create" | "update" | "edit" | "readers";
  readonly title: string;
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly isCurrent: boolean;
}

/** What a signature says; anything but `valid` must be shown above a preview. */
export type SignatureVerdict = "valid" | "unknown-signer" | "changed-key" | "invalid";

export interface Opened {
  readonly id: string;
  readonly revision: number;
  readonly fileName: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly signature: SignatureVerdict;
}

export interface Preview extends Opened {
  /** The whole plaintext, verified to its end. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

// ---- transfers -----------------------------------------------------------------------------

export interface UploadItem {
  readonly file: File;
  /** Folders above it, as dropped; used for nothing but telling files apart. */
  readonly path?: string;
  readonly title?: string;
  readonly category?: string;
  readonly profession?: string;
  /** Whose record it is, as in `ReportRow.subject`; the person's own when absent. */
  readonly subject?: string;
  /**
   * Email of whose vault it is stored in: somebody who gave the right to (`uploadRights`). She owns
   * it, this person is its author; the person's own vault when absent.
   */
  readonly owner?: string;
  /** From drag and drop or a picker that gives handles: lets a job go on after a reload. */
  readonly handle?: FileSystemFileHandle;
}

export type UploadState =
  | "queued"
  | "sending"
  /** All is sent; being committed, entered in the index and read back. */
  | "checking"
  | "saved"
  | "paused"
  /** The connection is lost; goes on by itself. */
  | "waiting"
  /** Interrupted by a reload: needs the same file again (`resumeUploads`). */
  | "needs-file"
  /** The same content is in the vault: `uploadAnyway` or `cancelUpload`. */
  | "duplicate"
  | "failed"
  | "cancelled";

export interface Upload {
  readonly id: string;
  readonly fileName: string;
  /** Email of whose vault it goes to; absent for the person's own. */
  readonly owner?: string;
  readonly sizeBytes: number;
  readonly sentBytes: number;
  readonly state: UploadState;
  readonly secondsLeft: number | null;
  /** The report, once `saved`; the one it repeats, when `duplicate`. */
  readonly report: string | null;
  /** Copies checked when saved. */
  readonly copies: number;
  /** In `needs-file`: the browser knows where the file is, and `reopenUploads` can ask for it. */
  readonly canReopen: boolean;
  readonly error: EngineError | null;
}

export interface Uploads {
  readonly items: readonly Upload[];
  /** Of those not yet saved, cancelled or failed, and what was saved beside them. */
  readonly totalBytes: number;
  readonly sentBytes: number;
  readonly secondsLeft: number | null;
  readonly isPaused: boolean;
}

export type DownloadTarget =
  /** A file the person chose (showSaveFilePicker). */
  | { readonly kind: "file"; readonly handle: FileSystemFileHandle }
  /** The browser's own downloads, streamed through the service worker. */
  | { readonly kind: "browser" };

export interface Download {
  readonly id: string;
  readonly report: string;
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly doneBytes: number;
  readonly state: "running" | "done" | "failed" | "cancelled";
  readonly secondsLeft: number | null;
  readonly error: EngineError | null;
}

// ---- verification, copies, connection, settings ----------------------------------------------

export interface Check {
  readonly name: "blocks" | "index" | "signature" | "meta" | "content" | "digest";
  readonly state: "running" | "good" | "bad" | "unknown";
  readonly error: EngineError | null;
}

export interface GatewayUse {
  readonly url: string;
  /** Blocks taken from it and found right. */
  readonly blocks: number;
  readonly bytes: number;
  readonly state: "used" | "unused" | "down" | "busy" | "lied" | "missing";
}

export interface Verification {
  readonly report: string;
  readonly cid: string;
  readonly sha256: string;
  /** Key id and v4 fingerprint of who signed. */
  readonly signer: { readonly keyId: string; readonly fingerprint: string; readonly name: string };
  readonly signature: SignatureVerdict;
  readonly checks: readonly Check[];
  readonly gateways: readonly GatewayUse[];
  readonly isDone: boolean;
  /** Lines for a shell that open this report without us. */
  readonly byHand: readonly string[];
}

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
  readonly error: EngineError | null;
}

export interface Connection {
  /** `gateways`: our server does not answer; reading goes on through gateways. */
  readonly kind: "online" | "gateways" | "offline";
  /** Changes that wait to be sent. */
  readonly waiting: number;
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
export type * from "./sharing.ts";
