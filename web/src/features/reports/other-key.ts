// A report that stays closed because of whose key it is for, and not because it was altered.

import type { EngineError } from "../../engine/errors.ts";
import type { MessageKey } from "../../i18n/language.svelte.ts";

/**
 * The words by the code that refused it: none of its packets is for this vault's key, or it was given
 * back and its owner is a key of which she has not said yet that it was hers.
 */
export const otherKeyErrors: Partial<Record<EngineError["code"], MessageKey>> = {
  "envelope-refused": "refused.other-key-why",
  "key-mismatch": "refused.other-owner-why",
};
