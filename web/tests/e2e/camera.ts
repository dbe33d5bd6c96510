/** What the browser's pretended camera sees: a film of two frames, read anew each time the camera is opened. */
import { renameSync, writeFileSync } from "node:fs";

import type { Locator } from "playwright-core";
import encodeQR from "qr";

const WIDTH = 640;
const HEIGHT = 480;
const WHITE = 235;
const BLACK = 16;
/** Modules of white around the code, as a reader wants them. */
const MARGIN = 8;

/** For `startBrowser`; the film has to be there before. */
export function cameraFlags(film: string): string[] {
  return [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    `--use-file-for-fake-video-capture=${film}`,
  ];
}

/** A QR code's dark modules. */
interface Square {
  /** Modules a side. */
  readonly size: number;
  /** Column and row. */
  readonly dark: readonly (readonly [x: number, y: number])[];
}

/** The square that a page shows. */
export async function squareOn(shown: Locator): Promise<Square> {
  const box = await shown.locator("svg").getAttribute("viewBox");
  const drawn = await shown.locator("path").getAttribute("d");
  const dark = [...drawn!.matchAll(/M(\d+) (\d+)h/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
  return { size: Number(box!.split(" ")[2]), dark };
}

/** The square that says `text`, as a printed page has it. */
export function squareOf(text: string): Square {
  const rows = encodeQR(text, "raw", { border: 1 });
  const dark = rows.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [[x, y] as const] : [])));
  return { size: rows.length, dark };
}

/**
 * Holds a square before the camera; a white wall where it is null. In the film's place, not within it:
 * the browser may still be reading the one before.
 */
export function holdUp(film: string, square: Square | null): void {
  const luma = Buffer.alloc(WIDTH * HEIGHT, WHITE);
  if (square !== null) paint(luma, square);
  const frame = Buffer.concat([Buffer.from("FRAME\n"), luma, Buffer.alloc(luma.length / 2, 128)]);
  writeFileSync(`${film}.next`, Buffer.concat([Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420\n`), frame, frame]));
  renameSync(`${film}.next`, film);
}

/** In the middle of the frame. */
function paint(luma: Buffer, { size, dark }: Square): void {
  const scale = Math.floor(HEIGHT / (size + MARGIN));
  const [left, top] = [WIDTH, HEIGHT].map((side) => Math.floor((side - size * scale) / 2)) as [number, number];
  for (const [x, y] of dark) {
    for (let line = 0; line < scale; line++) {
      const row = (top + y * scale + line) * WIDTH + left + x * scale;
      luma.fill(BLACK, row, row + scale);
    }
  }
}
