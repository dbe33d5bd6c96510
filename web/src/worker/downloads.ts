/** Reports onto this computer: verified to the end under a temporary name before they have theirs. */
import { EngineError } from "../engine/errors.ts";
import { Source } from "../engine/feed.ts";
import type { Download } from "../engine/interface.ts";
import { refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { makeId } from "../vault/words.ts";
import { deviceFull, fullOr } from "./device-room.ts";
import { openRevision, streamContent } from "./fetching.ts";
import { Rate } from "./rate.ts";
import type { Vault } from "./vault.ts";

const FOLDER = "downloads";
const TOLD_EVERY_MS = 250;

/** Hands the content over piece by piece, and resolves once all of it is verified. */
type Write = (take: (plain: Uint8Array) => void | Promise<void>) => Promise<void>;

interface Job {
  readonly id: string;
  readonly stop: AbortController;
  readonly rate: Rate;
  shown: Download;
}

export class Downloads {
  readonly view = new Source<readonly Download[]>([]);
  private readonly jobs = new Map<string, Job>();
  private toldAt = 0;

  /** Into the file that the person chose: it is written beside and put in place when whole. */
  async toFile(
    vault: Vault,
    report: string,
    handle: FileSystemFileHandle,
    revision?: number,
  ): Promise<string> {
    const job = await this.begin(vault, report, revision, async (write) => {
      const file = await handle.createWritable();
      try {
        await write((plain) => file.write(plain as Uint8Array<ArrayBuffer>));
        await file.close();
      } catch (error) {
        await file.abort().catch(() => {});
        throw error;
      }
    });
    return job.id;
  }

  /** Into this origin's own file system; `hand` gives the whole, verified file to the page. */
  async toBrowser(
    vault: Vault,
    report: string,
    hand: (file: File, fileName: string) => void,
    revision?: number,
  ): Promise<string> {
    const job = await this.begin(vault, report, revision, async (write, download) => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
      const handle = await folder.getFileHandle(download.id, { create: true });
      try {
        await fill(await handle.createSyncAccessHandle(), download.sizeBytes, write);
        const whole = await handle.getFile();
        vault.requireOpen();
        hand(whole, download.fileName);
      } catch (error) {
        await folder.removeEntry(download.id).catch(() => {});
        throw error;
      }
    });
    return job.id;
  }

  cancel(id: string): void {
    this.jobs.get(id)?.stop.abort();
  }

  /** Whether something is under way: the vault does not lock by itself meanwhile. */
  get isBusy(): boolean {
    return [...this.jobs.values()].some(({ shown }) => shown.state === "running");
  }

  /** The vault is locked: what is under way stops. */
  close(): void {
    for (const { stop } of this.jobs.values()) stop.abort();
    this.jobs.clear();
    this.view.set([]);
  }

  /** Removes what was handed out at least `ageMs` ago: the browser has its own copy by then. */
  static async sweep(ageMs = 0): Promise<void> {
    try {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER);
      for await (const [name, handle] of folder.entries()) {
        const { lastModified } = await (handle as FileSystemFileHandle).getFile();
        // One that another tab writes stays, and goes the next time. A clock may have been set back.
        if (Math.abs(Date.now() - lastModified) >= ageMs) await folder.removeEntry(name).catch(() => {});
      }
    } catch {
      // Nothing was handed out here.
    }
  }

  private async begin(
    vault: Vault,
    id: string,
    revision: number | undefined,
    store: (write: Write, download: Download) => Promise<void>,
  ): Promise<Job> {
    const entry = requireReport(vault.index.state, id);
    const report = await openRevision(vault, entry, revision);
    // Locked meanwhile, it would be under way with nobody to stop it.
    vault.requireOpen();
    const { file_name: fileName, size_bytes: sizeBytes } = report.meta;
    const shown: Download = {
      id: makeId(),
      report: id,
      fileName: safeFileName(fileName),
      sizeBytes,
      doneBytes: 0,
      state: "running",
      secondsLeft: null,
      error: null,
    };
    const job: Job = { id: shown.id, stop: new AbortController(), rate: new Rate(), shown };
    this.jobs.set(job.id, job);
    this.tell(job, {});
    const write: Write = (take) =>
      streamContent(
        report,
        vault.gateways,
        (plain) => {
          job.rate.add(plain.length);
          job.shown = { ...job.shown, doneBytes: job.shown.doneBytes + plain.length };
          this.tell();
          return take(plain);
        },
        job.stop.signal,
      );
    void store(write, shown).then(
      () => this.tell(job, { state: "done", secondsLeft: null }),
      (error: unknown) => this.failed(job, error),
    );
    return job;
  }

  private failed(job: Job, error: unknown): void {
    if (job.stop.signal.aborted) {
      this.tell(job, { state: "cancelled", secondsLeft: null });
      return;
    }
    const said = fullOr(error);
    const known = said instanceof EngineError ? said : refusal("failed", "The file could not be written.");
    this.tell(job, { state: "failed", error: known, secondsLeft: null });
  }

  private tell(job?: Job, change?: Partial<Download>): void {
    if (job !== undefined) job.shown = { ...job.shown, ...change };
    else if (Date.now() - this.toldAt < TOLD_EVERY_MS) return;
    this.toldAt = Date.now();
    this.view.set(
      [...this.jobs.values()].map(({ shown, rate }) =>
        shown.state === "running"
          ? { ...shown, secondsLeft: rate.secondsFor(shown.sizeBytes - shown.doneBytes) }
          : shown,
      ),
    );
  }
}

/** Throws `device-full`, or as writing does. */
async function fill(access: FileSystemSyncAccessHandle, sizeBytes: number, write: Write): Promise<void> {
  try {
    // All of it at once: each write that lengthens a file asks the browser for room.
    access.truncate(sizeBytes);
    let at = 0;
    await write((plain) => {
      const written = access.write(plain as Uint8Array<ArrayBuffer>, { at });
      // Not "less": where a private window is full, Chromium answers -8, as an unsigned number.
      if (written !== plain.length) throw deviceFull();
      at += written;
    });
    // Not flushed, which would wait for the disk: the browser copies it from here, and what a crash
    // leaves is swept away.
  } finally {
    access.close();
  }
}

/**
 * The name under which `name`, stored by anybody, may be saved (threat SN-05): one component,
 * neither hidden nor a device, with nothing that reverses or hides text.
 */
function safeFileName(name: string): string {
  const base = name.replace(/\\/g, "/").replace(/\/+$/, "").split("/").at(-1)!;
  let safe = base
    // eslint-disable-next-line no-control-regex -- control characters are what is replaced
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, "_")
    .replace(/[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g, "_")
    .replace(/[<>:"/\\|?*]/g, "_")
    .replace(/^ +/, "")
    .replace(/[ .]+$/, "");
  if (safe.startsWith(".")) safe = `_${safe.slice(1)}`;
  if (/^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/is.test(safe)) safe = `_${safe}`;
  return safe || "file";
}
