/**
 * One tab works on an upload at a time (Web Locks): two that send the same one would each wait for what
 * the other has sent, and commit it twice. A tab that ends, whatever way, gives its claims back.
 */
import { locksOf } from "./tab-locks.ts";

export class UploadClaims {
  /** What gives each claim back. */
  private readonly held = new Map<string, () => void>();
  private readonly ending = new AbortController();

  /** Claims an upload; false when another tab has it. Where a browser knows no locks, nobody else has. */
  async take(id: string): Promise<boolean> {
    if (this.held.has(id)) return true;
    const locks = locksOf();
    if (locks === undefined) return true;
    return new Promise((resolve, reject) => {
      const run = (lock: Lock | null): Promise<void> | undefined => {
        resolve(lock !== null);
        return lock === null ? undefined : this.hold(id);
      };
      locks.request(nameOf(id), { ifAvailable: true }, run).catch(reject);
    });
  }

  /** Waits until the other tab gives it back, and claims it then; false when this tab ended before. */
  async takeLater(id: string): Promise<boolean> {
    const locks = locksOf();
    if (locks === undefined) return true;
    const { signal } = this.ending;
    return new Promise((resolve) => {
      const run = (): Promise<void> => {
        resolve(true);
        return this.hold(id);
      };
      locks.request(nameOf(id), { signal }, run).catch(() => resolve(false));
    });
  }

  private hold(id: string): Promise<void> {
    if (this.ending.signal.aborted) return Promise.resolve();
    return new Promise((release) => this.held.set(id, release));
  }

  /** Gives back all but those of `ids`. */
  keep(ids: ReadonlySet<string>): void {
    for (const [id, release] of this.held) {
      if (ids.has(id)) continue;
      this.held.delete(id);
      release();
    }
  }

  /** Gives back all; from now on none is waited for or held. */
  close(): void {
    this.ending.abort();
    this.keep(new Set());
  }
}

function nameOf(id: string): string {
  return `hygieia-upload-${id}`;
}
