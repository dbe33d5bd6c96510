/** How much padding a payload gets, and which octets (docs/spec/04; PADMÉ, PoPETs 2019, §4). */
import { bigEndian, concat, utf8, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal } from "../refusal.ts";
import { hkdf } from "./hkdf.ts";

const HEADER_BYTES = 6; // tag and a length of always five octets
const STEP_BYTES = 1 << 18;

/** The padded length for `length`; exact for all integers. */
export function padme(length: number): number {
  if (length < 2) return length;
  const exponent = bitLength(length) - 1;
  const step = 2 ** (exponent - bitLength(exponent));
  return Math.ceil(length / step) * step;
}

function bitLength(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(value);
}

/** Body length of the Padding packet after a Literal packet of `literalBytes`, header included. */
export function paddingBytes(literalBytes: number, floorBytes = 0): number {
  const least = literalBytes + HEADER_BYTES;
  const length = Math.max(padme(least), floorBytes) - least;
  if (length > LIMITS.MAX_PADDING_BYTES) {
    throw refusal("limit-exceeded", "The content is too long to be padded: 512 GiB is the limit.");
  }
  return length;
}

/** Header of the Padding packet (RFC 9580 §5.14), its length in five octets. */
export function paddingHeader(bodyBytes: number): Bytes {
  return concat([0xd5, 0xff], bigEndian(bodyBytes, 4));
}

/** Padding octets, a function of session key and salt so that a resumed upload comes out the same. */
export async function* paddingOctets(
  sessionKey: Bytes,
  salt: Bytes,
  bodyBytes: number,
): AsyncGenerator<Bytes> {
  const raw = await hkdf(sessionKey, salt, utf8("hygieia padding 1"), 32);
  const key = await crypto.subtle.importKey("raw", raw, "AES-CTR", false, ["encrypt"]);
  for (let at = 0; at < bodyBytes; at += STEP_BYTES) {
    const counter = concat(new Uint8Array(8), bigEndian(at / 16, 8));
    const zeros = new Uint8Array(Math.min(STEP_BYTES, bodyBytes - at));
    const algorithm = { name: "AES-CTR", counter, length: 64 };
    yield new Uint8Array(await crypto.subtle.encrypt(algorithm, key, zeros));
  }
}
