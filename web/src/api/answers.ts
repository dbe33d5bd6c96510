/** Fields of a server's answer, by type; anything else is an answer that is not understood. */
import { refusal } from "../refusal.ts";
import type { Answer } from "./transport.ts";

export function text(answer: Answer, name: string): string {
  const value = answer[name];
  if (typeof value !== "string") throw misunderstood();
  return value;
}

export function textOrNull(answer: Answer, name: string): string | null {
  return answer[name] === null || answer[name] === undefined ? null : text(answer, name);
}

export function number(answer: Answer, name: string): number {
  const value = answer[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw misunderstood();
  return value;
}

export function part(answer: Answer, name: string): Answer {
  const value = answer[name];
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw misunderstood();
  return value as Answer;
}

export function parts(answer: Answer, name: string): Answer[] {
  const value = answer[name];
  const isList = Array.isArray(value) && value.every((item) => typeof item === "object" && item !== null);
  if (!isList) throw misunderstood();
  return value as Answer[];
}

export function texts(answer: Answer, name: string): string[] {
  const value = answer[name];
  const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
  if (!isList) throw misunderstood();
  return value;
}

function misunderstood(): Error {
  return refusal("integrity", "The server's answer is not understood.");
}
