/** What page and worker say to each other. Keys, tokens and stretched passwords never do. */
import { EngineError } from "../engine/errors.ts";
import type { ErrorCode, ErrorFacts } from "../engine/errors.ts";
import type {
  Connection,
  Contact,
  CopiesView,
  DelegationList,
  Download,
  Engine,
  Notice,
  ReceivedList,
  ReportRow,
  Request,
  Settings,
  Uploads,
  VaultState,
} from "../engine/interface.ts";
import { fullOr } from "./device-room.ts";

/** Methods that the page calls by name; a last argument that is a function gets progress. */
export type Method = {
  [name in keyof Engine]: Engine[name] extends (...args: never[]) => unknown ? name : never;
}[keyof Engine];

export interface Call {
  readonly kind: "call";
  readonly id: number;
  readonly method: Method | "uploadHandles";
  readonly args: readonly unknown[];
  /** Whether progress is wanted. */
  readonly hasProgress: boolean;
}

/** An error as it crosses: an `EngineError` is none after a structured clone. */
export interface SentError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: ErrorFacts;
}

/** The list of reports, in pieces: ten thousand rows at once would stop the page. */
export type ReportsMessage =
  | { readonly step: "begin"; readonly status: "closed" | "loading" | "failed"; readonly error: SentError | null }
  | { readonly step: "rows"; readonly rows: readonly ReportRow[]; readonly isFirst: boolean }
  | { readonly step: "end"; readonly refused: readonly { report: string; error: SentError }[] };

export interface Feeds {
  state: VaultState;
  uploads: Uploads;
  downloads: readonly Download[];
  connection: Connection;
  settings: Settings;
  copies: CopiesView;
  lockingIn: number | null;
  contacts: readonly Contact[];
  received: ReceivedList;
  delegations: DelegationList;
  requests: readonly Request[];
  notices: readonly Notice[];
}

export type FeedMessage = {
  [name in keyof Feeds]: { readonly kind: "feed"; readonly name: name; readonly value: Feeds[name] };
}[keyof Feeds];

export type FromWorker =
  | FeedMessage
  | { readonly kind: "reports"; readonly message: ReportsMessage }
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly error: SentError }
  | { readonly kind: "progress"; readonly id: number; readonly value: unknown }
  /** A whole, verified file for the browser's downloads. */
  | { readonly kind: "file"; readonly file: File; readonly fileName: string };

export function toSent(thrown: unknown): SentError {
  const error = fullOr(thrown);
  if (error instanceof EngineError) {
    return { code: error.code, message: error.message, facts: error.facts };
  }
  // Its own words may hold names: only its kind is told.
  const kind = error instanceof Error ? error.name : typeof error;
  return { code: "failed", message: `Something unexpected went wrong (${kind}).`, facts: {} };
}

export function fromSent({ code, message, facts }: SentError): EngineError {
  return new EngineError(code, message, facts);
}

/** Replaces every `EngineError` in a plain value by what can be sent, or the reverse. */
export function mapErrors(value: unknown, map: (error: unknown) => unknown): unknown {
  if (value instanceof EngineError || isSent(value)) return map(value);
  if (Array.isArray(value)) return value.map((item) => mapErrors(item, map));
  if (typeof value !== "object" || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapErrors(item, map)]));
}

function isSent(value: unknown): value is SentError {
  return typeof value === "object" && value !== null && "code" in value && "facts" in value;
}

export const packed = (value: unknown): unknown => mapErrors(value, toSent);
export const unpacked = (value: unknown): unknown =>
  mapErrors(value, (error) => (isSent(error) ? fromSent(error) : error));
