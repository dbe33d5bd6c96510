// The window's title: what is shown, never a report's title or a person's name. Called once by each page.

import { t } from "../i18n/language.svelte.ts";

/** Keep the window's title at `words()` and the app's name while the calling component lives. */
export function pageTitle(words: () => string): void {
  $effect(() => {
    document.title = t("app.title", { page: words() });
  });
}
