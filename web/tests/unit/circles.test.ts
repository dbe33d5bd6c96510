/** The modules of the web app stand in an order: none needs itself by way of others, be it for a type alone. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const SOURCE = new URL("../../src/", import.meta.url);
const NAMED = /\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g;

/** Each module's address, and those of the modules that it names. */
function modules(): Map<string, readonly string[]> {
  const paths = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((path) => /\.(?:ts|svelte)$/.test(path));
  return new Map(
    paths.map((path) => {
      const own = new URL(path, SOURCE);
      const named = [...readFileSync(own, "utf8").matchAll(NAMED)].map(([, name]) => new URL(name!, own).href);
      return [own.href, named];
    }),
  );
}

it("no module needs itself, whatever the way round", () => {
  const left = modules();
  expect(left.size).toBeGreaterThan(100);
  const isNeeded = (own: string): boolean => [...left.values()].some((needs) => needs.includes(own));
  // Whatever needs nothing that is left, or is needed by nothing, is taken out: circles remain, and what lies between two.
  for (let before = 0; before !== left.size; ) {
    before = left.size;
    for (const [own, needs] of left) if (!needs.some((each) => left.has(each)) || !isNeeded(own)) left.delete(own);
  }
  expect([...left.keys()].map((each) => each.slice(SOURCE.href.length))).toEqual([]);
});
