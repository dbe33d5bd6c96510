// Reading a QR picture, off the camera or out of a file. All of it happens on this device.

/** The longer side that a picture is brought down to: modules stay far above a pixel, and memory stays small. */
const largestSide = 1600;
/** How long a chosen picture may take. A frame of the camera gets less: the next one comes at once. */
const fileMilliseconds = 2000;
const frameMilliseconds = 30;

type Drawable = ImageBitmap | HTMLVideoElement;

function pixelsOf(source: Drawable, width: number, height: number): ImageData | null {
  const scale = Math.min(1, largestSide / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  if (paint === null) return null;
  paint.drawImage(source, 0, 0, canvas.width, canvas.height);
  return paint.getImageData(0, 0, canvas.width, canvas.height);
}

async function decode(image: ImageData, timeLimit: number): Promise<string | null> {
  const { decodeQR } = await import("qr/decode.js");
  try {
    return decodeQR(image, { timeLimit });
  } catch {
    return null; // the library throws where there is no code to read
  }
}

/** The text of the QR code in a picture; null where there is none, or where the file is no picture. */
export async function readQrFile(file: Blob): Promise<string | null> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return null;
  }
  const image = pixelsOf(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  return image === null ? null : decode(image, fileMilliseconds);
}

/** The text of the QR code before the camera now; null where there is none. */
export async function readQrFrame(video: HTMLVideoElement): Promise<string | null> {
  if (video.videoWidth === 0) return null;
  const image = pixelsOf(video, video.videoWidth, video.videoHeight);
  return image === null ? null : decode(image, frameMilliseconds);
}
