/**
 * What belongs to sharing and is needed only once a vault is open: loaded then, so that who signs in
 * does not wait for it.
 */
import { Contacts } from "./contacts.ts";
import { Delegating } from "./delegating.ts";
import { DelegationDesk } from "./delegation-desk.ts";
import { GivingBack } from "./giving-back.ts";
import { KeptNotices } from "./kept-notices.ts";
import { Inbox } from "./received.ts";
import type { Vault } from "./vault.ts";

/** What remembers, for one open vault, what waits to be decided. */
export interface Desks {
  readonly delegating: Delegating;
  readonly desk: DelegationDesk;
  readonly giving: GivingBack;
  readonly inbox: Inbox;
  readonly notices: KeptNotices;
}

export function desksOf(vault: Vault): Desks {
  const contacts = new Contacts(vault);
  const delegating = new Delegating(vault, contacts);
  return {
    delegating,
    desk: new DelegationDesk(vault, delegating),
    giving: new GivingBack(vault, contacts),
    inbox: new Inbox(vault),
    notices: new KeptNotices(vault),
  };
}
