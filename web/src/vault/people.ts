/** Whom this user knows: herself, her contacts, and former keys she confirmed (docs/spec/15). */
import { Certificate } from "../crypto/certificates.ts";
import { verifyNote, type Note, type Verdict } from "../crypto/notes.ts";
import { CLOCK_SKEW_SECONDS } from "../crypto/self-signatures.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { utf8Length } from "../bytes.ts";
import { refusal } from "../refusal.ts";
import { Fields } from "./fields.ts";
import { isKeyId } from "./words.ts";

export const MAX_FORMER_KEYS = 64;

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

/** Whether a text is short enough to be a certificate; parsing it decides the rest. */
export function isArmored(text: string): boolean {
  return text !== "" && utf8Length(text) <= LIMITS.MAX_CERTIFICATE_BYTES;
}

/**
 * Whether a contact's key is not to be used before numbers were compared: it changed, or its successor
 * was accepted and nothing more (docs/spec/19-re-key-and-give-back.md §4).
 */
export function isHeldBack(contact: ContactRow): boolean {
  const isUncompared = contact.state === "unverified" && supersededOf(contact).length > 0;
  return contact.state === "changed" || isUncompared;
}

/** The key of now of each contact, by every key that counts as hers. */
export function personsOf(contacts: readonly ContactRow[]): Map<string, string> {
  const former = contacts.flatMap(({ key, former_keys }) => former_keys.map((each) => [each.key, key] as const));
  return new Map([...former, ...contacts.map(({ key }) => [key, key] as const)]);
}

export class People {
  readonly me: Certificate;
  private readonly parsed = new Map<string, Certificate>();
  private readonly armored = new Map<string, string>();
  private readonly persons = new Map<string, string>();
  /** The certificate that came after a key that somebody had before. */
  private readonly successors = new Map<string, string>();

  constructor(me: Certificate, formerKeys: readonly FormerKey[] = [], contacts: readonly ContactRow[] = []) {
    this.me = me;
    this.parsed.set(me.keyId, me);
    this.persons.set(me.keyId, me.keyId);
    for (const contact of contacts) {
      const { key, certificate } = contact;
      // Accepted and not compared: a stranger's key still. One that *changed* is the pinned one.
      const isStranger = contact.state === "unverified" && supersededOf(contact).length > 0;
      if (isStranger) this.persons.set(key, key);
      else this.add(key, certificate, key);
      for (const former of contact.former_keys) this.addFormer(former, key, certificate);
      for (const former of supersededOf(contact)) this.add(former.key, former.certificate, null);
    }
    for (const former of formerKeys) this.addFormer(former, me.keyId, me.armored);
  }

  private addFormer({ key, certificate }: FormerKey, person: string, successor: string): void {
    this.add(key, certificate, person);
    if (!this.successors.has(key)) this.successors.set(key, successor);
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

  /**
   * What the signature of `note` is worth, said to be by `signer`; null where nobody is pinned under
   * that key. A former key never signs again: what it made more than ten minutes after the key that
   * followed is `changed-key` (docs/spec/19 §6). Throws `certificate-refused`.
   */
  async verify(note: Note, signer: string): Promise<Verdict | null> {
    const certificate = await this.certificate(signer);
    if (certificate === null) return null;
    const verdict = await verifyNote(note, certificate);
    const successor = this.successors.get(signer);
    if (verdict !== "valid" || successor === undefined) return verdict;
    const { created } = await Certificate.parse(successor);
    return note.created > created + CLOCK_SKEW_SECONDS ? "changed-key" : "valid";
  }

  /** Whether the key is, or was, the user's own or a contact's. */
  isKnown(keyId: string): boolean {
    return this.persons.has(keyId) || this.armored.has(keyId);
  }

  /** Whether somebody known has another key instead of this one now. */
  isFormer(keyId: string): boolean {
    return this.person(keyId) !== keyId;
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
