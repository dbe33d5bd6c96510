// Files on their way into the vault, from wherever they came.

import type { Engine, UploadItem } from "../../engine/interface.ts";
import { t } from "../../i18n/language.svelte.ts";
import { errorWords } from "../../ui/error-words.ts";
import { announce } from "../../ui/live.svelte.ts";
import { toastFailure } from "../../ui/toasts.svelte.ts";
import { forWhom } from "./for-whom.svelte.ts";

/** Start uploading. Files that a stopped upload waits for go on where it stopped. */
export async function addFiles(engine: Engine, items: readonly UploadItem[]): Promise<void> {
  if (items.length === 0) return;
  try {
    let rest = items;
    if (engine.uploads.current.items.some((upload) => upload.state === "needs-file")) rest = await resume(engine, items);
    const subject = forWhom();
    const named = subject === undefined ? rest : rest.map((item) => ({ ...item, subject }));
    if (named.length > 0) await engine.upload(named);
    announce(t("uploads.adding", { count: items.length }));
  } catch (error) {
    toastFailure(errorWords(error));
  }
}

async function resume(engine: Engine, items: readonly UploadItem[]): Promise<readonly UploadItem[]> {
  const before = new Map(engine.uploads.current.items.map((upload) => [upload.id, upload]));
  const going = await engine.resumeUploads(items.map(({ file }) => file));
  const resumed = going.map((id) => before.get(id));
  return items.filter(
    ({ file }) => !resumed.some((upload) => upload?.fileName === file.name && upload.sizeBytes === file.size),
  );
}
