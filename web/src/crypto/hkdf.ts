/** HKDF-SHA-256 (RFC 5869) and what is keyed by it. */
import { equalSecret, fromHex, hex, utf8, type Bytes } from "../bytes.ts";

/** `length` octets for `info`; an empty `salt` is none. */
export async function hkdf(
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", secret as Bytes, "HKDF", false, ["deriveBits"]);
  const algorithm = { name: "HKDF", hash: "SHA-256", salt: salt as Bytes, info: info as Bytes };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, length * 8));
}

/** HMAC-SHA-256 of `text` under HKDF of the secret's characters, no salt (docs/spec/03); hex. */
export async function macOf(secret: string, info: string, text: string): Promise<string> {
  const raw = await hkdf(utf8(secret), new Uint8Array(0), utf8(info), 32);
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return hex(new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(text))));
}

/** Whether two MACs in hex are equal; anything but 64 hex digits is not. */
export function equalMac(received: string, expected: string): boolean {
  return /^[0-9a-f]{64}$/.test(received) && equalSecret(fromHex(received), fromHex(expected));
}
