/**
 * The people a user shares with: found at the server, pinned in her own index (docs/spec/15-people.md
 * §1, hygieia/client/contacts.py). Every answer of a server is held against the pins: a known key is
 * merged, another key makes the contact *changed* and is never used.
 */
import * as answers from "../api/answers.ts";
import { Certificate } from "../crypto/certificates.ts";
import { normaliseEmail } from "../crypto/sign-in-words.ts";
import type { Comparison, Contact, Meeting } from "../engine/interface.ts";
import { invalid, isRefusal, refusal } from "../refusal.ts";
import { accepted, checkNewKey, findContact, meet, usableCertificate, verified } from "../vault/contacts.ts";
import { contactsOf } from "../vault/index/state.ts";
import type { ContactRow } from "../vault/people.ts";
import { safetyCode, safetyNumber, sameCode, sameNumber } from "../vault/safety-number.ts";
import type { Vault } from "./vault.ts";

/**
 * A contact after asking the server. `offered` is the certificate that the server shows now: of
 * another key than the contact's where that has changed, null where the server shows none.
 */
interface Seen {
  readonly contact: ContactRow;
  readonly offered: Certificate | null;
  readonly isNew: boolean;
}

export class Contacts {
  private readonly vault: Vault;

  constructor(vault: Vault) {
    this.vault = vault;
  }

  async list(): Promise<Contact[]> {
    return Promise.all(contactsOf(this.vault.index.state).map(shown));
  }

  /** A pinned contact; throws `not-found`. */
  known(email: string): ContactRow {
    const found = findContact(contactsOf(this.vault.index.state), normaliseEmail(email));
    if (found === null) throw refusal("not-found", "Nobody with this email is known to this vault.");
    return found;
  }

  /** What has to be compared with this person; she is pinned from now on. */
  async meet(email: string): Promise<Meeting> {
    const seen = await this.lookUp(email);
    const key = numberKey(seen);
    const own = this.vault.key.keyId;
    return {
      contact: await shown(seen.contact),
      isNew: seen.isNew,
      isGone: seen.offered === null,
      key,
      groups: (await safetyNumber(own, key)).split(" "),
      code: safetyCode(own, key),
    };
  }

  /**
   * Asks the server for `email` and holds the answer against the pin; a person met for the first
   * time is pinned, unverified. Throws `invalid-input`, `not-found`, `certificate-refused`.
   */
  async lookUp(typed: string): Promise<Seen> {
    const { vault } = this;
    const email = normaliseEmail(typed);
    if (email === vault.session.profile.email) {
      throw invalid("email", "oneself", "This is your own email address.");
    }
    // Another device may have decided about this person since the index was read.
    await vault.index.refresh();
    const known = findContact(contactsOf(vault.index.state), email);
    const found = await this.find(email);
    if (found === null) {
      if (known === null) throw refusal("not-found", "Nobody with this email has a vault there.");
      return { contact: known, offered: null, isNew: false };
    }
    const [offered, name] = found;
    if (offered.keyId === vault.key.keyId) {
      throw invalid("email", "oneself", "The server shows your own key for somebody else's email address.");
    }
    checkNewKey(contactsOf(vault.index.state), offered, email);
    const contact = await meet(known, offered, { email, name });
    if (contact !== known) await vault.index.change([{ kind: "put-contact", contact }]);
    return { contact, offered, isNew: known === null };
  }

  private async find(email: string): Promise<[Certificate, name: string] | null> {
    try {
      const body = { email };
      const answer = await this.vault.transport.call("POST", "/people/find", { body, isRepeatable: true });
      return [await Certificate.parse(answers.text(answer, "certificate")), answers.text(answer, "name")];
    } catch (error) {
      if (isRefusal(error, "not-found")) return null;
      throw error;
    }
  }

  /** Enters that both have compared; throws `certificate-changed` when it differs, or changed. */
  async verify(email: string, comparison: Comparison): Promise<Contact> {
    const seen = await this.lookUp(email);
    if (!(await this.isSame(seen, comparison))) {
      throw refusal("certificate-changed", "The numbers do not match. Nothing was changed.", {
        person: seen.contact.email,
      });
    }
    const contact = verified(seen.contact, numberKey(seen));
    if (contact.state !== seen.contact.state) {
      await this.vault.index.change([{ kind: "put-contact", contact }]);
    }
    return shown(contact);
  }

  private async isSame(seen: Seen, comparison: Comparison): Promise<boolean> {
    const [own, key] = [this.vault.key.keyId, numberKey(seen)];
    if (comparison.kind === "seen") return comparison.key === key;
    if (comparison.kind === "code") return sameCode(safetyCode(own, key), comparison.text);
    return sameNumber(await safetyNumber(own, key), comparison.text);
  }

  /**
   * Takes the new key of a contact whose key has changed, the one that was `key` when the person
   * decided: unverified until compared. Throws `invalid-input`, `not-found`, `certificate-changed`.
   */
  async accept(email: string, key: string): Promise<Contact> {
    const { contact: before, offered } = await this.lookUp(email);
    if (offered === null) throw refusal("not-found", "The server shows no key for this person now.");
    if (offered.keyId !== key) {
      throw refusal("certificate-changed", "The server shows another key now than the one that was looked at.", {
        person: before.email,
      });
    }
    const contact = accepted(before, offered);
    await this.vault.index.change([{ kind: "put-contact", contact, insteadOf: before.key }]);
    return shown(contact);
  }
}

/** The key whose number is to be compared: the offered one of a changed contact. */
function numberKey({ contact, offered }: Seen): string {
  return contact.state === "changed" && offered !== null ? offered.keyId : contact.key;
}

/** A contact as the screens have it. */
export async function shown(contact: ContactRow): Promise<Contact> {
  const { key, email, name, state } = contact;
  const isUsable = await usableCertificate(contact).then(
    () => true,
    () => false,
  );
  return { key, email, name, trust: state, isUsable, formerKeys: contact.former_keys.map((each) => each.key) };
}
