// The page's language: which catalogue is loaded, and how dates, sizes and sentences are written in it.
// A catalogue is a file of ICU messages, loaded alone and from our own origin.

import { IntlMessageFormat } from "intl-messageformat";

import type english from "./catalogues/en.json";

export type MessageKey = keyof typeof english;
export type Catalogue = Readonly<Record<MessageKey, string>>;
export type Values = Readonly<Record<string, string | number | Date>>;

const loaders = {
  en: () => import("./catalogues/en.json"),
  de: () => import("./catalogues/de.json"),
} satisfies Record<string, () => Promise<{ default: Catalogue }>>;

export type Language = keyof typeof loaders;

/** Each language under its own name, as a person who reads only it would look for it. */
export const languageNames: Readonly<Record<Language, string>> = { en: "English", de: "Deutsch" };

const rightToLeft = /^(?:ar|dv|fa|he|ku|ps|sd|ug|ur|yi)\b/;
// By number: as signs they would be unseen in this very file.
const firstStrongIsolate = String.fromCodePoint(0x2068);
const popIsolate = String.fromCodePoint(0x2069);
const hasRightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

interface Loaded {
  readonly language: Language;
  readonly catalogue: Catalogue;
}

let loaded: Loaded | undefined = $state.raw();
// eslint-disable-next-line svelte/prefer-svelte-reactivity -- a cache, emptied when the language changes
const formats = new Map<MessageKey, IntlMessageFormat>();

export function isLanguage(name: string): name is Language {
  return Object.hasOwn(loaders, name);
}

/** The first of `wanted` (BCP 47 tags, best first) that there is a catalogue for, else English. */
export function chooseLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split("-")[0] ?? "";
    if (isLanguage(base)) return base;
  }
  return "en";
}

/** Load a language and turn the page to it. Rejects when its catalogue cannot be fetched; the old one then stays. */
export async function useLanguage(language: Language): Promise<void> {
  if (loaded?.language === language) return;
  const { default: catalogue } = await loaders[language]();
  formats.clear();
  loaded = { language, catalogue };
  document.documentElement.lang = language;
  document.documentElement.dir = rightToLeft.test(language) ? "rtl" : "ltr";
}

/** The language in use. */
export function language(): Language {
  return current().language;
}

function current(): Loaded {
  if (loaded === undefined) throw new Error("No language is loaded yet: call useLanguage first.");
  return loaded;
}

function format(key: MessageKey): IntlMessageFormat {
  const { language: name, catalogue } = current(); // read first, so that a change redraws
  let message = formats.get(key);
  if (message === undefined) {
    message = new IntlMessageFormat(catalogue[key], name);
    formats.set(key, message);
  }
  return message;
}

/** A name in the other direction would pull the words around it out of order: it is isolated (UAX #9, FSI … PDI). */
function isolate(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === "string" && (document.documentElement.dir === "rtl" || hasRightToLeft.test(value))
        ? firstStrongIsolate + value + popIsolate
        : value,
    ]),
  );
}

/** The message of `key` with its values put in. */
export function t(key: MessageKey, values?: Values): string {
  return String(format(key).format(values === undefined ? undefined : isolate(values)));
}

/** A piece of a message: words, or words between a tag (`<link>…</link>`) that the page draws as an element. */
export type Piece = string | { readonly tag: string; readonly words: string };

/** The message of `key` in pieces, its tags left to the caller. `tags` names those that it may have. */
export function pieces(key: MessageKey, tags: readonly string[], values: Values = {}): readonly Piece[] {
  const marked = Object.fromEntries(
    tags.map((tag) => [tag, (chunks: (string | Piece)[]): Piece => ({ tag, words: chunks.join("") })]),
  );
  const result = format(key).format<Piece>({ ...isolate(values), ...marked });
  return Array.isArray(result) ? result : [result];
}
