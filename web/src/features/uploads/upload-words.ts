// Where an upload is, in words.

import type { EngineError, Upload, UploadState } from "../../engine/interface.ts";
import { formatSize, formatTimeLeft } from "../../i18n/formats.ts";
import { t, type MessageKey } from "../../i18n/language.svelte.ts";
import { errorWords } from "../../ui/error-words.ts";

export type Tone = "plain" | "ok" | "care" | "stop";

const tones: Partial<Record<UploadState, Tone>> = {
  saved: "ok",
  waiting: "care",
  "needs-file": "care",
  duplicate: "care",
  failed: "stop",
};

/** What stops a file on its way into somebody else's vault. */
const forOthers: Partial<Record<EngineError["code"], MessageKey>> = {
  "delegation-refused": "store-for.refused",
  forbidden: "store-for.refused",
  "certificate-changed": "share.error-changed",
  "certificate-refused": "share.error-unusable",
  "quota-exceeded": "store-for.full",
};

export function uploadTone(upload: Upload): Tone {
  return tones[upload.state] ?? "plain";
}

/** What a file is called; one that nobody can open the names of any more, by its size. */
export function uploadName({ fileName, sizeBytes }: Upload): string {
  return fileName || t("upload.unnamed", { size: formatSize(sizeBytes) });
}

/** What a person is told of one upload. Never "saved" before it is committed and read back. */
export function uploadWords(upload: Upload): string {
  switch (upload.state) {
    case "queued":
      return t("upload.queued");
    case "sending":
      return upload.secondsLeft === null
        ? t("upload.sending")
        : t("upload.sending-left", { left: formatTimeLeft(upload.secondsLeft) });
    case "checking":
      return t("upload.checking");
    case "saved":
      return t("upload.saved", { count: upload.copies });
    case "paused":
      return t("upload.paused", { size: formatSize(upload.sentBytes) });
    case "waiting":
      if (upload.sentBytes === 0) return t("upload.waiting-unsent");
      return t("upload.waiting", { size: formatSize(upload.sentBytes) });
    case "needs-file":
      return t("upload.needs-file");
    case "elsewhere":
      return t("upload.elsewhere");
    case "duplicate":
      return t("upload.duplicate");
    case "failed":
      if (upload.error?.code === "credentials-refused") return t("upload.other-password");
      return upload.error === null ? t("error.unknown") : errorWords(upload.error, upload.owner === undefined ? {} : forOthers);
    case "cancelled":
      return t(upload.mayBeAdded === true ? "upload.cancelled-late" : "upload.cancelled");
  }
}

const ended: readonly UploadState[] = ["saved", "failed", "cancelled"];

/** Nothing more will happen to it by itself or by the person's choice. */
export function isEnded(upload: Upload): boolean {
  return ended.includes(upload.state);
}
