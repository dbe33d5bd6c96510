/** How fast bytes go, over the last ten seconds: what "time left" is told by. */
const WINDOW_MS = 10_000;

export class Rate {
  private readonly steps: { at: number; bytes: number }[] = [];

  add(bytes: number): void {
    const now = Date.now();
    this.steps.push({ at: now, bytes });
    while (this.steps[0]!.at < now - WINDOW_MS) this.steps.shift();
  }

  /** Whole seconds for `bytes` more; null while nothing is known. */
  secondsFor(bytes: number): number | null {
    const [first] = this.steps;
    if (first === undefined) return null;
    const seconds = (Date.now() - first.at) / 1000;
    const moved = this.steps.reduce((sum, step) => sum + step.bytes, 0);
    return seconds < 0.5 || moved === 0 ? null : Math.ceil((bytes * seconds) / moved);
  }
}
