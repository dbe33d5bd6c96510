/** Unsigned varints, minimal and at most nine octets (multiformats/unsigned-varint). */
const MAX_OCTETS = 9;

export function writeVarint(value: number): number[] {
  const octets: number[] = [];
  let rest = value;
  while (rest > 127) {
    octets.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  octets.push(rest);
  return octets;
}

/**
 * The number at `at` and the place after it. Throws RangeError: cut short, not minimal, or
 * (`TooLarge`) beyond 2^53 - 1.
 */
export function readVarint(data: Uint8Array, at: number): [value: number, end: number] {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < MAX_OCTETS; i++) {
    const octet = data[at + i];
    if (octet === undefined) throw new RangeError("a varint is cut short");
    value += (octet & 127) * scale;
    scale *= 128;
    if (octet < 128) {
      if (octet === 0 && i > 0) throw new RangeError("a varint is not minimal");
      if (value > Number.MAX_SAFE_INTEGER) throw new TooLarge("a varint is too large");
      return [value, at + i + 1];
    }
  }
  throw new RangeError("a varint is longer than nine octets");
}

/** A number beyond what can be counted exactly. */
export class TooLarge extends RangeError {}
