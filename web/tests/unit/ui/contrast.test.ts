// Every pair of colours that the app puts together, in both themes: text 4.5 to 1, body text 7, edges and marks 3.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

const css = readFileSync(join(import.meta.dirname, "../../../src/ui/styles/tokens.css"), "utf8");

function tokens(block: string): ReadonlyMap<string, string> {
  return new Map([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map(([, name, value]) => [name!, value!]));
}

function block(opening: string): string {
  const start = css.indexOf(opening);
  expect(start).toBeGreaterThan(-1);
  return css.slice(start, css.indexOf("}", start));
}

const light = tokens(block(":root {"));
const bySystem = tokens(block(':root:not([data-theme="light"])'));
const byChoice = tokens(block(':root[data-theme="dark"]'));

/** Relative luminance (WCAG 2.2). */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function ratio(a: string, b: string): number {
  const [dark = 0, bright = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (bright + 0.05) / (dark + 0.05);
}

const papers = ["page", "sheet", "raised"];
const pairs: readonly (readonly [ink: string, papers: readonly string[], least: number])[] = [
  ["ink", [...papers, "sunken", "brand-soft", "honey-soft", "berry-soft", "sky-soft"], 7],
  ["ink-2", [...papers, "sunken"], 4.5],
  ["ink-3", [...papers, "sunken"], 4.5],
  ["brand-ink", [...papers, "brand-soft"], 4.5],
  ["honey-ink", [...papers, "honey-soft"], 4.5],
  ["berry-ink", [...papers, "berry-soft"], 4.5],
  ["sky-ink", ["sky-soft"], 4.5],
  ["on-brand", ["brand", "brand-hover", "brand-press"], 4.5],
  ["on-honey", ["honey"], 4.5],
  ["on-berry", ["berry", "berry-hover"], 4.5],
  ["rail-ink", ["rail", "rail-active"], 7],
  ["rail-ink-2", ["rail", "rail-active"], 4.5],
  ["line-strong", papers, 3],
  ["focus", papers, 3],
  ["focus-rail", ["rail"], 3],
  ["honey-mark", ["sheet"], 3],
  ...["lab", "imaging", "letter", "medicine", "vaccine", "hospital", "other"].map(
    (name) => [`cat-${name}`, [`cat-${name}-soft`, "sheet"], 4.5] as const,
  ),
];

describe.each([
  ["light", light],
  ["dark", new Map([...light, ...byChoice])],
] as const)("in the %s theme", (_name, theme) => {
  test.each(pairs)("%s stands out from %j", (ink, backgrounds, least) => {
    for (const background of backgrounds) {
      expect(ratio(theme.get(ink)!, theme.get(background)!), background).toBeGreaterThanOrEqual(least);
    }
  });
});

test("the dark theme is the same by the system's setting and by choice", () => {
  expect([...bySystem]).toEqual([...byChoice]);
});
