// Short words on things that are already done, which go by themselves, and on what failed, which stay until dismissed.

export interface Toast {
  readonly id: number;
  readonly words: string;
  readonly isFailure: boolean;
  readonly undo?: { readonly label: string; readonly run: () => void };
}

const shownMilliseconds = 10_000;
const mostPassing = 3;
let next = 0;
let shown: readonly Toast[] = $state.raw([]);

export function toasts(): readonly Toast[] {
  return shown;
}

/** Show `words` for ten seconds, with a way to take the thing back where there is one. */
export function toast(words: string, undo?: Toast["undo"]): void {
  const id = show(undo === undefined ? { words, isFailure: false } : { words, isFailure: false, undo });
  setTimeout(() => {
    closeToast(id);
  }, shownMilliseconds);
}

/** Show what failed until it is dismissed: it may stand nowhere else. The same words are shown once. */
export function toastFailure(words: string): void {
  shown = shown.filter((one) => !one.isFailure || one.words !== words);
  show({ words, isFailure: true });
}

/** Too many that pass make room for each other, never a failure for one that passes. */
function show(made: Omit<Toast, "id">): number {
  next += 1;
  const all = [...shown, { id: next, ...made }];
  const kept = all.filter(({ isFailure }) => !isFailure).slice(-mostPassing);
  shown = all.filter((one) => one.isFailure || kept.includes(one));
  return next;
}

/** Take all of them away: they may name reports, and the vault is closing. */
export function clearToasts(): void {
  shown = [];
}

export function closeToast(id: number): void {
  shown = shown.filter((one) => one.id !== id);
}
