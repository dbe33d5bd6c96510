/**
 * Safety numbers: what two people read to each other to know that they hold each other's true keys
 * (docs/spec/15-people.md §2). Both clients compute the same digits from both key ids.
 */
import { equalSecret, readBigEndian, sha256Hex, utf8 } from "../bytes.ts";
import { argon2 } from "../crypto/kdf.ts";
import { DEFAULT_KDF } from "../crypto/sign-in-words.ts";
import { invalid, type EngineError } from "../refusal.ts";
import { isKeyId } from "./words.ts";

const GROUPS = 8;
const GROUP_DIGITS = 5;
const GROUP_BYTES = 8;
const SALT = "hygieia safety 1";
const CODE_START = "hygieia:safety:1:";

/**
 * The number of two key ids, in either order: eight groups of five digits. Some 200 ms and 64 MiB.
 * Throws `invalid-input` for anything but two different key ids.
 */
export async function safetyNumber(first: string, second: string): Promise<string> {
  const [low, high] = ordered(first, second);
  const pair = await sha256Hex(`${SALT}\0${low}\0${high}`);
  const octets = await argon2(pair, SALT, DEFAULT_KDF, GROUPS * GROUP_BYTES);
  return Array.from({ length: GROUPS }, (_, place) => group(octets, place)).join(" ");
}

function group(octets: Uint8Array, place: number): string {
  const at = place * GROUP_BYTES;
  // Eight octets are more than a number holds exactly: the remainder is taken in two halves.
  const high = readBigEndian(octets.subarray(at, at + 4));
  const low = readBigEndian(octets.subarray(at + 4, at + 8));
  const bound = 10 ** GROUP_DIGITS;
  const number = ((high % bound) * (2 ** 32 % bound) + low) % bound;
  return String(number).padStart(GROUP_DIGITS, "0");
}

/** What a QR code shows for both: a camera compares the key ids themselves. */
export function safetyCode(first: string, second: string): string {
  return CODE_START + ordered(first, second).join(":");
}

function ordered(first: string, second: string): [low: string, high: string] {
  if (!isKeyId(first) || !isKeyId(second)) {
    throw invalid("number", "shape", "A safety number is made from two key ids.");
  }
  if (first === second) {
    throw invalid("number", "shape", "A safety number is between two people: this is one key.");
  }
  return first < second ? [first, second] : [second, first];
}

/**
 * Whether what somebody typed is the number shown, however it was spaced. Throws `invalid-input`
 * when it is no safety number at all: a slip is not a stranger.
 */
export function sameNumber(shown: string, typed: string): boolean {
  const digits = typed.replace(/[\s.-]+/gu, "");
  if (!/^[0-9]{40}$/.test(digits)) throw slip("number");
  return equalSecret(utf8(shown.replace(/ /g, "")), utf8(digits));
}

/** Whether a scanned code is the one shown; throws `invalid-input` for another kind of code. */
export function sameCode(shown: string, scanned: string): boolean {
  const text = scanned.trim();
  if (!/^hygieia:safety:1:[0-9a-f]{64}:[0-9a-f]{64}$/.test(text)) throw slip("code");
  return equalSecret(utf8(shown), utf8(text));
}

function slip(field: "number" | "code"): EngineError {
  const words = `A safety number is ${GROUPS} groups of ${GROUP_DIGITS} digits. Type all of it.`;
  return invalid(field, "shape", field === "number" ? words : "This code is no safety number.");
}
