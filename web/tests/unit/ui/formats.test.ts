import { beforeAll, expect, test, vi } from "vitest";

import { formatSize } from "../../../src/i18n/formats.ts";
import { useLanguage } from "../../../src/i18n/language.svelte.ts";

beforeAll(async () => {
  vi.stubGlobal("document", { documentElement: {} });
  vi.stubGlobal("navigator", { languages: ["en-GB"] });
  await useLanguage("en");
});

test.each([
  [0, "0 bytes"],
  [1, "1 byte"],
  [593, "593 bytes"],
  [1_700, "1.7 kB"],
  [86_000_000, "86 MB"],
  [10 * 1024 ** 3, "10.7 GB"], // the room of an account: not eleven
  [300_000, "300 kB"],
])("%d is told as %s, in one piece", (bytes, told) => {
  expect(formatSize(bytes)).toBe(told.replace(" ", "\u00a0"));
});
