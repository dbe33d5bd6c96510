// Who reads which reports, by the vault's own index: kept fresh while a component that asks for it lives.

import type { Engine } from "../../engine/interface.ts";

/** Changes of the list that come close together are one question. */
const restMilliseconds = 250;

type SharedWith = ReadonlyMap<string, readonly string[]>;

const nobody: SharedWith = new Map();

/** Keys of who else reads each report; reports that nobody else reads are absent. Call it in a component. */
export function sharedWith(engine: Pick<Engine, "reports" | "sharedWith">): { readonly current: SharedWith } {
  let current: SharedWith = $state.raw(nobody);
  $effect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let isFirst = true;
    const ask = (): void => {
      engine.sharedWith().then(
        (found) => {
          if (!isOver) current = found;
        },
        () => undefined, // the vault is closing: what is known stays until the page goes
      );
    };
    const stop = engine.reports.subscribe(({ status }) => {
      clearTimeout(timer);
      if (status !== "ready") return;
      timer = setTimeout(ask, isFirst ? 0 : restMilliseconds);
      isFirst = false;
    });
    return () => {
      isOver = true;
      clearTimeout(timer);
      stop();
    };
  });
  return {
    get current() {
      return current;
    },
  };
}

/** Reports that any of `keys` reads. */
export function readBy(shared: SharedWith, keys: readonly string[]): readonly string[] {
  return [...shared].filter(([, readers]) => readers.some((key) => keys.includes(key))).map(([report]) => report);
}
