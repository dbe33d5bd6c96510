// Files dropped or pasted anywhere on the page.

import type { Engine } from "../../engine/interface.ts";
import { t } from "../../i18n/language.svelte.ts";
import { toastFailure } from "../../ui/toasts.svelte.ts";
import { addFiles } from "./add-files.ts";
import { fromDrop } from "./collect.ts";

let over = $state(false);

/** Files hover over the page. */
export function areFilesOver(): boolean {
  return over;
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

/** Take files that are dropped on the page or pasted into it. Returns what stops it. */
export function catchFiles(engine: Engine): () => void {
  const onOver = (event: DragEvent): void => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    over = true;
  };
  const onLeave = (event: DragEvent): void => {
    if (event.relatedTarget === null) over = false;
  };
  const onDrop = (event: DragEvent): void => {
    over = false;
    if (!hasFiles(event) || event.dataTransfer === null) return;
    event.preventDefault(); // else the browser would leave the app and open the file
    void fromDrop(event.dataTransfer).then(({ items, unread: [name, ...more] }) => {
      if (name !== undefined) toastFailure(t("uploads.unread", { count: more.length + 1, name }));
      return addFiles(engine, items);
    });
  };
  const onPaste = (event: ClipboardEvent): void => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    void addFiles(
      engine,
      files.map((file) => ({ file })),
    );
  };
  addEventListener("dragover", onOver);
  addEventListener("dragleave", onLeave);
  addEventListener("drop", onDrop);
  addEventListener("paste", onPaste);
  return () => {
    over = false;
    removeEventListener("dragover", onOver);
    removeEventListener("dragleave", onLeave);
    removeEventListener("drop", onDrop);
    removeEventListener("paste", onPaste);
  };
}
