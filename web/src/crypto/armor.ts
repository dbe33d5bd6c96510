/** ASCII armor (RFC 9580 §6): base64 between BEGIN and END lines, strictly one block a text. */
import { base64, bigEndian, fromBase64, type Bytes } from "../bytes.ts";

export const PUBLIC_KEY = "PGP PUBLIC KEY BLOCK";
export const PRIVATE_KEY = "PGP PRIVATE KEY BLOCK";
export const SIGNATURE = "PGP SIGNATURE";

const BLOCK =
  /^-----BEGIN (PGP [A-Z ]+)-----[ \t]*\r?\n(?:[A-Za-z-]+: [^\r\n]*\r?\n)*[ \t]*\r?\n((?:[A-Za-z0-9+/]+={0,2}[ \t]*\r?\n)+)(?:=[A-Za-z0-9+/]{4}[ \t]*\r?\n)?-----END \1-----$/;

/** The text is not one armored block of the kind wanted: callers say what it should be. */
export class ArmorError extends Error {}

/** Armored text, ending in a line feed; with the CRC that GnuPG 2.2 and pgpy still look for. */
export function armor(label: string, data: Uint8Array): string {
  const lines = base64(data).match(/.{1,64}/g) ?? [];
  const footer = base64(bigEndian(crc24(data), 3));
  return [`-----BEGIN ${label}-----`, "", ...lines, `=${footer}`, `-----END ${label}-----`, ""].join("\n");
}

/** The binary inside; throws `ArmorError`. Headers are skipped and the CRC ignored (§6.1). */
export function dearmor(label: string, text: string, maxBytes: number): Bytes {
  if (text.length > maxBytes) throw new ArmorError("too long");
  const match = BLOCK.exec(text.replace(/^[ \t\r\n\v\f]+|[ \t\r\n\v\f]+$/g, ""));
  if (match === null || match[1] !== label) throw new ArmorError("not one armored block");
  const body = match[2]!.replace(/[ \t\r\n]/g, "");
  if (body.length % 4 !== 0 || /=./.test(body.replace(/==$/, "="))) throw new ArmorError("base64");
  try {
    return fromBase64(body);
  } catch {
    throw new ArmorError("base64");
  }
}

function crc24(data: Uint8Array): number {
  let crc = 0xb704ce;
  for (const octet of data) {
    crc ^= octet << 16;
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1;
      if ((crc & 0x1000000) !== 0) crc ^= 0x1864cfb;
    }
  }
  return crc;
}
