// Finding reports among all that are open on this device. Pure functions: ten thousand rows at a keystroke.

import type { ReportRow } from "../../engine/interface.ts";
import { familyOf, type Family } from "../../ui/categories.ts";
import { fileKindOf, type FileKind } from "../../ui/file-kinds.ts";

export const periods = ["any", "month", "year"] as const;
export type Period = (typeof periods)[number];

export interface Filter {
  /** As typed; every word has to occur. */
  readonly words: string;
  readonly family: Family | null;
  readonly kind: FileKind | null;
  /** As in `ReportRow.subject`: whose record it is. */
  readonly subject: string | null;
  readonly period: Period;
}

export const noFilter: Filter = { words: "", family: null, kind: null, subject: null, period: "any" };

export function isFiltering({ words, family, kind, subject, period }: Filter): boolean {
  return words.trim() !== "" || family !== null || kind !== null || subject !== null || period !== "any";
}

const days: Readonly<Record<Exclude<Period, "any">, number>> = { month: 31, year: 366 };
const dayMilliseconds = 86_400_000;

/** Without case and accents, so that "rontgen" finds "Röntgen". */
export function fold(text: string): string {
  // Most text has neither marks nor ligatures, and the long way takes ten times as long.
  if (/^[\x20-\x7e\n]*$/.test(text)) return text.toLowerCase();
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase();
}

/** What is searched of a row, and the name of its category in the language that it was made in. */
const folded = new WeakMap<ReportRow, { readonly category: string; readonly text: string }>();

function haystack(row: ReportRow, nameOf: (category: string) => string): string {
  const category = nameOf(row.category);
  const known = folded.get(row);
  if (known?.category === category) return known.text;
  const text = fold(`${row.title}\n${row.fileName}\n${category}\n${row.subjectName ?? ""}`);
  folded.set(row, { category, text });
  return text;
}

/** Asks for the name of each category once: a message is formatted in a thousand times what a look-up takes. */
function askedOnce(nameOf: (category: string) => string): (category: string) => string {
  const names = new Map<string, string>();
  return (category) => {
    let name = names.get(category);
    if (name === undefined) names.set(category, (name = nameOf(category)));
    return name;
  };
}

const foldedAtOnce = 500;

/** Prepares `rows` for the first keystroke while the page has nothing else to do; call what it gives to end that. */
export function foldAhead(rows: readonly ReportRow[], nameOf: (category: string) => string): () => void {
  let at = 0;
  let timer: ReturnType<typeof setTimeout>;
  const some = (): void => {
    const namedOnce = askedOnce(nameOf);
    for (const row of rows.slice(at, at + foldedAtOnce)) haystack(row, namedOnce);
    at += foldedAtOnce;
    if (at < rows.length) timer = setTimeout(some);
  };
  timer = setTimeout(some);
  return () => clearTimeout(timer);
}

/**
 * The rows that `filter` lets through, in their order; its family is left to `countFamilies`'s tabs when `ignoreFamily`.
 * `nameOf` tells a category's name in the reader's language: she types that, not the slug.
 */
export function filterRows(
  rows: readonly ReportRow[],
  filter: Filter,
  nameOf: (category: string) => string,
  now: Date,
): readonly ReportRow[] {
  const words = fold(filter.words).split(/\s+/).filter((word) => word !== "");
  const namedOnce = askedOnce(nameOf);
  const since = filter.period === "any" ? "" : new Date(now.getTime() - days[filter.period] * dayMilliseconds).toISOString();
  return rows.filter(
    (row) =>
      (filter.kind === null || fileKindOf(row.mediaType) === filter.kind) &&
      (filter.subject === null || row.subject === filter.subject) &&
      row.created >= since &&
      words.every((word) => haystack(row, namedOnce).includes(word)),
  );
}

/** How many rows each family has. */
export function countFamilies(rows: readonly ReportRow[]): ReadonlyMap<Family, number> {
  const counts = new Map<Family, number>();
  for (const row of rows) {
    const family = familyOf(row.category);
    counts.set(family, (counts.get(family) ?? 0) + 1);
  }
  return counts;
}

/** Whose records these are, by subject; the person's own has the name null and comes first. */
export function subjectsOf(rows: readonly ReportRow[]): readonly { readonly subject: string; readonly name: string | null }[] {
  const found = new Map<string, string | null>();
  for (const { subject, subjectName } of rows) found.set(subject, subjectName);
  return [...found]
    .map(([subject, name]) => ({ subject, name }))
    .sort((a, b) => (a.name === null ? -1 : b.name === null ? 1 : a.name.localeCompare(b.name)));
}
