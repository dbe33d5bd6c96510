/** Whose a key is, as far as this vault's own index knows. */
import type { Named } from "../engine/interface.ts";
import type { LeftOut } from "../vault/delegations.ts";
import { contactsOf } from "../vault/index/state.ts";
import { supersededOf } from "../vault/people.ts";
import { subjectNames } from "../vault/subjects.ts";
import type { Vault } from "./vault.ts";

/** A function that names keys and subjects by the index as it is now. */
export function namesOf(vault: Vault): (key: string) => Named {
  const found = new Map<string, Named>();
  const { email, name } = vault.session.profile;
  const { state } = vault.index;
  const me = (key: string): Named => ({ key, email, name, trust: "me" });
  for (const contact of contactsOf(state)) {
    const known = { email: contact.email, name: contact.name };
    found.set(contact.key, { key: contact.key, ...known, trust: contact.state });
    for (const { key } of contact.former_keys) found.set(key, { key, ...known, trust: contact.state });
    // Whose it was is known; that the new key is hers is not.
    for (const { key } of supersededOf(contact)) found.set(key, { key, ...known, trust: "changed" });
  }
  for (const [id, name] of subjectNames(state.keys)) {
    found.set(id, { key: id, email: null, name, trust: "subject" });
  }
  for (const { key } of state.keys.formerKeys) found.set(key as string, me(key as string));
  found.set(vault.key.keyId, me(vault.key.keyId));
  return (key) => found.get(key) ?? { key, email: null, name: "", trust: "stranger" };
}

/** Names those who were not given a report that was just stored. */
export function tellLeftOut(vault: Vault, report: string, leftOut: readonly LeftOut[]): void {
  if (leftOut.length === 0) return;
  const nameOf = namesOf(vault);
  const people = leftOut.map(({ key, why }) => ({ ...nameOf(key), why }));
  const id = `left-out ${people.map(({ key, why }) => key + why).join(" ")}`;
  vault.onNotice({ kind: "left-out", id, reports: [report], people });
}
