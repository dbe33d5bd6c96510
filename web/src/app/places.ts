// The pages of the open vault, in the order of the rail. Research gets its place here when it is built.

import type { MessageKey } from "../i18n/language.svelte.ts";
import type { IconName } from "../ui/icons.ts";
import type { Route } from "./router.svelte.ts";

export interface Place {
  readonly page: Route["page"];
  readonly icon: IconName;
  readonly name: MessageKey;
}

export const placeGroups: readonly (readonly Place[])[] = [
  [
    { page: "reports", icon: "report", name: "nav.reports" },
    { page: "shared", icon: "inbox", name: "nav.shared" },
    { page: "people", icon: "people", name: "nav.people" },
    { page: "activity", icon: "activity", name: "nav.activity" },
  ],
  [
    { page: "copies", icon: "copies", name: "nav.copies" },
    { page: "trash", icon: "trash", name: "nav.trash" },
  ],
  [
    { page: "security", icon: "shield-check", name: "nav.security" },
    { page: "settings", icon: "settings", name: "nav.settings" },
  ],
];

/** On a phone: what a thumb reaches at once, left and right of the button to add. */
export const thumbPlaces: { readonly before: readonly Place[]; readonly after: readonly Place[] } = {
  before: [
    { page: "reports", icon: "report", name: "nav.reports" },
    { page: "shared", icon: "inbox", name: "nav.shared-short" },
  ],
  after: [
    { page: "people", icon: "people", name: "nav.people" },
    { page: "more", icon: "menu", name: "nav.more" },
  ],
};

/** On a phone: the pages behind "More". */
export const morePlaces: readonly Place[] = placeGroups
  .flat()
  .filter(({ page }) => !["reports", "shared", "people"].includes(page));
