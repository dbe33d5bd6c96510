// What the trail's words mean to a person (docs/spec/18-activity.md §2).

import type { MessageKey } from "../../i18n/language.svelte.ts";
import type { IconName } from "../../ui/icons.ts";

export const groups = ["sharing", "reading", "reports", "sign-in"] as const;
export type Group = (typeof groups)[number];

export const groupNames: Readonly<Record<Group, MessageKey>> = {
  sharing: "activity.group-sharing",
  reading: "activity.group-reading",
  reports: "activity.group-reports",
  "sign-in": "activity.group-sign-in",
};

interface Action {
  readonly group: Group;
  readonly words: MessageKey;
  readonly icon: IconName;
}

const actions: Readonly<Record<string, Action>> = {
  "signed-up": { group: "sign-in", words: "activity.signed-up", icon: "key" },
  "signed-in": { group: "sign-in", words: "activity.signed-in", icon: "unlock" },
  "signed-out": { group: "sign-in", words: "activity.signed-out", icon: "sign-out" },
  "session-ended": { group: "sign-in", words: "activity.session-ended", icon: "sign-out" },
  "wrong-password": { group: "sign-in", words: "activity.wrong-password", icon: "alert" },
  "password-changed": { group: "sign-in", words: "activity.password-changed", icon: "lock" },
  "password-reset": { group: "sign-in", words: "activity.password-reset", icon: "lock" },
  "kit-changed": { group: "sign-in", words: "activity.kit-changed", icon: "kit" },
  "account-freed": { group: "sign-in", words: "activity.account-freed", icon: "server" },
  stored: { group: "reports", words: "activity.stored", icon: "upload" },
  updated: { group: "reports", words: "activity.updated", icon: "upload" },
  edited: { group: "reports", words: "activity.edited", icon: "letter" },
  deleted: { group: "reports", words: "activity.deleted", icon: "trash" },
  restored: { group: "reports", words: "activity.restored", icon: "refresh" },
  purged: { group: "reports", words: "activity.purged", icon: "trash" },
  "re-keyed": { group: "sharing", words: "activity.re-keyed", icon: "key" },
  shared: { group: "sharing", words: "activity.shared", icon: "share" },
  unshared: { group: "sharing", words: "activity.unshared", icon: "person-minus" },
  delegated: { group: "sharing", words: "activity.delegated", icon: "repeat" },
  "delegation-ended": { group: "sharing", words: "activity.delegation-ended", icon: "minus" },
  "given-back": { group: "sharing", words: "activity.given-back", icon: "hand" },
  fetched: { group: "reading", words: "activity.fetched", icon: "eye" },
};

/** What an entry's word means; undefined for a word that is newer than this app. */
export function actionOf(word: string): Action | undefined {
  return Object.hasOwn(actions, word) ? actions[word] : undefined;
}
