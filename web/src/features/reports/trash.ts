// Into the trash and out again, said aloud.

import type { Engine, ReportRow } from "../../engine/interface.ts";
import { t } from "../../i18n/language.svelte.ts";
import { errorWords } from "../../ui/error-words.ts";
import { toast, toastFailure } from "../../ui/toasts.svelte.ts";

/** Put a report in the trash, somebody else's in one's own alone, with a way back. Failures are said, not thrown: then it is false. */
export async function moveToTrash(engine: Engine, row: ReportRow): Promise<boolean> {
  try {
    await engine.trash([row.id]);
    toast(t(row.isMine ? "trash.moved" : "trash.taken-out", { title: row.title }), {
      label: t("action.undo"),
      run: () => void takeBack(engine, row),
    });
    return true;
  } catch (error) {
    toastFailure(errorWords(error));
    return false;
  }
}

/** Take a report out of the trash. Failures are said, not thrown. */
export async function takeBack(engine: Engine, row: ReportRow): Promise<void> {
  try {
    await engine.restore([row.id]);
    toast(t("trash.restored", { title: row.title }));
  } catch (error) {
    toastFailure(errorWords(error));
  }
}
