// Short words on things that are already done. Whatever a person must not miss stands on the page as well.

export interface Toast {
  readonly id: number;
  readonly words: string;
  readonly undo?: { readonly label: string; readonly run: () => void };
}

const shownMilliseconds = 10_000;
let next = 0;
let shown: readonly Toast[] = $state.raw([]);

export function toasts(): readonly Toast[] {
  return shown;
}

/** Show `words` for ten seconds, with a way to take the thing back where there is one. */
export function toast(words: string, undo?: Toast["undo"]): void {
  next += 1;
  const made: Toast = undo === undefined ? { id: next, words } : { id: next, words, undo };
  shown = [...shown.slice(-2), made];
  setTimeout(() => {
    closeToast(made.id);
  }, shownMilliseconds);
}

/** Take all of them away: they may name reports, and the vault is closing. */
export function clearToasts(): void {
  shown = [];
}

export function closeToast(id: number): void {
  shown = shown.filter((one) => one.id !== id);
}
