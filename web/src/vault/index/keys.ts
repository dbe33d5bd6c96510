/** `contents/keys.pgp`: keys that travel, former keys, digests (docs/spec/13-index.md §5). */
import { sha256Hex } from "../../bytes.ts";
import type { Certificate } from "../../crypto/certificates.ts";
import type { UnlockedKey } from "../../crypto/keys.ts";
import { readCarried, signNote, verifyNote } from "../../crypto/notes.ts";
import { isObject, jsonBytes, readObject, unknownFields, type Json, type JsonObject } from "../../json.ts";
import { LIMITS } from "../../limits.ts";
import { isRefusal, refusal } from "../../refusal.ts";
import { Fields } from "../fields.ts";
import { IpnsKey } from "../ipns-key.ts";
import { MAX_FORMER_KEYS, readFormerKeys, type FormerKey } from "../people.ts";
import { isSha256, isSlug } from "../words.ts";

const KEY_CONTEXT = "hygieia key 1";
const IPNS_PURPOSE = "ipns";
const MAX_KEY_NOTES = 4096;
const KNOWN: ReadonlySet<string> = new Set(["notes", "former_keys", "digests"]);

/** Parts of the kit whose digests the index holds, so that no dead one can be slipped in. */
export interface RecoveryParts {
  readonly recovery_key: string;
  readonly recovery_mac: string;
  readonly revocation: string;
}

export interface KeysFile {
  readonly notes: readonly JsonObject[];
  readonly formerKeys: readonly JsonObject[];
  readonly digests: Readonly<Record<string, string>>;
  readonly extra: JsonObject;
}

/** The first `keys.pgp` of an account: its IPNS key in a signed note. */
export async function makeKeysFile(key: UnlockedKey, ipns: IpnsKey, created: string): Promise<KeysFile> {
  const body = { purpose: IPNS_PURPOSE, key: ipns.secretHex, created };
  return { notes: [await signNote(key, KEY_CONTEXT, body)], formerKeys: [], digests: {}, extra: {} };
}

export function writeKeys(keys: KeysFile): Uint8Array {
  const body: JsonObject = {
    notes: [...keys.notes],
    former_keys: [...keys.formerKeys],
    digests: { ...keys.digests },
  };
  return jsonBytes({ ...body, ...keys.extra });
}

/** Throws `integrity`. */
export function readKeys(data: Uint8Array): KeysFile {
  let body: JsonObject;
  try {
    body = readObject(data, LIMITS.MAX_KEYS_FILE_BYTES);
  } catch (error) {
    if (!isRefusal(error, "invalid-input")) throw error;
    throw refusal("integrity", "The index's keys cannot be read.");
  }
  const fields = new Fields(body, "integrity", "The index's keys file");
  const notes = fields.list("notes", MAX_KEY_NOTES);
  if (!notes.every(isCarried)) throw fields.refused("notes");
  const digests = fields.object("digests");
  if (!Object.values(digests).every((value) => typeof value === "string" && isSha256(value))) {
    throw fields.refused("digests");
  }
  readFormerKeys(fields);
  return {
    notes: notes as JsonObject[],
    formerKeys: body["former_keys"] as JsonObject[],
    digests: digests as Record<string, string>,
    extra: unknownFields(body, KNOWN),
  };
}

/** The account's IPNS key, out of a note that `owner` signed; throws `note-refused` (MS-09). */
export async function ipnsKeyOf(keys: KeysFile, owner: Certificate): Promise<IpnsKey> {
  let secret: Json | undefined;
  for (const carried of keys.notes) {
    const note = readCarried(carried, KEY_CONTEXT);
    if ((await verifyNote(note, owner)) !== "valid") {
      throw refusal("note-refused", "A key of the index is not signed by its owner.");
    }
    const purpose = note.body["purpose"];
    if (typeof purpose !== "string" || !isSlug(purpose)) {
      throw refusal("note-refused", "A key of the index has no purpose.");
    }
    if (purpose === IPNS_PURPOSE) secret = note.body["key"] ?? null;
  }
  if (typeof secret !== "string" || !isSha256(secret)) {
    throw refusal("note-refused", "The index holds no key for its IPNS name.");
  }
  return IpnsKey.of(secret);
}

/** The same with a former key of the user's own entered; throws `invalid-input` above 64 of them. */
export function withFormerKey(keys: KeysFile, former: FormerKey): KeysFile {
  if (keys.formerKeys.some(({ key }) => key === former.key)) return keys;
  if (keys.formerKeys.length >= MAX_FORMER_KEYS) {
    throw refusal("invalid-input", `A vault remembers at most ${MAX_FORMER_KEYS} former keys.`);
  }
  return { ...keys, formerKeys: [...keys.formerKeys, former] };
}

export async function withDigests(keys: KeysFile, parts: RecoveryParts): Promise<KeysFile> {
  const digests: Record<string, string> = { ...keys.digests };
  for (const [name, text] of Object.entries(parts)) digests[name] = await sha256Hex(text);
  return { ...keys, digests };
}

function isCarried(item: Json): boolean {
  return (
    isObject(item) &&
    Object.keys(item).length === 2 &&
    typeof item["note"] === "string" &&
    typeof item["signature"] === "string"
  );
}
