// A report saved as a file, streamed: it may be larger than memory.

import type { DownloadTarget, Engine } from "../../engine/interface.ts";
import { EngineError } from "../../engine/errors.ts";
import { t } from "../../i18n/language.svelte.ts";
import { errorWords } from "../../ui/error-words.ts";
import { toastFailure } from "../../ui/toasts.svelte.ts";

interface Named {
  readonly id: string;
  readonly fileName: string;
  readonly sizeBytes: number;
}

/** Above this a file goes straight to its place: the browser's downloads keep a second copy for a while. */
const pickAboveBytes = 1 << 30;

type SavePicker = (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;

/** Where to: the browser's own downloads; for a large file, one that the person picks. Null when she picked none. */
async function chooseTarget({ fileName, sizeBytes }: Named): Promise<DownloadTarget | null> {
  if (sizeBytes <= pickAboveBytes) return { kind: "browser" };
  const pick = (globalThis as { showSaveFilePicker?: SavePicker }).showSaveFilePicker;
  if (pick === undefined) return { kind: "browser" };
  try {
    return { kind: "file", handle: await pick({ suggestedName: fileName }) };
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return null;
    throw error;
  }
}

/** Start saving a report; how it goes on is shown by Downloads.svelte. Failures are said, not thrown. */
export async function saveReport(engine: Engine, report: Named, revision?: number): Promise<void> {
  try {
    const target = await chooseTarget(report);
    if (target === null) return;
    await engine.download(report.id, target, revision === undefined ? {} : { revision });
  } catch (error) {
    toastFailure(error instanceof EngineError ? errorWords(error) : t("download.no-place"));
  }
}
