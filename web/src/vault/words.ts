/** Words of a vault: titles, file names, categories and ids (docs/spec/12-report.md §1). */
import { hex, randomBytes, utf8Length } from "../bytes.ts";
import { isTime } from "../crypto/times.ts";
import { LIMITS } from "../limits.ts";
import { invalid } from "../refusal.ts";

export { isTime };
export const DEFAULT_CATEGORY = "other";

// U+0000-001F and U+007F-009F, as docs/spec/01 has them, and lone surrogates, which no UTF-8 holds.
// eslint-disable-next-line no-control-regex -- control characters are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/gu;
const MAX_EXTENSION_BYTES = 32;

export function isTitle(text: string): boolean {
  return isText(text, LIMITS.MAX_TITLE_BYTES);
}

/** A name that passes may still be `..` or `CON`: it is text, never a path. */
export function isFileName(text: string): boolean {
  return isText(text, LIMITS.MAX_FILE_NAME_BYTES) && !text.includes("/");
}

export function isMediaType(text: string): boolean {
  return text.length <= LIMITS.MAX_MEDIA_TYPE_BYTES && /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/.test(text);
}

export function isSlug(text: string): boolean {
  return /^[a-z0-9-]{1,40}$/.test(text);
}

export function isReportId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

export function isKeyId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

export function isSubject(text: string): boolean {
  return /^(?:[0-9a-f]{64}|person:[0-9a-f]{32})$/.test(text);
}

export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Whether `text` has 1 to `limitBytes` bytes and no control characters. */
export function isText(text: string, limitBytes: number): boolean {
  return text !== "" && text.search(CONTROL) < 0 && utf8Length(text) <= limitBytes;
}

/** Throws `invalid-input`. */
export function checkSubject(subject: string): string {
  if (!isSubject(subject)) throw invalid("subject", "shape", "This is nobody whose records could be kept.");
  return subject;
}

/** Throws `invalid-input`. */
export function checkTitle(title: string): string {
  if (!isTitle(title)) {
    throw invalid("title", "shape", `A title has 1 to ${LIMITS.MAX_TITLE_BYTES} bytes, no control characters.`);
  }
  return title;
}

/** Throws `invalid-input`. */
export function checkCategory(category: string): string {
  if (!isSlug(category)) {
    throw invalid("category", "shape", "A category has 1 to 40 characters of a-z, 0-9 and the dash.");
  }
  return category;
}

/** A stored file name out of whatever a file system calls the file; it passes `isFileName`. */
export function cleanFileName(name: string): string {
  const base = name.replace(/\\/g, "/").replace(/\/+$/, "").split("/").at(-1)!;
  return fit(base.replace(CONTROL, "_") || "file", LIMITS.MAX_FILE_NAME_BYTES);
}

/** The title a report gets when nobody gave one: its file's name without the extension. */
export function titleFromFileName(name: string): string {
  const clean = cleanFileName(name);
  const dot = clean.lastIndexOf(".");
  const isExtension = dot > 0 && clean.length - dot - 1 <= MAX_EXTENSION_BYTES;
  return cleanTitle(isExtension ? clean.slice(0, dot) : name);
}

/**
 * The title of a file found below a folder: the way to it, then what its name gives, such as
 * `cardiology/2024/scan`. Where that is too long, the folders nearest to the file are kept.
 */
export function titleFromPath(folders: readonly string[], name: string): string {
  let title = titleFromFileName(name);
  for (const folder of [...folders].reverse()) {
    const longer = `${cleanTitle(folder)}/${title}`;
    if (utf8Length(longer) > LIMITS.MAX_TITLE_BYTES) break;
    title = longer;
  }
  return title;
}

function cleanTitle(text: string): string {
  const cleaned = text.replace(CONTROL, " ").split(/\s+/u).join(" ").trim();
  return cut(cleaned, LIMITS.MAX_TITLE_BYTES).trimEnd() || "untitled";
}

function fit(name: string, limitBytes: number): string {
  if (utf8Length(name) <= limitBytes) return name;
  const dot = name.lastIndexOf(".");
  const extension = name.slice(dot + 1);
  if (dot < 0 || utf8Length(extension) > MAX_EXTENSION_BYTES) return cut(name, limitBytes).replace(/[ .]+$/, "");
  return `${cut(name.slice(0, dot), limitBytes - utf8Length(extension) - 1)}.${extension}`;
}

/** The longest prefix of at most `limitBytes` of UTF-8. */
function cut(text: string, limitBytes: number): string {
  let size = 0;
  let end = 0;
  for (const character of text) {
    size += utf8Length(character);
    if (size > limitBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** A new report or upload id: 128 random bits as 32 lower-case hex digits. */
export function makeId(): string {
  return hex(randomBytes(16));
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  pdf: "application/pdf",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  png: "image/png",
  gif: "image/gif",
  webp: "image/webp",
  heic: "image/heic",
  tif: "image/tiff",
  tiff: "image/tiff",
  svg: "image/svg+xml",
  txt: "text/plain",
  csv: "text/csv",
  md: "text/markdown",
  html: "text/html",
  htm: "text/html",
  json: "application/json",
  xml: "text/xml",
  dcm: "application/dicom",
  zip: "application/zip",
  mp4: "video/mp4",
  doc: "application/msword",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
};

/** What a file's name, or else its browser, says it is. */
export function mediaTypeOf(fileName: string, said = ""): string {
  const extension = fileName.slice(fileName.lastIndexOf(".") + 1).toLowerCase();
  const known = fileName.includes(".") ? MEDIA_TYPES[extension] : undefined;
  const claimed = said.split(";")[0]!.trim().toLowerCase();
  return known ?? (isMediaType(claimed) ? claimed : "application/octet-stream");
}
