/**
 * What belongs to sharing and is needed only once a vault is open: loaded then, so that who signs in
 * does not wait for it.
 */
import { acceptTrail, ActivityList, checkTrail, exportTrail } from "./activity.ts";
import type { ActivityCheck, ActivityPage } from "../engine/interface.ts";
import { Contacts } from "./contacts.ts";
import { Delegating } from "./delegating.ts";
import { DelegationDesk } from "./delegation-desk.ts";
import { GivingBack } from "./giving-back.ts";
import { KeptNotices } from "./kept-notices.ts";
import { Inbox } from "./received.ts";
import { Sharer } from "./sharer.ts";
import type { Vault } from "./vault.ts";

export { know, markUnknown } from "./known-sessions.ts";
export { shareWithDelegates } from "./newly-stored.ts";
export { repair } from "./repair.ts";
export { verifyReport } from "./verifying.ts";

/** The owner's view of her activity trail. */
interface Activity {
  page(query: { after: string | null; limit: number }): Promise<ActivityPage>;
  check(): Promise<ActivityCheck>;
  accept(): Promise<void>;
  exported(): Promise<{ fileName: string; bytes: Uint8Array<ArrayBuffer> }>;
}

/** What remembers, for one open vault, what waits to be decided. */
export interface Desks {
  readonly activity: Activity;
  readonly delegating: Delegating;
  readonly desk: DelegationDesk;
  readonly giving: GivingBack;
  readonly inbox: Inbox;
  readonly notices: KeptNotices;
  readonly sharer: Sharer;
}

export function desksOf(vault: Vault): Desks {
  const contacts = new Contacts(vault);
  const delegating = new Delegating(vault, contacts);
  const list = new ActivityList();
  return {
    activity: {
      page: (query) => list.page(vault, query),
      check: () => checkTrail(vault),
      accept: () => acceptTrail(vault),
      exported: () => exportTrail(vault),
    },
    delegating,
    desk: new DelegationDesk(vault, delegating),
    giving: new GivingBack(vault, contacts),
    inbox: new Inbox(vault),
    notices: new KeptNotices(vault),
    sharer: new Sharer(vault, contacts),
  };
}
