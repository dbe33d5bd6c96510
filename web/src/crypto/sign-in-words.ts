/** The public words of sign-in: KDF parameters, email addresses, account ids (docs/spec/01, 02). */
import { LIMITS } from "../limits.ts";
import { invalid, refusal } from "../refusal.ts";

/** Argon2id cost: `m` KiB of memory, `t` passes, `p` lanes. */
export interface KdfParams {
  readonly m: number;
  readonly t: number;
  readonly p: number;
}

export const DEFAULT_KDF: KdfParams = { m: LIMITS.KDF_MEMORY_KIB, t: LIMITS.KDF_TIME, p: LIMITS.KDF_LANES };

const ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const EMAIL = new RegExp(`^${ATOM}(?:\\.${ATOM})*@${LABEL}(?:\\.${LABEL})*$`);
const MAX_LOCAL_PART_BYTES = 64;

/** The parameters themselves; throws `kdf-refused` outside the bounds (threats MS-01, MS-02). */
export function checkKdf(value: unknown): KdfParams {
  const { m, t, p } = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  if (!Number.isInteger(m) || !Number.isInteger(t) || !Number.isInteger(p)) {
    throw refusal("kdf-refused", "The parameters for password stretching are not integers.");
  }
  const params = { m: m as number, t: t as number, p: p as number };
  const bounds = [
    [params.m, LIMITS.MIN_KDF_MEMORY_KIB, LIMITS.MAX_KDF_MEMORY_KIB],
    [params.t, LIMITS.MIN_KDF_TIME, LIMITS.MAX_KDF_TIME],
    [params.p, LIMITS.MIN_KDF_LANES, LIMITS.MAX_KDF_LANES],
  ] as const;
  if (bounds.some(([value, lowest]) => value < lowest)) {
    throw refusal("kdf-refused", "The server asks for weaker protection of the password than allowed.");
  }
  if (bounds.some(([value, , highest]) => value > highest)) {
    throw refusal("kdf-refused", "The server asks for heavier password stretching than allowed.");
  }
  return params;
}

/** Trims, lowers `A-Z` and checks an address; throws `invalid-input`. */
export function normaliseEmail(text: string): string {
  const email = text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  // eslint-disable-next-line no-control-regex -- the whole of ASCII
  if (!/^[\u0000-\u007f]*$/.test(email)) {
    throw invalid("email", "characters", "An email address is ASCII here.");
  }
  const lowered = email.toLowerCase();
  if (lowered.length > LIMITS.MAX_EMAIL_BYTES) {
    throw invalid("email", "too-long", `An email address has at most ${LIMITS.MAX_EMAIL_BYTES} bytes.`);
  }
  if (!EMAIL.test(lowered) || lowered.indexOf("@") > MAX_LOCAL_PART_BYTES) {
    throw invalid("email", "shape", "This is not an email address of the form name@domain.");
  }
  return lowered;
}

export function isAccountId(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{32}$/.test(text);
}
