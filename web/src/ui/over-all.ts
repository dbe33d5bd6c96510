// What every window that covers the page shows above its own content: on a phone nothing beside it can be seen, and
// nowhere else can anything be reached.

import { getContext, setContext, type Component } from "svelte";

const key = Symbol("over all");

/** Have windows inside this component show `notice`. */
export function showOverAll(notice: Component): void {
  setContext(key, notice);
}

/** What a window has to show; nothing outside the vault. */
export function overAll(): Component | undefined {
  return getContext<Component | undefined>(key);
}
