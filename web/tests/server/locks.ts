/** Web Locks as browsers have them, in as far as they are used: one holder for a name, the others wait in turn. */
type Granted = (lock: Lock | null) => Promise<void> | undefined;

export class Locks {
  private readonly turns = new Map<string, Promise<void>>();

  async request(name: string, { ifAvailable, signal }: LockOptions, run: Granted): Promise<void> {
    const before = this.turns.get(name);
    if (before !== undefined && ifAvailable === true) {
      await run(null);
      return;
    }
    let end!: () => void;
    const mine = new Promise<void>((resolve) => (end = resolve));
    const turn = (before ?? Promise.resolve()).then(() => mine);
    this.turns.set(name, turn);
    void turn.then(() => this.turns.get(name) === turn && this.turns.delete(name));
    try {
      await before;
      if (signal?.aborted) throw new DOMException("aborted", "AbortError");
      await run({ name, mode: "exclusive" });
    } finally {
      end();
    }
  }
}
