// What is typed and not saved is asked about before the page shows something else, whichever way that is asked for.

type Ask = (leave: () => void) => void;

let held: Ask | undefined;

/** From now on `ask` decides whether the page may be left, and calls `leave` if so. Returns what ends that. */
export function holdHere(ask: Ask): () => void {
  held = ask;
  return () => {
    if (held === ask) held = undefined;
  };
}

/** Whether somebody is asked before the page is left. */
export function isHeld(): boolean {
  return held !== undefined;
}

/** Leave by `leave`: at once, or once it is agreed that what was typed is lost. */
export function leaveBy(leave: () => void): void {
  if (held === undefined) {
    leave();
    return;
  }
  held(() => {
    held = undefined; // it was asked about: on the way there nobody asks again
    leave();
  });
}
