/**
 * A value that changes: `subscribe` calls back at once with the current value, and again with each
 * later one, until the function it returned is called. Svelte takes it as a store (`$feed`).
 */
export interface Feed<T> {
  readonly current: T;
  subscribe(run: (value: T) => void): () => void;
}

/** A feed and the means to give it a new value. */
export class Source<T> implements Feed<T> {
  private readonly listeners = new Set<(value: T) => void>();
  private value: T;

  constructor(value: T) {
    this.value = value;
  }

  get current(): T {
    return this.value;
  }

  set(value: T): void {
    this.value = value;
    for (const run of [...this.listeners]) run(value);
  }

  subscribe(run: (value: T) => void): () => void {
    this.listeners.add(run);
    run(this.value);
    return () => {
      this.listeners.delete(run);
    };
  }
}
