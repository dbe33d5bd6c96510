// What people are called here. A name is text that somebody wrote: it never proves who she is.

import type { Contact, Named } from "../../engine/interface.ts";
import { t } from "../../i18n/language.svelte.ts";

type Nameable = Pick<Named, "key" | "email" | "name"> & { readonly trust?: Named["trust"] };

const shownDigits = 8;

/** Her name, else her email, else the beginning of her key. */
export function nameOf(person: Nameable): string {
  if (person.trust === "me") return t("people.you");
  if (person.name !== "") return person.name;
  return person.email ?? t("people.unknown", { key: person.key.slice(0, shownDigits) });
}

/** Whether `key` is, or was, this contact's. */
export function hasKey(contact: Contact, key: string): boolean {
  return contact.key === key || contact.formerKeys.includes(key);
}

/** The contact whose key this is or was. */
export function contactOf(contacts: readonly Contact[], key: string): Contact | undefined {
  return contacts.find((contact) => hasKey(contact, key));
}

/** Loosely an address: the server has the last word. */
export function looksLikeEmail(text: string): boolean {
  return /^[^\s@]+@[^\s@]+$/.test(text.trim());
}
