// What is typed and not saved is asked about before the page shows something else: here by the page itself, and by the
// browser where the whole page would go.

type Ask = (leave: () => void) => void;

let held: Ask | undefined;

/** From now on `ask` decides whether the page may be left, and calls `leave` if so. Returns what ends that. */
export function holdHere(ask: Ask): () => void {
  held = ask;
  addEventListener("beforeunload", letBrowserAsk);
  return () => {
    if (held === ask) release();
  };
}

function release(): void {
  held = undefined;
  removeEventListener("beforeunload", letBrowserAsk);
}

function letBrowserAsk(event: Event): void {
  event.preventDefault();
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
    release(); // it was asked about: on the way there nobody asks again
    leave();
  });
}
