// What an ongoing share is about, as its form holds it, and in words.

import type { Right, Scope } from "../../engine/interface.ts";
import { formatList } from "../../i18n/formats.ts";
import { t, type MessageKey } from "../../i18n/language.svelte.ts";
import { categoryName } from "../../ui/categories.ts";

export const rightNames: Readonly<Record<Right, MessageKey>> = {
  read: "right.read",
  upload: "right.upload",
  redelegate: "right.redelegate",
};

const professions: Readonly<Record<string, MessageKey>> = {
  caregiver: "profession.caregiver",
  dentist: "profession.dentist",
  dietitian: "profession.dietitian",
  laboratory: "profession.laboratory",
  midwife: "profession.midwife",
  nurse: "profession.nurse",
  "occupational-therapist": "profession.occupational-therapist",
  optician: "profession.optician",
  paramedic: "profession.paramedic",
  pharmacist: "profession.pharmacist",
  physician: "profession.physician",
  physiotherapist: "profession.physiotherapist",
  psychotherapist: "profession.psychotherapist",
  "speech-therapist": "profession.speech-therapist",
  other: "profession.other",
};

export const professionSlugs: readonly string[] = Object.keys(professions);

/** A profession in the reader's language; somebody's own slug as it stands. */
export function professionName(slug: string): string {
  const known = Object.hasOwn(professions, slug) ? professions[slug] : undefined;
  return known === undefined ? slug : t(known);
}

/** "Lab results and Letters", or all kinds. */
export function kindWords({ categories }: Pick<Scope, "categories">): string {
  return categories === "*" ? t("scope.all-kinds") : formatList(categories.map(categoryName));
}

export function professionWords({ professions: slugs }: Pick<Scope, "professions">): string {
  return slugs === "*" ? t("scope.all-professions") : formatList(slugs.map(professionName));
}

export function rightWords(rights: readonly Right[]): string {
  return formatList(rights.map((right) => t(rightNames[right])));
}

// ---- how long -------------------------------------------------------------------------------

export const spans = ["month", "half-year", "year", "day"] as const;
export type Span = (typeof spans)[number];

export const spanNames: Readonly<Record<Span, MessageKey>> = {
  month: "span.month",
  "half-year": "span.half-year",
  year: "span.year",
  day: "span.day",
};

const dayMilliseconds = 86_400_000;
/** A year at most (docs/spec/17), a day off so that no clock that runs ahead makes it more. */
export const mostDays = 364;

/** When a share ends that begins `now`; `day` is `YYYY-MM-DD`, read where `span` is "day". Null where it is no day. */
export function endOf(span: Span, day: string, now: Date): Date | null {
  if (span === "day") {
    // To the end of that day where she is.
    const end = new Date(`${day}T23:59:59`);
    return Number.isNaN(end.getTime()) ? null : end;
  }
  if (span === "year") return new Date(now.getTime() + mostDays * dayMilliseconds);
  const end = new Date(now);
  end.setMonth(end.getMonth() + (span === "month" ? 1 : 6));
  return end;
}

/** RFC 3339 in UTC, whole seconds, as notes have it. */
export function asTime(moment: Date): string {
  return moment.toISOString().replace(/\.\d+Z$/, "Z");
}

/** `YYYY-MM-DD` of a moment, where she is. */
export function asDay(moment: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${String(moment.getFullYear())}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}
