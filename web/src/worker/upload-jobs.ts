/** One file on its way into the vault, and what the screens see of it. */
import { base64, fromBase64, randomBytes } from "../bytes.ts";
import { makeSalt } from "../crypto/payload.ts";
import { normaliseEmail } from "../crypto/sign-in-words.ts";
import type { StateKey } from "../crypto/state-key.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import type { EngineError } from "../engine/errors.ts";
import type { Upload, UploadItem, UploadState } from "../engine/interface.ts";
import { LIMITS } from "../limits.ts";
import { refusal } from "../refusal.ts";
import type { ReportMeta } from "../vault/report-meta.ts";
import {
  checkCategory,
  checkSubject,
  checkTitle,
  cleanFileName,
  DEFAULT_CATEGORY,
  makeId,
  mediaTypeOf,
  titleFromFileName,
  titleFromPath,
} from "../vault/words.ts";
import type { ContentSecrets, SealedContent } from "./content.ts";
import type { UploadRecord } from "./store.ts";

export const CONTEXT = "upload 1";

/** What a person said of a file; none of it is kept in clear. */
export interface Labels {
  readonly fileName: string;
  readonly title: string | null;
  readonly category: string | null;
  readonly profession: string | null;
  readonly mediaType: string;
  /** Whose record it is; absent for the person's own. */
  readonly subject?: string;
  /** Email of whose vault it is stored in; absent for the person's own. */
  readonly owner?: string;
  /** The report that it is new content for. */
  readonly updates: string | null;
}

interface Sealed extends Labels {
  readonly report: string;
  readonly sessionKey: string | null;
  readonly salt: string | null;
}

export class Job {
  readonly id: string;
  readonly labels: Labels;
  readonly sizeBytes: number;
  readonly lastModified: number;
  readonly started: number;
  /** The report's id, fixed when the upload began. */
  report: string;
  file: File | null;
  /** Where the file is, if the browser said so. */
  handle: FileSystemFileHandle | null = null;
  state: UploadState = "queued";
  sentBytes = 0;
  error: EngineError | null = null;
  copies = 0;
  /** The report that this repeats, once noticed; false once the person wants it anyway. */
  repeats: string | null | false = null;
  /** Whether its commit was begun: only an answer says that nothing was added. */
  mayBeAdded = false;
  /** Kept only for what may be resumed. */
  secrets: ContentSecrets | null = null;
  upload: string | null = null;

  constructor(
    labels: Labels,
    about: { id?: string; sizeBytes: number; lastModified: number; report?: string; started?: number },
    file: File | null,
  ) {
    this.id = about.id ?? makeId();
    this.labels = labels;
    this.sizeBytes = about.sizeBytes;
    this.lastModified = about.lastModified;
    this.started = about.started ?? Date.now();
    this.report = about.report ?? makeId();
    this.file = file;
  }

  /** A file as the person gave it; throws `invalid-input`. */
  static of(item: UploadItem, updates: string | null): Job {
    const { file } = item;
    if (item.title !== undefined) checkTitle(item.title);
    if (item.category !== undefined) checkCategory(item.category);
    const fileName = cleanFileName(file.name);
    const labels: Labels = {
      fileName,
      title: item.title ?? (item.path === undefined ? null : titleFromPath(item.path.split("/"), file.name)),
      category: item.category ?? null,
      profession: item.profession ?? null,
      mediaType: mediaTypeOf(fileName, file.type),
      ...(item.subject === undefined ? {} : { subject: checkSubject(item.subject) }),
      ...(item.owner === undefined ? {} : { owner: normaliseEmail(item.owner) }),
      updates,
    };
    const job = new Job(labels, { sizeBytes: file.size, lastModified: file.lastModified }, file);
    job.handle = item.handle ?? null;
    return job;
  }

  /** One whose names and secrets are sealed under a password of before: the file has to be added anew. */
  static lost(record: UploadRecord): Job {
    const fileName = record.handle?.name ?? "";
    const labels = { fileName, title: null, category: null, profession: null, mediaType: "", updates: null };
    const job = new Job(labels, record, null);
    job.state = "failed";
    job.error = refusal("credentials-refused", "The password has changed since; add the file again.");
    return job;
  }

  /** New secrets: for a content that is not the one before. */
  refresh(): ContentSecrets {
    this.secrets = { sessionKey: randomBytes(32), salt: makeSalt() };
    this.sentBytes = 0;
    return this.secrets;
  }

  /** Whether it may still become a report. */
  get isOpen(): boolean {
    return this.state !== "saved" && this.state !== "failed" && this.state !== "cancelled";
  }

  /** Whether it is being stored, or would be if the server answered. */
  get isActive(): boolean {
    return this.state === "sending" || this.state === "checking" || this.state === "waiting";
  }

  /** Whether it goes together with others, and begins anew where it was stopped. */
  get isShort(): boolean {
    return this.sizeBytes <= LIMITS.SMALL_REPORT_BYTES && this.labels.updates === null;
  }

  shown(secondsLeft: number | null): Upload {
    return {
      id: this.id,
      fileName: this.labels.fileName,
      ...(this.labels.owner === undefined ? {} : { owner: this.labels.owner }),
      sizeBytes: this.sizeBytes,
      sentBytes: Math.min(this.sentBytes, this.sizeBytes),
      state: this.state,
      secondsLeft,
      report: this.state === "duplicate" ? this.repeats || null : this.state === "saved" ? this.report : null,
      copies: this.copies,
      canReopen: this.state === "needs-file" && this.handle !== null,
      error: this.error,
      ...(this.mayBeAdded ? { mayBeAdded: true } : {}),
    };
  }

  /** Whether `file` may be the one whose upload was interrupted; its content decides. */
  matches(file: File): boolean {
    return file.size === this.sizeBytes && cleanFileName(file.name) === this.labels.fileName;
  }

  /**
   * Opens the file again by its handle, if the person lets the browser; whether it may be the one. A
   * file that is gone, or another one by now, has to be chosen.
   */
  async reopen(): Promise<boolean> {
    if (this.handle === null || this.state !== "needs-file") return false;
    if (!(await isAllowed(this.handle))) return false;
    const file = await this.handle.getFile().catch(() => null);
    // A choice or a change of mind may have been quicker.
    if (this.state !== "needs-file") return false;
    if (file === null || !this.matches(file)) {
      this.handle = null;
      return false;
    }
    this.file = file;
    this.state = "queued";
    return true;
  }

  async toRecord(stateKey: StateKey): Promise<UploadRecord> {
    const sealed: Sealed = {
      ...this.labels,
      report: this.report,
      sessionKey: this.secrets === null ? null : base64(this.secrets.sessionKey),
      salt: this.secrets === null ? null : base64(this.secrets.salt),
    };
    return {
      id: this.id,
      sizeBytes: this.sizeBytes,
      lastModified: this.lastModified,
      started: this.started,
      upload: this.upload,
      sealed: await stateKey.seal(`${CONTEXT} ${this.id}`, sealed),
      ...(this.handle === null ? {} : { handle: this.handle }),
    };
  }

  /** An upload that an earlier page left; it needs its file again. */
  static async fromRecord(record: UploadRecord, stateKey: StateKey): Promise<Job> {
    const sealed = (await stateKey.open(`${CONTEXT} ${record.id}`, record.sealed)) as Sealed;
    const { report, sessionKey, salt, ...labels } = sealed;
    const job = new Job(labels, { ...record, report }, null);
    job.state = "needs-file";
    job.upload = record.upload;
    job.handle = record.handle ?? null;
    if (sessionKey !== null && salt !== null) {
      job.secrets = { sessionKey: fromBase64(sessionKey), salt: fromBase64(salt) };
    }
    return job;
  }
}

async function isAllowed(handle: FileSystemFileHandle): Promise<boolean> {
  const asked = handle as { queryPermission?: (how: { mode: "read" }) => Promise<PermissionState> };
  const state = await asked.queryPermission?.({ mode: "read" }).catch(() => null);
  return state === "granted";
}

/** What a report's meta says of its content. */
export function contentOf({ labels }: Job, { payload, sizeBytes, sha256 }: SealedContent) {
  return {
    file_name: labels.fileName,
    media_type: labels.mediaType,
    size_bytes: sizeBytes,
    sha256,
    data_payload_cid: payload.cid,
  };
}

/** What decides who may store it, and who reads it, once its `owner` is known by key. */
export function factsOf({ labels }: Job, owner: string) {
  return { owner, subject: labels.subject ?? owner, category: labels.category ?? DEFAULT_CATEGORY };
}

/** The meta of a new report by `author`, in the vault of `owner`. */
export function metaOf(job: Job, sealed: SealedContent, { author, owner }: { author: string; owner: string }): ReportMeta {
  const { labels } = job;
  return {
    id: job.report,
    kind: "document",
    ...factsOf(job, owner),
    author,
    profession: labels.profession,
    revision: 1,
    previous: null,
    title: labels.title ?? titleFromFileName(labels.fileName),
    ...contentOf(job, sealed),
    links: [],
    created: formatTime(nowSeconds()),
    extra: {},
  };
}
