// What a signature is worth to the person who reads the list: a valid one by a key that was merely found proves little.

import type { Named, SignatureVerdict } from "../../engine/interface.ts";
import type { MessageKey } from "../../i18n/language.svelte.ts";
import type { IconName } from "../../ui/icons.ts";

export interface Seal {
  /** Takes the signer's `name`. */
  readonly words: MessageKey;
  readonly icon: IconName;
  readonly tone: string;
}

const seals: Readonly<Record<SignatureVerdict | "checked" | "unopened", Seal>> = {
  unopened: { words: "signed.unopened", icon: "seal-none", tone: "" },
  checked: { words: "signed.checked", icon: "seal", tone: "state-ok" },
  valid: { words: "signed.unchecked", icon: "seal-ask", tone: "state-care" },
  "unknown-signer": { words: "signed.unknown", icon: "seal-ask", tone: "state-care" },
  "changed-key": { words: "signed.changed-key", icon: "seal-alert", tone: "state-stop" },
  invalid: { words: "signed.invalid", icon: "seal-alert", tone: "state-stop" },
};

/** For a verdict on somebody's signature, null before it was checked, and how far she is trusted now. */
export function sealOf(verdict: SignatureVerdict | null, trust: Named["trust"] | undefined): Seal {
  if (verdict === null) return seals.unopened;
  const isChecked = verdict === "valid" && (trust === "verified" || trust === "me");
  return seals[isChecked ? "checked" : verdict];
}

/** For a report of the list: none was entered in the index before its signature was found valid. */
export function sealOfListed(trust: Named["trust"]): Seal {
  if (trust === "changed") return seals["changed-key"];
  return sealOf(trust === "stranger" ? "unknown-signer" : "valid", trust);
}
