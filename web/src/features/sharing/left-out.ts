// Why somebody is not given a report, in words.

import type { WhyLeftOut } from "../../engine/interface.ts";
import type { MessageKey } from "../../i18n/language.svelte.ts";

export const whyLeftOut: Readonly<Record<WhyLeftOut, MessageKey>> = {
  stranger: "rekey.stranger",
  changed: "rekey.changed",
  unusable: "rekey.unusable",
  unverified: "left-out.unverified",
  lapsed: "left-out.lapsed",
};
