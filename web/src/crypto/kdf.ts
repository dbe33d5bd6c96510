/** Password stretching (docs/spec/02-password-stretching.md). */
import { hex, sha256Hex, utf8, utf8Length } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { invalid } from "../refusal.ts";
import { checkKdf, isAccountId, normaliseEmail, type KdfParams } from "./sign-in-words.ts";
import unassignedRanges from "../../../hygieia/openpgp/unicode14_unassigned.json";

const STRETCHED_BYTES = 64;

/** What a password becomes: 64 hex characters each. The first never leaves the client. */
export interface Stretched {
  readonly sealPassphrase: string;
  readonly loginSecret: string;
}

/** NFKC of a password that every Unicode 14 or later machine reads alike; throws `invalid-input`. */
export function normalisePassword(text: string): string {
  if (/[\p{Cc}\p{Cs}]/u.test(text) || hasUnassigned(text)) {
    throw invalid(
      "password",
      "characters",
      "The password has a control character, a line break or an unknown character.",
    );
  }
  const password = text.normalize("NFKC");
  if (password === "") throw invalid("password", "empty", "The password is empty.");
  if (utf8Length(password) > LIMITS.MAX_PASSWORD_BYTES) {
    throw invalid(
      "password",
      "too-long",
      `The password is longer than ${LIMITS.MAX_PASSWORD_BYTES} bytes.`,
    );
  }
  return password;
}

/** The account's 32-character salt, which a server cannot choose (threat MS-03). */
export async function saltFor(email: string, account: string): Promise<string> {
  if (normaliseEmail(email) !== email || !isAccountId(account)) {
    throw invalid("email", "shape", "The email address or account id is not in its normal form.");
  }
  return (await sha256Hex(`hygieia salt 1\0${email}\0${account}`)).slice(0, 32);
}

/** Argon2id of the password under the account's salt: some 200 ms and `params.m` KiB. */
export async function stretch(
  password: string,
  email: string,
  account: string,
  params: KdfParams,
): Promise<Stretched> {
  const { m, t, p } = checkKdf(params);
  const salt = await saltFor(email, account);
  const stretched = await argon2(normalisePassword(password), salt, { m, t, p }, STRETCHED_BYTES);
  return { sealPassphrase: hex(stretched.subarray(0, 32)), loginSecret: hex(stretched.subarray(32)) };
}

/** Argon2id version 0x13 (RFC 9106): some 200 ms and `params.m` KiB. */
export async function argon2(
  secret: string,
  salt: string,
  params: KdfParams,
  lengthBytes: number,
): Promise<Uint8Array> {
  const { argon2id } = await import("hash-wasm");
  return argon2id({
    password: utf8(secret),
    salt: utf8(salt),
    memorySize: params.m,
    iterations: params.t,
    parallelism: params.p,
    hashLength: lengthBytes,
    outputType: "binary",
  });
}

let ranges: readonly (readonly [first: number, last: number])[] | undefined;

/** Whether a character is unassigned in Unicode 14: its normal form may still change. */
function hasUnassigned(text: string): boolean {
  ranges ??= (unassignedRanges as readonly string[]).map((item) => {
    const [first, last] = item.split("-");
    return [parseInt(first!, 16), parseInt(last ?? first!, 16)];
  });
  for (const character of text) {
    const point = character.codePointAt(0)!;
    if (point > 0x7f && ranges.some(([first, last]) => point >= first && point <= last)) return true;
  }
  return false;
}
