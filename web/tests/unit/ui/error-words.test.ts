// Every error says what happened, what it means for the records, and what to do.

import { beforeAll, describe, expect, test, vi } from "vitest";

import { EngineError, type ErrorCode } from "../../../src/engine/errors.ts";
import de from "../../../src/i18n/catalogues/de.json";
import en from "../../../src/i18n/catalogues/en.json";
import { t, useLanguage } from "../../../src/i18n/language.svelte.ts";
import { errorWords } from "../../../src/ui/error-words.ts";

beforeAll(async () => {
  vi.stubGlobal("document", { documentElement: {} });
  vi.stubGlobal("navigator", { languages: ["en-GB"] });
  await useLanguage("en");
});

/** Where the words of a code come from; the compiler asks for a line here when there is a new one. */
const wordsOf: Readonly<Record<ErrorCode, "of its own" | "the screen's" | "unknown">> = {
  usage: "unknown",
  "invalid-input": "the screen's",
  "credentials-refused": "the screen's",
  "not-signed-in": "of its own",
  forbidden: "of its own",
  "not-found": "of its own",
  "block-missing": "of its own",
  conflict: "of its own",
  "stale-revision": "of its own",
  "content-changed": "of its own",
  duplicate: "the screen's",
  integrity: "of its own",
  "kdf-refused": "of its own",
  "key-mismatch": "of its own",
  "sealed-key-refused": "of its own",
  "certificate-refused": "of its own",
  "certificate-changed": "the screen's",
  "recipient-refused": "of its own",
  "delegation-refused": "the screen's",
  "activity-altered": "the screen's",
  "activity-gap": "the screen's",
  "envelope-refused": "of its own",
  "limit-exceeded": "of its own",
  "note-refused": "of its own",
  "meta-mismatch": "of its own",
  "block-refused": "of its own",
  "dag-refused": "of its own",
  "record-refused": "of its own",
  "kit-refused": "of its own",
  "not-saved": "of its own",
  rollback: "of its own",
  fork: "of its own",
  unreachable: "of its own",
  unavailable: "of its own",
  "too-many-attempts": "of its own",
  "quota-exceeded": "of its own",
  "storage-full": "of its own",
  "read-only": "of its own",
  failed: "unknown",
  interrupted: "of its own",
  "device-full": "of its own",
  "too-large": "of its own",
  "not-supported": "of its own",
};

const codes = Object.keys(wordsOf) as ErrorCode[];

test.each(codes.filter((code) => wordsOf[code] === "of its own"))("%s has words, wherever it comes up", (code) => {
  expect(errorWords(new EngineError(code, "for the log"))).not.toBe(t("error.unknown"));
});

test("a reader nobody chose may have been counted after the report was stored: nothing is promised", () => {
  const words = errorWords(new EngineError("recipient-refused", "The server names 3 recipients."));
  expect(words).toContain("may be there already");
  expect(words).not.toMatch(/nothing/i);
});

test("what has no words promises nothing: it may have come after the change", () => {
  expect(errorWords(new TypeError("a fault of ours"))).not.toMatch(/nothing/i);
});

/** How a language begins to tell what to do, and by which words it tells how the records fare. */
const parts = {
  en: {
    step: /(?:^|, then |; |and |this device's clock; else )(?:add|ask|call|check|choose|compare|delete|do|do not try|download|go|lock|look|make|open|set|share|try|wait)\b/iu,
    records:
      /\b(?:nothing(?! is)|your (?:other )?reports|(?:report is|were) as (?:it was|they were)|mean it is lost|stays closed|may be (?:done|missing|there)|as saved|can read)\b/iu,
  },
  de: {
    step: /(?:^|; |und |sonst )(?:Bitten|Fragen|Fügen|Gehen|Laden|Löschen|Öffnen|Prüfen|Schaffen|Schließen|Sehen|Stellen|Teilen|Vergleichen|Versuchen|Wählen|Warten) Sie\b/u,
    records:
      /(?:\bnichts\b|Ihre (?:anderen )?Berichte|Bericht ist, wie er war|dass er verloren ist|bleibt geschlossen|ist es vielleicht|ist vielleicht|fehlt vielleicht|als gesichert|Lesen geht)/iu,
  },
} as const;

describe.each([
  ["en", en],
  ["de", de],
] as const)("in %s", (language, catalogue) => {
  const errors = Object.entries(catalogue).filter(([key]) => /^(?:share\.)?error[.-]/.test(key));

  test.each(errors)("%s tells what happened, how the records fare and what to do", (_key, words) => {
    const sentences = words.split(/(?<=[.?])\s+/u);
    const steps = sentences.filter((sentence) => parts[language].step.test(sentence));
    expect(steps, "no next step").not.toEqual([]);
    expect(sentences.length, "nothing but the step").toBeGreaterThan(steps.length);
    expect(words, "nothing about the records").toMatch(parts[language].records);
  });
});
