// What an error of the engine means to a person who reads it.

import { EngineError } from "../engine/errors.ts";
import { formatTimeLeft } from "../i18n/formats.ts";
import { t, type MessageKey } from "../i18n/language.svelte.ts";

const byCode: Partial<Record<EngineError["code"], MessageKey>> = {
  unreachable: "error.unreachable",
  unavailable: "error.unavailable",
  "kdf-refused": "error.server-lies",
  "sealed-key-refused": "error.server-lies",
  "certificate-refused": "error.server-lies",
  "key-mismatch": "error.server-lies",
  integrity: "error.integrity",
  rollback: "error.rollback",
  fork: "error.rollback",
  "record-refused": "error.rollback",
  "block-refused": "error.integrity",
  "dag-refused": "error.integrity",
  "envelope-refused": "error.integrity",
  "note-refused": "error.integrity",
  "meta-mismatch": "error.integrity",
  "recipient-refused": "error.recipients",
  "kit-refused": "error.kit-refused",
  "quota-exceeded": "error.quota",
  "storage-full": "error.storage-full",
  "device-full": "error.device-full",
  "read-only": "error.read-only",
  "not-found": "error.not-found",
  "block-missing": "error.block-missing",
  conflict: "error.conflict",
  "stale-revision": "error.conflict",
  "content-changed": "error.content-changed",
  "not-saved": "error.not-saved",
  "limit-exceeded": "error.limit",
  "not-supported": "error.not-supported",
  "not-signed-in": "error.not-signed-in",
  forbidden: "error.forbidden",
  "too-large": "error.too-large",
  interrupted: "error.interrupted",
};

/** One or two sentences: what happened, what it means for the records, what to do. */
export function errorWords(error: unknown, own: Partial<Record<EngineError["code"], MessageKey>> = {}): string {
  if (!(error instanceof EngineError)) return t("error.unknown");
  if (error.code === "too-many-attempts") {
    return t("error.too-many-attempts", { left: formatTimeLeft(error.facts.retryAfterSeconds ?? 60) });
  }
  const key = own[error.code] ?? byCode[error.code];
  return key === undefined ? t("error.unknown") : t(key);
}
