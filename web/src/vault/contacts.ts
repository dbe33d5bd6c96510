/**
 * Contacts: pinned on first use, verified by the safety number, never changed silently
 * (docs/spec/15-people.md §1, hygieia/vault/contacts.py). What a server answers is a certificate
 * somebody claims belongs to an email; what is believed stands in the person's own index.
 */
import { Certificate } from "../crypto/certificates.ts";
import { invalid, isRefusal, refusal, type EngineError } from "../refusal.ts";
import { isHeldBack, supersededOf, type ContactRow } from "./people.ts";

export function findContact(contacts: readonly ContactRow[], email: string): ContactRow | null {
  return contacts.find((contact) => contact.email === email) ?? null;
}

/**
 * A key is one person's: another contact's, of now or before, is not entered under `email`. A server
 * could move a pin so, and meet the person whose it was anew (MS-11). Throws `certificate-refused`.
 */
export function checkNewKey(contacts: readonly ContactRow[], found: Certificate, email: string): void {
  for (const contact of contacts) {
    const keys = [contact, ...contact.former_keys, ...supersededOf(contact)].map(({ key }) => key);
    if (contact.email !== email && keys.includes(found.keyId)) {
      throw refusal("certificate-refused", "The server shows another contact's key. Nothing was changed.", {
        person: email,
      });
    }
  }
}

/**
 * What the index says of `email` after a server answered with `found`. Nobody known: pinned,
 * unverified. The same key: its certificate merged. Another key: the state becomes *changed* and
 * the pinned certificate stays (MS-11). The same object when nothing is to be written. Throws
 * `certificate-refused`.
 */
export async function meet(
  known: ContactRow | null,
  found: Certificate,
  { email, name = "" }: { email: string; name?: string },
): Promise<ContactRow> {
  if (known === null) {
    return {
      key: found.keyId,
      certificate: found.armored,
      state: "unverified",
      name: name === "" ? found.name : name,
      email,
      former_keys: [],
    };
  }
  if (found.keyId !== known.key) return known.state === "changed" ? known : { ...known, state: "changed" };
  const pinned = await Certificate.parse(known.certificate);
  const merged = await pinned.merge(found);
  return merged === pinned ? known : { ...known, certificate: merged.armored };
}

/**
 * The contact once both have compared the number of `key`: what was pinned before it now counts as the
 * same person. A *changed* contact whose pinned key is compared is that person after all: the server
 * had shown another. Throws `certificate-changed`.
 */
export function verified(contact: ContactRow, key: string): ContactRow {
  if (key !== contact.key) throw hasChanged(contact);
  return {
    ...withoutSuperseded(contact),
    state: "verified",
    former_keys: [...contact.former_keys, ...supersededOf(contact)],
  };
}

/**
 * The contact with its new key, which the person decided to take: unverified until compared. The
 * old key is remembered, but counts as the same person only once the new one is verified. Throws
 * `invalid-input` when there is nothing to decide.
 */
export function accepted(contact: ContactRow, found: Certificate): ContactRow {
  if (contact.state !== "changed" || found.keyId === contact.key) {
    throw invalid("person", "unchanged", `The key of ${contact.email} has not changed.`);
  }
  const old = { key: contact.key, certificate: contact.certificate };
  const before = supersededOf(contact);
  const isKnown = [...contact.former_keys, ...before].some(({ key }) => key === old.key);
  const all = isKnown ? before : [...before, old];
  const superseded = all.filter(({ key }) => key !== found.keyId);
  return {
    ...withoutSuperseded(contact),
    key: found.keyId,
    certificate: found.armored,
    state: "unverified",
    ...(superseded.length > 0 ? { superseded } : {}),
  };
}

function withoutSuperseded(contact: ContactRow): ContactRow {
  const rest = { ...contact };
  delete rest["superseded"];
  return rest;
}

/**
 * The certificates to encrypt `reports` reports to. Throws `certificate-changed`: a contact's key
 * changed and the person has not decided yet; `forbidden`: more than one report for somebody whose
 * safety number was not compared; `certificate-refused`: revoked, expired or of no accepted kind.
 */
export async function checkRecipients(
  contacts: readonly ContactRow[],
  reports: number,
): Promise<Certificate[]> {
  const certificates: Certificate[] = [];
  for (const contact of contacts) {
    const { email, state } = contact;
    if (isHeldBack(contact)) throw hasChanged(contact);
    if (state === "unverified" && reports > 1) {
      throw refusal("forbidden", "Only one report at a time can be shared before comparing numbers.", {
        person: email,
      });
    }
    certificates.push(await usableCertificate(contact));
  }
  return certificates;
}

/** A contact's certificate, if it may be encrypted to now; throws `certificate-refused`. */
export async function usableCertificate(contact: ContactRow): Promise<Certificate> {
  try {
    const certificate = await Certificate.parse(contact.certificate);
    await certificate.encryptionSubkey();
    return certificate;
  } catch (error) {
    if (!isRefusal(error, "certificate-refused")) throw error;
    throw refusal("certificate-refused", "A contact's key is revoked or expired: ask for a new one.", {
      person: contact.email,
    });
  }
}

export function hasChanged(contact: ContactRow): EngineError {
  return refusal("certificate-changed", "A contact's key has changed. Nothing was shared.", {
    person: contact.email,
  });
}
