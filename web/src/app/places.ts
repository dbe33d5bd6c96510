// The pages of the open vault, in the order of the rail. Sharing, people, activity and research get their places here
// when they are built.

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
    { page: "trash", icon: "trash", name: "nav.trash" },
  ],
  [{ page: "copies", icon: "copies", name: "nav.copies" }],
  [
    { page: "security", icon: "shield-check", name: "nav.security" },
    { page: "settings", icon: "settings", name: "nav.settings" },
  ],
];
