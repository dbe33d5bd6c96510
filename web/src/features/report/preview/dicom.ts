// The header of a DICOM file and its first frame (DICOM PS3.5, PS3.10), where the frame is not compressed. For looking
// at, not for a diagnosis.

import { parseDicom, type DataSet } from "dicom-parser";

export interface Frame {
  readonly width: number;
  readonly height: number;
  /** RGBA, four bytes a point. */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

export interface Scan {
  readonly header: readonly { readonly tag: HeaderTag; readonly value: string }[];
  readonly frames: number;
  /** Null where the picture is compressed or of a kind not drawn here. */
  readonly frame: Frame | null;
}

const headerTags = {
  patient: "x00100010",
  born: "x00100030",
  study: "x00081030",
  series: "x0008103e",
  date: "x00080020",
  modality: "x00080060",
  body: "x00180015",
  institution: "x00080080",
  maker: "x00080070",
} as const;
export type HeaderTag = keyof typeof headerTags;

/** Implicit and explicit little endian: frames as plain samples (PS3.5 A.1, A.2). */
const plainSyntaxes: ReadonlySet<string> = new Set(["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]);
const mostPoints = 64_000_000;

/** Read a DICOM file. Throws when it is none. */
export function readScan(bytes: Uint8Array): Scan {
  const data = parseDicom(bytes);
  const header = (Object.keys(headerTags) as HeaderTag[]).flatMap((tag) => {
    const value = data.string(headerTags[tag])?.replaceAll("^", " ").trim();
    return value === undefined || value === "" ? [] : [{ tag, value }];
  });
  return { header, frames: data.intString("x00280008") ?? 1, frame: readFrame(data, bytes) };
}

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly bits: number;
  readonly isSigned: boolean;
  readonly isInverted: boolean;
}

function readLayout(data: DataSet): Layout | null {
  const photometric = data.string("x00280004")?.trim();
  const layout: Layout = {
    width: data.uint16("x00280011") ?? 0,
    height: data.uint16("x00280010") ?? 0,
    samples: data.uint16("x00280002") ?? 1,
    bits: data.uint16("x00280100") ?? 0,
    isSigned: data.uint16("x00280103") === 1,
    isInverted: photometric === "MONOCHROME1",
  };
  const isGrey = layout.samples === 1 && (photometric === "MONOCHROME1" || photometric === "MONOCHROME2");
  const isColour = layout.samples === 3 && photometric === "RGB" && layout.bits === 8 && data.uint16("x00280006") !== 1;
  if ((!isGrey && !isColour) || (layout.bits !== 8 && layout.bits !== 16)) return null;
  return layout.width * layout.height > 0 && layout.width * layout.height <= mostPoints ? layout : null;
}

function readFrame(data: DataSet, bytes: Uint8Array): Frame | null {
  const layout = plainSyntaxes.has(data.string("x00020010")?.trim() ?? "") ? readLayout(data) : null;
  const element = data.elements.x7fe00010;
  if (layout === null || element === undefined) return null;
  const length = layout.width * layout.height * layout.samples * (layout.bits / 8);
  if (element.length < length || element.dataOffset + length > bytes.length) return null;
  const frame = bytes.slice(element.dataOffset, element.dataOffset + length);
  const pixels = layout.samples === 3 ? colour(frame) : grey(samplesOf(frame, layout), data, layout.isInverted);
  return { width: layout.width, height: layout.height, pixels };
}

function samplesOf(frame: Uint8Array<ArrayBuffer>, { bits, isSigned }: Layout): ArrayLike<number> {
  if (bits === 8) return isSigned ? new Int8Array(frame.buffer) : frame;
  return isSigned ? new Int16Array(frame.buffer) : new Uint16Array(frame.buffer);
}

/** Grey values through the file's own window, else from its darkest to its lightest (PS3.3 C.11.2). */
function grey(samples: ArrayLike<number>, data: DataSet, isInverted: boolean): Uint8ClampedArray<ArrayBuffer> {
  const slope = data.floatString("x00281053") ?? 1;
  const intercept = data.floatString("x00281052") ?? 0;
  const [low, high] = greyRange(samples, data, slope, intercept);
  const scale = high > low ? 255 / (high - low) : 0;
  const pixels = new Uint8ClampedArray(samples.length * 4);
  for (let i = 0; i < samples.length; i += 1) {
    const level = ((samples[i] ?? 0) * slope + intercept - low) * scale;
    const shade = isInverted ? 255 - level : level;
    pixels[4 * i] = pixels[4 * i + 1] = pixels[4 * i + 2] = shade;
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}

function greyRange(samples: ArrayLike<number>, data: DataSet, slope: number, intercept: number): [number, number] {
  const [center, width] = [data.floatString("x00281050"), data.floatString("x00281051")];
  if (center !== undefined && width !== undefined && width >= 1) return [center - width / 2, center + width / 2];
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < samples.length; i += 1) {
    const value = (samples[i] ?? 0) * slope + intercept;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function colour(frame: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray((frame.length / 3) * 4);
  for (let i = 0; i < frame.length / 3; i += 1) {
    pixels[4 * i] = frame[3 * i] ?? 0;
    pixels[4 * i + 1] = frame[3 * i + 1] ?? 0;
    pixels[4 * i + 2] = frame[3 * i + 2] ?? 0;
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}
