/** The recovery kit: `hygieia-kit.json` and what the printed page says (docs/spec/14-recovery-kit.md). */
import { sha256Hex, utf8, utf8Length } from "../bytes.ts";
import { Certificate } from "../crypto/certificates.ts";
import { saltFor } from "../crypto/kdf.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import { unsealWithCode } from "../crypto/seals.ts";
import { checkKdf, isAccountId, normaliseEmail, type KdfParams } from "../crypto/sign-in-words.ts";
import { isCid, type Cid } from "../ipld/cid.ts";
import { publicKeyOf } from "../ipld/ipns.ts";
import { readObject, unknownFields, type JsonObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { EngineError, isRefusal, refusal } from "../refusal.ts";
import { Fields } from "./fields.ts";
import { ipnsKeyOf, type KeysFile, type RecoveryParts } from "./index/keys.ts";
import { isSha256, isTime } from "./words.ts";

const KIT_FORMAT = 1;
export const KIT_FILE_NAME = "hygieia-kit.json";
const DIGESTED = ["recovery_key", "recovery_mac", "revocation"] as const;

/** Every field of the file; nothing in it is secret in clear. */
export interface KitFile extends RecoveryParts {
  readonly email: string;
  readonly account: string;
  readonly kdf: KdfParams;
  readonly certificate: string;
  readonly sealed_key: string;
  readonly seal_mac: string;
  readonly ipns_name: string;
  readonly index_cid: Cid;
  readonly sequence: number;
  readonly gateways: readonly string[];
  readonly server: string;
  readonly created: string;
}

const KNOWN: ReadonlySet<string> = new Set([
  ...["format", "email", "account", "salt", "kdf", "certificate", "sealed_key", "seal_mac"],
  ...[...DIGESTED, "ipns_name", "index_cid", "sequence", "gateways", "server", "created"],
]);

/** The file, indented for people. */
export async function writeKit(kit: KitFile): Promise<Uint8Array<ArrayBuffer>> {
  const { m, t, p } = kit.kdf;
  const body = {
    format: KIT_FORMAT,
    email: kit.email,
    account: kit.account,
    salt: await saltFor(kit.email, kit.account),
    kdf: { m, t, p },
    certificate: kit.certificate,
    sealed_key: kit.sealed_key,
    seal_mac: kit.seal_mac,
    recovery_key: kit.recovery_key,
    recovery_mac: kit.recovery_mac,
    revocation: kit.revocation,
    ipns_name: kit.ipns_name,
    index_cid: kit.index_cid,
    sequence: kit.sequence,
    gateways: [...kit.gateways],
    server: kit.server,
    created: kit.created,
  };
  return utf8(JSON.stringify(body, null, 1) + "\n");
}

/** Reads a kit, every field checked as far as it can be without a secret; throws `kit-refused`. */
export async function readKit(data: Uint8Array): Promise<KitFile> {
  let body: JsonObject;
  try {
    body = readObject(data, LIMITS.MAX_KIT_BYTES);
  } catch (error) {
    if (!isRefusal(error, "invalid-input")) throw error;
    throw refusal("kit-refused", "The file is not a recovery kit, or it is cut short.");
  }
  const fields = new Fields(body, "kit-refused", "The recovery kit");
  if (fields.integer("format", 1) !== KIT_FORMAT) {
    throw refusal("kit-refused", "The recovery kit was written by a newer version.");
  }
  const kit = readFields(fields, body);
  if (fields.text("salt") !== (await saltFor(kit.email, kit.account))) {
    throw refusal("kit-refused", "The recovery kit was changed: its salt is not this account's.");
  }
  return kit;
}

function readFields(fields: Fields, body: JsonObject): KitFile {
  const inner = new Fields(fields.object("kdf"), "kit-refused", "The recovery kit");
  let kdf: KdfParams;
  try {
    kdf = checkKdf({ m: inner.integer("m", 1), t: inner.integer("t", 1), p: inner.integer("p", 1) });
  } catch (error) {
    if (!isRefusal(error, "kdf-refused")) throw error;
    throw refusal("kit-refused", "The recovery kit's protection of the password is out of bounds.");
  }
  const gateways = fields.list("gateways", LIMITS.MAX_GATEWAYS);
  if (!gateways.every((each) => typeof each === "string" && isUrl(each))) throw fields.refused("gateways");
  return {
    email: fields.text("email", isEmail),
    account: fields.text("account", isAccountId),
    kdf,
    certificate: fields.text("certificate", fits(LIMITS.MAX_CERTIFICATE_BYTES)),
    sealed_key: fields.text("sealed_key", fits(LIMITS.MAX_SEALED_KEY_BYTES)),
    seal_mac: fields.text("seal_mac", isSha256),
    recovery_key: fields.text("recovery_key", fits(LIMITS.MAX_SEALED_KEY_BYTES)),
    recovery_mac: fields.text("recovery_mac", isSha256),
    revocation: fields.text("revocation", fits(LIMITS.MAX_SEALED_KEY_BYTES)),
    ipns_name: fields.text("ipns_name", isIpnsName),
    index_cid: fields.text("index_cid", isCid),
    sequence: fields.integer("sequence", 1),
    gateways: gateways as string[],
    server: fields.text("server", isUrl),
    created: fields.text("created", isTime),
    ...unknownFields(body, KNOWN),
  } as KitFile;
}

/** The key, under the recovery code; throws `invalid-input`, `sealed-key-refused`, `key-mismatch`. */
export async function openWithCode(kit: KitFile, code: string): Promise<UnlockedKey> {
  const seal = { armored: kit.recovery_key, mac: kit.recovery_mac };
  return unsealWithCode(seal, code, await certificateOf(kit));
}

async function certificateOf(kit: KitFile): Promise<Certificate> {
  try {
    return await Certificate.parse(kit.certificate);
  } catch (error) {
    if (!isRefusal(error, "certificate-refused")) throw error;
    throw refusal("kit-refused", "The recovery kit's certificate is not valid.");
  }
}

/** Holds a kit against the open index: its recovery parts, and the IPNS name; throws `kit-refused`. */
export async function checkAgainst(kit: KitFile, keys: KeysFile, owner: Certificate): Promise<void> {
  for (const name of DIGESTED) {
    if (keys.digests[name] !== (await sha256Hex(kit[name]))) {
      throw refusal("kit-refused", `The recovery kit's ${name} is not the one that the vault's index names.`);
    }
  }
  if ((await ipnsKeyOf(keys, owner)).name !== kit.ipns_name) {
    throw refusal("kit-refused", "The recovery kit names another vault than the one its key opens.");
  }
}

/** Lines for a shell that need no page of ours; the server names the gateways, so they are quoted. */
export function kitLines(kit: KitFile): string[] {
  const gateway = kit.gateways[0] ?? kit.server;
  const record = quoted(`${gateway}/ipns/${kit.ipns_name}?format=ipns-record`);
  return [
    `hygieia --server ${quoted(kit.server)} reset-password ${KIT_FILE_NAME}`,
    `hygieia recover ${KIT_FILE_NAME} --gateway ${quoted(gateway)} --out vault`,
    `umask 077; jq -j .recovery_key ${KIT_FILE_NAME} > locked.pgp`,
    `read -r code && printf %s "$code" > code`,
    "sq key password --cert-file locked.pgp --password-file code --clear-password --output key.pgp && rm code",
    `curl -s ${record} | grep -aoE '/ipfs/b[a-z2-7]{58}' | head -1`,
  ];
}

/** One word of a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'"'"'`)}'`;
}

/** Whether `text` is an http or https address without anything odd in it. */
export function isUrl(text: string): boolean {
  const hasScheme = text.startsWith("https://") || text.startsWith("http://");
  return hasScheme && utf8Length(text) <= LIMITS.MAX_URL_BYTES && !/[\p{C}\p{Z}"'<>\\^`{|}]/u.test(text);
}

function isEmail(text: string): boolean {
  return accepts(() => normaliseEmail(text) === text);
}

function isIpnsName(text: string): boolean {
  return accepts(() => publicKeyOf(text).length === 32);
}

function accepts(rule: () => boolean): boolean {
  try {
    return rule();
  } catch (error) {
    if (error instanceof EngineError) return false;
    throw error;
  }
}

function fits(limitBytes: number): (text: string) => boolean {
  return (text) => text !== "" && utf8Length(text) <= limitBytes;
}
