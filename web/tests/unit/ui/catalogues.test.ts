// Both languages are complete, their messages are well formed and take the same values, and no screen has words of its
// own beside them.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parse as parseMessage, TYPE, type MessageFormatElement } from "@formatjs/icu-messageformat-parser";
import { parse as parseComponent } from "svelte/compiler";
import { describe, expect, test } from "vitest";

import de from "../../../src/i18n/catalogues/de.json";
import en from "../../../src/i18n/catalogues/en.json";

const source = join(import.meta.dirname, "../../../src");
const catalogues: Readonly<Record<string, Readonly<Record<string, string>>>> = { en, de };

function files(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name));
}

/** The values and tags that a message takes. */
function names(elements: readonly MessageFormatElement[]): Set<string> {
  const found = new Set<string>();
  for (const element of elements) {
    if (element.type !== TYPE.literal && element.type !== TYPE.pound) found.add(element.value);
    if (element.type === TYPE.tag) for (const name of names(element.children)) found.add(name);
    if (element.type === TYPE.plural || element.type === TYPE.select) {
      for (const { value } of Object.values(element.options)) for (const name of names(value)) found.add(name);
    }
  }
  return found;
}

describe.each(Object.keys(catalogues))("the catalogue %s", (language) => {
  const catalogue = catalogues[language]!;

  test("has every message and no other", () => {
    expect(Object.keys(catalogue).sort()).toEqual(Object.keys(en).sort());
  });

  test.each(Object.keys(en))("%s is said, well formed, and takes the values that English takes", (key) => {
    const message = catalogue[key] ?? "";
    expect(message.trim()).not.toBe("");
    const english = names(parseMessage((en as Readonly<Record<string, string>>)[key] ?? ""));
    expect([...names(parseMessage(message))].sort()).toEqual([...english].sort());
  });
});

test("every message is used somewhere", () => {
  const code = files(source, /\.(?:svelte|ts)$/)
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const unused = Object.keys(en).filter((key) => !code.includes(`"${key}"`));
  expect(unused).toEqual([]);
});

interface Node {
  readonly type: string;
  readonly name?: string;
  readonly data?: string;
  readonly value?: unknown;
}

const spoken = new Set(["aria-label", "aria-description", "title", "alt", "placeholder", "label"]);
const letters = /\p{L}{2,}/u;

/** Words written straight into a component, where no translator sees them. */
function hardWords(node: unknown, found: string[]): readonly string[] {
  if (Array.isArray(node)) for (const one of node) hardWords(one, found);
  else if (typeof node === "object" && node !== null) {
    const { type, name, data, value } = node as Node;
    if (type === "Text" && letters.test(data ?? "")) found.push(data!.trim());
    if (type === "StyleDirective") return found;
    if (type === "Attribute") {
      if (spoken.has(name ?? "")) hardWords(value, found);
      return found; // other attributes hold names of classes and the like
    }
    for (const inner of Object.values(node)) hardWords(inner, found);
  }
  return found;
}

test.each(files(source, /\.svelte$/))("%s has no words of its own", (file) => {
  const { fragment } = parseComponent(readFileSync(file, "utf8"), { modern: true });
  expect(hardWords(fragment, [])).toEqual([]);
});

test("the search for words finds words", () => {
  const { fragment } = parseComponent('<p title="One two">Three {four}</p>', { modern: true });
  expect(hardWords(fragment, [])).toEqual(["One two", "Three"]);
});
