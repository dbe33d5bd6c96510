/** So much of bodies may wait for the browser's collector, and what is counted to it in their stead. */
const UNCOUNTED_BYTES = 24 << 20;
const COUNTED_BYTES = 128 << 20;

/**
 * Is told of each body that this thread sends. The browser sends a copy of its own, and keeps it until
 * the thread's collector runs, to which it does not count it: the bodies of a large file would fill
 * the memory. A large buffer that is never written to, and so takes no memory, is counted in their
 * stead, which makes the collector run at once.
 */
export class BodyCount {
  /** For all to see: a bundler leaves out what nobody could. */
  counted: ArrayBuffer | null = null;
  private uncountedBytes = 0;

  add(bytes: number): void {
    this.uncountedBytes += bytes;
    if (this.uncountedBytes < UNCOUNTED_BYTES) return;
    this.uncountedBytes = 0;
    this.counted = null;
    try {
      this.counted = new ArrayBuffer(COUNTED_BYTES);
    } catch {
      // No room even for one that takes none: the browser ran its collector before it said so.
    }
  }
}
