// All uploads together, in words and numbers.

import type { Upload, Uploads, UploadState } from "../../engine/interface.ts";
import { formatList, formatTimeLeft } from "../../i18n/formats.ts";
import { t, type MessageKey } from "../../i18n/language.svelte.ts";
import { isEnded } from "./upload-words.ts";

/**
 * On its way, or stopped on it. A duplicate is not: it is there already, and only asks whether it is wanted
 * twice. Nor is what another tab sends.
 */
export function isUnderWay(upload: Upload): boolean {
  return !isEnded(upload) && upload.state !== "duplicate" && upload.state !== "elsewhere";
}

/** How many are added; when none is, how many failed, are there already, or are finished. */
export function headingWords({ items }: Uploads): string {
  if (items.some(isUnderWay)) return t("uploads.adding", { count: items.length });
  const failed = items.filter(({ state }) => state === "failed").length;
  if (failed > 0) return t("uploads.failed", { count: failed });
  const elsewhere = items.filter(({ state }) => state === "elsewhere").length;
  if (elsewhere > 0) return t("uploads.n-elsewhere", { count: elsewhere });
  const twice = items.filter(({ state }) => state === "duplicate").length;
  return twice > 0 ? t("uploads.twice", { count: twice }) : t("uploads.finished", { count: items.length });
}

/** How much of what is to be sent is sent, of 1. What is there already, or was given up, is not to be sent. */
export function fractionSent({ items }: Uploads): number {
  const wanted = items.filter((upload) => upload.state === "saved" || isUnderWay(upload));
  const total = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const sent = wanted.reduce((sum, { sentBytes, sizeBytes }) => sum + Math.min(sentBytes, sizeBytes), 0);
  return total === 0 ? 0 : sent / total;
}

/** How long all of them together still take; nothing while that is not known, or none moves. */
export function leftWords({ secondsLeft, isPaused }: Uploads): string {
  return secondsLeft === null || isPaused ? "" : formatTimeLeft(secondsLeft);
}

const stoppedStates: readonly UploadState[] = ["waiting", "needs-file", "failed"];

export function countStopped({ items }: Uploads): number {
  return items.filter(({ state }) => stoppedStates.includes(state)).length;
}

const parts: readonly (readonly [words: MessageKey, states: readonly UploadState[]])[] = [
  ["uploads.n-saved", ["saved"]],
  ["uploads.n-going", ["queued", "sending", "checking"]],
  ["uploads.n-paused", ["paused"]],
  ["uploads.n-stopped", stoppedStates],
  ["uploads.n-elsewhere", ["elsewhere"]],
  ["uploads.n-twice", ["duplicate"]],
  ["uploads.n-cancelled", ["cancelled"]],
];

/** All uploads in one line: how many are saved, on the way, paused, stopped; what there is none of is left out. */
export function summaryWords({ items }: Uploads): string {
  const counted = parts.map(([words, states]) => ({ words, count: items.filter(({ state }) => states.includes(state)).length }));
  return formatList(counted.filter(({ count }) => count > 0).map(({ words, count }) => t(words, { count })));
}
