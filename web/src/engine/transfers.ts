/** Files on their way into the vault and out of it, for the screens. */
import type { EngineError } from "./errors.ts";

export interface UploadItem {
  readonly file: File;
  /** The way to it within the folder that was added, `a/b`; its title tells it where none is given. */
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
  /** Another tab of this browser works on it; nothing can be done with it here. */
  | "elsewhere"
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
  /** Its commit was begun: where it is `cancelled` since, it may be in the vault all the same. */
  readonly mayBeAdded?: boolean;
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
  /** The browser's own downloads, which copy it from this origin's file system once it is verified whole. */
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
