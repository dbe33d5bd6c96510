// How large a picture is, by its own head, before anyone decodes it: a few hundred bytes can say "60,000 by 60,000".

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** More points than a browser should be asked to hold at once: 256 MB as it holds them. */
export const mostPoints = 64_000_000;

/**
 * Width and height in points of a PNG, GIF, BMP, WebP or JPEG, as its head says; null for other kinds and broken heads,
 * which are left to the browser's own limits.
 */
export function pictureSize(bytes: Uint8Array): PictureSize | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const start = view.getUint32(0);
    if (start === 0x89504e47) return { width: view.getUint32(16), height: view.getUint32(20) };
    if (start === 0x47494638) return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
    if (start >>> 16 === 0x424d) return { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) };
    if (start === 0x52494646 && view.getUint32(8) === 0x57454250) return webpSize(view);
    if (start >>> 8 === 0xffd8ff) return jpegSize(view);
  } catch {
    // cut short
  }
  return null;
}

/** The first chunk of a RIFF WebP: extended, lossless or lossy (RFC 9649 §2.5, §2.6, §3.4). */
function webpSize(view: DataView): PictureSize | null {
  const kind = view.getUint32(12);
  if (kind === 0x56503858) return { width: 1 + (view.getUint32(24, true) & 0xffffff), height: 1 + (view.getUint32(26, true) >>> 8) };
  if (kind === 0x5650384c) {
    const bits = view.getUint32(21, true);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  if (kind === 0x56503820) return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  return null;
}

/** The first frame header among a JPEG's segments (ITU-T T.81 B.2.2). */
function jpegSize(view: DataView): PictureSize | null {
  let at = 2;
  while (at + 9 < view.byteLength) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  return null;
}
