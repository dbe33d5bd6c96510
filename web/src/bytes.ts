/** Octets: joined, compared, written as text. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function concat(...parts: readonly ArrayLike<number>[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const ROOM_BYTES = 64 << 20;
/** So much is gathered before it is sent off: a message for each small buffer would cost more than it saves. */
const GATHERED_BYTES = 1 << 20;
let nowhere: MessagePort | null = null;
let gathered: ArrayBuffer[] = [];
let gatheredBytes = 0;

/**
 * Gives the memory of a buffer back soon, not when the browser's collector comes by: that knows of
 * a large file's buffers only after hundreds of MiB. Use neither it nor its views again. It is sent to a port
 * with no other end; `transfer(0)` leaves it with Chromium, uncounted (measured in version 156).
 *
 * Chromium's allocator keeps for the next buffers an eighth as much as is in use, and gives the rest
 * to the kernel, from which it costs more to get back than AES-GCM does. So there is a buffer in use
 * besides, which is never written to and so takes no memory.
 */
export function free(buffer: ArrayBuffer): void {
  gathered.push(buffer);
  gatheredBytes += buffer.byteLength;
  if (gatheredBytes < GATHERED_BYTES) return;
  nowhere ??= makeNowhere();
  nowhere.postMessage(null, gathered);
  gathered = [];
  gatheredBytes = 0;
}

function makeNowhere(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  try {
    // In a place where a bundler cannot know that nobody looks.
    Reflect.set(port1, "room", new ArrayBuffer(ROOM_BYTES));
  } catch {
    // Slower without.
  }
  return port1;
}

export function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether two secrets are equal, in a time that does not tell where they differ. */
export function equalSecret(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

export function startsWith(data: Uint8Array, start: ArrayLike<number>, at = 0): boolean {
  return data.length >= at + start.length && equal(data.subarray(at, at + start.length), start);
}

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Throws a TypeError for what is no UTF-8. */
export function fromUtf8(data: Uint8Array): string {
  return decoder.decode(data);
}

export function utf8Length(text: string): number {
  return encoder.encode(text).length;
}

export function hex(data: ArrayLike<number>): string {
  return Array.from(data, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Bytes {
  const data = new Uint8Array(text.length >> 1);
  for (let i = 0; i < data.length; i++) data[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return data;
}

export function base64(data: Uint8Array): string {
  let text = "";
  for (let i = 0; i < data.length; i += 0x2000) {
    text += String.fromCharCode(...data.subarray(i, i + 0x2000));
  }
  return btoa(text);
}

export function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** `value` in `width` octets, most significant first; exact up to 2^53 - 1. */
export function bigEndian(value: number, width: number): Bytes {
  const data = new Uint8Array(width);
  let rest = value;
  for (let i = width - 1; i >= 0; i--) {
    data[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return data;
}

export function readBigEndian(data: Uint8Array): number {
  let value = 0;
  for (const octet of data) value = value * 256 + octet;
  return value;
}

export function randomBytes(length: number): Bytes {
  const data = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) {
    crypto.getRandomValues(data.subarray(at, Math.min(length, at + 65536)));
  }
  return data;
}

/** A number from 0 up to, not including, `bound`; each as likely as any other. */
export function randomBelow(bound: number): number {
  const limit = Math.floor(2 ** 32 / bound) * bound;
  const word = new Uint32Array(1);
  do crypto.getRandomValues(word);
  while (word[0]! >= limit);
  return word[0]! % bound;
}

/** SHA-256 of a whole; 32 octets. */
export async function sha256(data: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data as Bytes));
}

export async function sha256Hex(data: Uint8Array | string): Promise<string> {
  return hex(await sha256(typeof data === "string" ? utf8(data) : data));
}
