// What a screen reader hears of the automatic lock, wherever on the page the warning is shown.

import type { Engine } from "../engine/interface.ts";
import { t } from "../i18n/language.svelte.ts";
import { announce } from "../ui/live.svelte.ts";

/** The seconds that are spoken. Every second would drown all else. */
const spoken: readonly number[] = [60, 30, 10];

/** Say how long is left, once when it begins and then now and then. Returns what stops it. */
export function sayLocking({ lockingIn }: Pick<Engine, "lockingIn">): () => void {
  let isShown = false;
  return lockingIn.subscribe((seconds) => {
    if (seconds === null) isShown = false;
    else if (!isShown || spoken.includes(seconds)) {
      isShown = true;
      announce(t("lock-warning.title", { seconds }));
    }
  });
}
