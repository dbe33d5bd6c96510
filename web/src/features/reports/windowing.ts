// Which rows of a long list are drawn: those on the screen and a few around them.

export interface Range {
  readonly start: number;
  /** One past the last. */
  readonly end: number;
}

/** Above so many rows a list is windowed; below, the browser's own search finds every row. */
export const windowedAbove = 200;
const around = 6;

/**
 * Rows to draw of `count` rows of `rowHeight` pixels. `top` is where the list begins, relative to the screen's upper
 * edge (negative once scrolled past), `screenHeight` the screen's height, all in CSS pixels.
 */
export function visibleRange(top: number, screenHeight: number, rowHeight: number, count: number): Range {
  if (count <= windowedAbove || rowHeight <= 0) return { start: 0, end: count };
  const first = Math.floor(-top / rowHeight) - around;
  const last = Math.ceil((screenHeight - top) / rowHeight) + around;
  const end = Math.min(count, Math.max(last, 2 * around));
  return { start: Math.max(0, Math.min(first, count - 2 * around)), end };
}
