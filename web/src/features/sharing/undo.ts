// What was shared a moment ago can be stopped again; it is not called undone, because it may have been read meanwhile.

import type { Contact, Engine } from "../../engine/interface.ts";
import { formatList } from "../../i18n/formats.ts";
import { t } from "../../i18n/language.svelte.ts";
import { errorWords } from "../../ui/error-words.ts";
import { toast, toastFailure } from "../../ui/toasts.svelte.ts";
import { nameOf } from "../people/who.ts";
import { sharingErrors } from "./run.svelte.ts";

/** Say what was shared, with a button that stops it where the reports are the person's own. */
export function takeBackShare(engine: Engine, reports: readonly string[], people: readonly Contact[]): void {
  const words = t("share.done", { count: reports.length, people: formatList(people.map(nameOf)) });
  const mine = new Set(engine.reports.current.rows.filter((row) => row.isMine).map((row) => row.id));
  if (!reports.every((report) => mine.has(report))) toast(words);
  else toast(words, { label: t("unshare.submit"), run: () => void stop(engine, reports, people) });
}

async function stop(engine: Engine, reports: readonly string[], people: readonly Contact[]): Promise<void> {
  try {
    let trouble = 0;
    for (const { email } of people) {
      const outcomes = await engine.unshare({ reports, person: email });
      trouble += outcomes.filter(({ state }) => state !== "done" && state !== "unchanged").length;
    }
    if (trouble === 0) toast(t("unshare.done"));
    else toastFailure(t("unshare.not-all"));
  } catch (error) {
    toastFailure(errorWords(error, sharingErrors));
  }
}
