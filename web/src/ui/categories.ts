// The kinds of report (docs/spec/12-report.md), in the families that share a colour and an icon.

import { t, type MessageKey } from "../i18n/language.svelte.ts";
import type { IconName } from "./icons.ts";

export const families = ["lab", "imaging", "letter", "medicine", "vaccine", "hospital", "other"] as const;
export type Family = (typeof families)[number];

interface Category {
  readonly family: Family;
  readonly name: MessageKey;
}

/** Every built-in category. A slug outside this list is somebody's own, and is shown as it is. */
const categories: Readonly<Record<string, Category>> = {
  lab: { family: "lab", name: "category.lab" },
  pathology: { family: "lab", name: "category.pathology" },
  measurement: { family: "lab", name: "category.measurement" },
  allergy: { family: "lab", name: "category.allergy" },
  imaging: { family: "imaging", name: "category.imaging" },
  letter: { family: "letter", name: "category.letter" },
  certificate: { family: "letter", name: "category.certificate" },
  consent: { family: "letter", name: "category.consent" },
  insurance: { family: "letter", name: "category.insurance" },
  bill: { family: "letter", name: "category.bill" },
  medication: { family: "medicine", name: "category.medication" },
  prescription: { family: "medicine", name: "category.prescription" },
  vaccination: { family: "vaccine", name: "category.vaccination" },
  discharge: { family: "hospital", name: "category.discharge" },
  emergency: { family: "hospital", name: "category.emergency" },
  operation: { family: "hospital", name: "category.operation" },
  cardiology: { family: "other", name: "category.cardiology" },
  dental: { family: "other", name: "category.dental" },
  diary: { family: "other", name: "category.diary" },
  eye: { family: "other", name: "category.eye" },
  "mental-health": { family: "other", name: "category.mental-health" },
  pregnancy: { family: "other", name: "category.pregnancy" },
  rehabilitation: { family: "other", name: "category.rehabilitation" },
  therapy: { family: "other", name: "category.therapy" },
  other: { family: "other", name: "category.other" },
};

export const categorySlugs: readonly string[] = Object.keys(categories);

export const familyIcons: Readonly<Record<Family, IconName>> = {
  lab: "lab",
  imaging: "imaging",
  letter: "letter",
  medicine: "medicine",
  vaccine: "vaccine",
  hospital: "hospital",
  other: "folder",
};

export const familyNames: Readonly<Record<Family, MessageKey>> = {
  lab: "family.lab",
  imaging: "family.imaging",
  letter: "family.letter",
  medicine: "family.medicine",
  vaccine: "family.vaccine",
  hospital: "family.hospital",
  other: "family.other",
};

export function familyOf(slug: string): Family {
  return Object.hasOwn(categories, slug) ? (categories[slug]?.family ?? "other") : "other";
}

/** The name of a category in the reader's language; somebody's own slug as it stands. */
export function categoryName(slug: string): string {
  const known = Object.hasOwn(categories, slug) ? categories[slug] : undefined;
  return known === undefined ? slug : t(known.name);
}
