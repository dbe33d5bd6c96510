/** What the browser's pretended camera sees: a film of two frames, read anew each time the camera is opened. */
import { writeFileSync } from "node:fs";

import type { Locator } from "playwright-core";

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

/** Holds the QR picture `shown` before the camera; a white wall where it is null. */
export async function holdUp(film: string, shown: Locator | null): Promise<void> {
  const luma = Buffer.alloc(WIDTH * HEIGHT, WHITE);
  if (shown !== null) await paint(luma, shown);
  const frame = Buffer.concat([Buffer.from("FRAME\n"), luma, Buffer.alloc(luma.length / 2, 128)]);
  writeFileSync(film, Buffer.concat([Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420\n`), frame, frame]));
}

/** The modules as the page drew them, in the middle of the frame. */
async function paint(luma: Buffer, shown: Locator): Promise<void> {
  const box = await shown.locator("svg").getAttribute("viewBox");
  const drawn = await shown.locator("path").getAttribute("d");
  const size = Number(box!.split(" ")[2]);
  const scale = Math.floor(HEIGHT / (size + MARGIN));
  const [left, top] = [WIDTH, HEIGHT].map((side) => Math.floor((side - size * scale) / 2)) as [number, number];
  for (const [, x, y] of drawn!.matchAll(/M(\d+) (\d+)h/g)) {
    const start = left + Number(x) * scale;
    for (let line = 0; line < scale; line++) {
      const row = (top + Number(y) * scale + line) * WIDTH + start;
      luma.fill(BLACK, row, row + scale);
    }
  }
}
