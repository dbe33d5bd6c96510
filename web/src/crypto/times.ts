/** Times as the formats write them: `YYYY-MM-DDTHH:MM:SSZ` (docs/spec/01); seconds since 1970 inside. */
import { refusal } from "../refusal.ts";

const SHAPE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

export function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

export function isTime(text: string): boolean {
  return SHAPE.test(text);
}

/** Throws `invalid-input` for another shape, or a day or hour that does not exist. */
export function parseTime(text: unknown): number {
  if (typeof text === "string" && isTime(text)) {
    const milliseconds = Date.parse(text);
    if (!Number.isNaN(milliseconds) && formatTime(milliseconds / 1000) === text) return milliseconds / 1000;
  }
  throw refusal("invalid-input", "A time is not written YYYY-MM-DDTHH:MM:SSZ.");
}
