/** Whom this user knows: herself, her contacts, and former keys she confirmed (FORMATS §2). */
import { Certificate } from "../crypto/certificates.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { utf8Length } from "../bytes.ts";
import { refusal } from "../refusal.ts";
import { Fields } from "./fields.ts";
import { isKeyId } from "./words.ts";

const MAX_FORMER_KEYS = 64;

/** A key that a person used before. */
export interface FormerKey extends JsonObject {
  key: string;
  certificate: string;
}

/** An entry of the table `contacts` (docs/spec/13-index.md §4); fields of later versions stay. */
export interface ContactRow extends JsonObject {
  key: string;
  certificate: string;
  state: "unverified" | "verified" | "changed";
  name: string;
  email: string;
  former_keys: FormerKey[];
}

/**
 * Keys pinned before whose successor was accepted but not compared yet: what they signed still
 * verifies, but they count as nobody else (docs/spec/15-people.md §1).
 */
export function supersededOf(contact: ContactRow): FormerKey[] {
  return (contact["superseded"] as FormerKey[] | undefined) ?? [];
}

/** Checks a list of former keys of the index; the objects themselves are carried over as they are. */
export function readFormerKeys(fields: Fields, name = "former_keys"): FormerKey[] {
  return fields.list(name, MAX_FORMER_KEYS).map((item: Json) => {
    if (!isObject(item)) throw fields.refused(name);
    const former = new Fields(item, "integrity", "A former key in the index");
    return { key: former.text("key", isKeyId), certificate: former.text("certificate", isArmored) };
  });
}

/** Checks an entry of the table `contacts`; throws `integrity`. */
export function checkContact(body: JsonObject): void {
  const fields = new Fields(body, "integrity", "A contact in the index");
  fields.text("key", isKeyId);
  fields.text("certificate", isArmored);
  fields.text("state", (text) => ["unverified", "verified", "changed"].includes(text));
  fields.text("name", (text) => utf8Length(text) <= LIMITS.MAX_NAME_BYTES);
  fields.text("email", (text) => utf8Length(text) <= LIMITS.MAX_EMAIL_BYTES);
  readFormerKeys(fields);
  if ("superseded" in body) readFormerKeys(fields, "superseded");
}

function isArmored(text: string): boolean {
  return text !== "" && utf8Length(text) <= LIMITS.MAX_CERTIFICATE_BYTES;
}

export class People {
  readonly me: Certificate;
  private readonly parsed = new Map<string, Certificate>();
  private readonly armored = new Map<string, string>();
  private readonly persons = new Map<string, string>();

  constructor(me: Certificate, formerKeys: readonly FormerKey[] = [], contacts: readonly ContactRow[] = []) {
    this.me = me;
    this.parsed.set(me.keyId, me);
    this.persons.set(me.keyId, me.keyId);
    for (const contact of contacts) {
      const { key } = contact;
      this.add(key, contact.certificate, key);
      for (const former of contact.former_keys) this.add(former.key, former.certificate, key);
      for (const former of supersededOf(contact)) this.add(former.key, former.certificate, null);
    }
    for (const former of formerKeys) this.add(former.key, former.certificate, me.keyId);
  }

  private add(key: string, certificate: string, person: string | null): void {
    if (!this.armored.has(key)) this.armored.set(key, certificate);
    if (person !== null && !this.persons.has(key)) this.persons.set(key, person);
  }

  /** The pinned certificate of `keyId`; null for a stranger. Throws `certificate-refused`. */
  async certificate(keyId: string): Promise<Certificate | null> {
    const known = this.parsed.get(keyId);
    if (known !== undefined) return known;
    const armored = this.armored.get(keyId);
    if (armored === undefined) return null;
    const certificate = await Certificate.parse(armored);
    if (certificate.keyId !== keyId) {
      throw refusal("certificate-refused", "A pinned certificate belongs to another key.");
    }
    this.parsed.set(keyId, certificate);
    return certificate;
  }

  isMe(keyId: string): boolean {
    return this.same(keyId, this.me.keyId);
  }

  /** Whether both keys are one person's. */
  same(first: string, second: string): boolean {
    return this.person(first) === this.person(second);
  }

  /** The current key of whoever has, or confirmedly had, `keyId`. */
  person(keyId: string): string {
    return this.persons.get(keyId) ?? keyId;
  }
}
