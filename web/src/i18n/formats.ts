// Dates, sizes and times as the reader's language writes them. Functions of the current language: call them where the
// page is drawn, so that a change of language redraws.

import { language, t } from "./language.svelte";

const made = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat | Intl.Collator | Intl.ListFormat>();

/** The reader's own region of a language where the browser names one: 12 Nov 2026 in Dublin, Nov 12, 2026 in Boston. */
function regionalTag(base: string): string {
  return navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === base) ?? base;
}

/** Making a formatter costs as much as a thousand uses of it: each is made once a language. */
function once<T extends Intl.DateTimeFormat | Intl.NumberFormat | Intl.Collator | Intl.ListFormat>(
  name: string,
  make: (tag: string) => T,
): T {
  const key = `${language()} ${name}`;
  const found = made.get(key);
  if (found !== undefined) return found as T;
  const fresh = make(regionalTag(language()));
  made.set(key, fresh);
  return fresh;
}

/** A day: 12 Nov 2025. `time` is RFC 3339 or a Date. */
export function formatDay(time: string | Date): string {
  return once("day", (tag) => new Intl.DateTimeFormat(tag, { dateStyle: "medium" })).format(new Date(time));
}

/** A day and the minute. */
export function formatMoment(time: string | Date): string {
  return once(
    "moment",
    (tag) => new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" }),
  ).format(new Date(time));
}

const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/**
 * A size in decimal units, as file managers and the command line show it: 1.2 MB. Below a hundred of a unit it has one
 * digit more, so that a limit of 10 GiB does not read as 11 GB. Number and unit stay on one line.
 */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 99.95 ? 1 : 0;
  const name = units[unit] ?? "byte";
  return once(
    `size ${name} ${String(digits)}`,
    (tag) =>
      new Intl.NumberFormat(tag, {
        style: "unit",
        unit: name,
        // The short form of this one unit has no plural in English: "593 byte".
        unitDisplay: unit === 0 ? "long" : "short",
        maximumFractionDigits: digits,
      }),
  )
    .format(value)
    .replace(" ", "\u00a0");
}

export function formatNumber(value: number): string {
  return once("number", (tag) => new Intl.NumberFormat(tag)).format(value);
}

/** A fraction of 1 as whole percent, rounded down: 100 % only when all of it is done. */
export function formatPercent(fraction: number): string {
  return once("percent", (tag) => new Intl.NumberFormat(tag, { style: "percent" })).format(
    Math.floor(fraction * 100) / 100,
  );
}

export function formatList(items: readonly string[]): string {
  return once("list", (tag) => new Intl.ListFormat(tag)).format(items);
}

/** For sorting names as the reader's language does. */
export function compareNames(a: string, b: string): number {
  return once("collator", (tag) => new Intl.Collator(tag, { numeric: true })).compare(a, b);
}

/** Time left in words, in steps that a person can use: seconds by five, then minutes, then hours. */
export function formatTimeLeft(seconds: number): string {
  if (seconds < 60) return t("time.seconds-left", { count: Math.max(5, Math.ceil(seconds / 5) * 5) });
  if (seconds < 3600) return t("time.minutes-left", { count: Math.ceil(seconds / 60) });
  return t("time.hours-left", { count: Math.ceil(seconds / 3600) });
}
