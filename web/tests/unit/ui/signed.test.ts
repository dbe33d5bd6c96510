import { describe, expect, it } from "vitest";

import { sealOf, sealOfListed } from "../../../src/features/people/signed.ts";

describe("the seal beside a report", () => {
  it("is green only where the signature is valid and its maker's number was compared", () => {
    expect(sealOf("valid", "verified").tone).toBe("state-ok");
    for (const trust of ["unverified", "changed", "stranger", undefined] as const) {
      expect(sealOf("valid", trust).tone).not.toBe("state-ok");
    }
    for (const verdict of ["invalid", "unknown-signer", "changed-key", null] as const) {
      expect(sealOf(verdict, "verified").tone).not.toBe("state-ok");
    }
  });

  it.each([
    ["me", "signed.checked"],
    ["verified", "signed.checked"],
    ["unverified", "signed.unchecked"],
    ["changed", "signed.changed-key"],
    ["stranger", "signed.unknown"],
  ] as const)("of a listed one by %s says %s", (trust, words) => {
    expect(sealOfListed(trust).words).toBe(words);
  });
});
