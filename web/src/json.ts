/**
 * JSON as the formats allow it (docs/spec/01-words-of-bytes.md): UTF-8 without a byte
 * order mark, no duplicate keys, no floats, integers 0 to 2^53 - 1, no lone surrogate and no U+0000
 * in any string, bounded nesting. `JSON.parse` keeps the last of two equal keys and rounds numbers,
 * so this reader walks the text itself.
 */
import { fromUtf8, utf8, utf8Length } from "./bytes.ts";
import { LIMITS } from "./limits.ts";
import { refusal, type EngineError } from "./refusal.ts";

export type Json = string | number | boolean | null | Json[] | JsonObject;
export type JsonObject = { [name: string]: Json };

/** Reads one object of at most `maxBytes` of UTF-8; throws `invalid-input`. */
export function readObject(text: string | Uint8Array, maxBytes: number): JsonObject {
  const value = read(text, maxBytes);
  if (!isObject(value)) throw wrong("The JSON document is not an object.");
  return value;
}

/** Reads one list; throws `invalid-input`. */
export function readList(text: string | Uint8Array, maxBytes: number): Json[] {
  const value = read(text, maxBytes);
  if (!Array.isArray(value)) throw wrong("The JSON document is not a list.");
  return value;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Compact JSON that the readers above take; throws `invalid-input` for what they would not. */
export function writeJson(value: Json): string {
  const text = JSON.stringify(value);
  read(text, Number.MAX_SAFE_INTEGER);
  return text;
}

/** Fields of `body` that are not among `known`: kept, and written back as they are. */
export function unknownFields(body: JsonObject, known: ReadonlySet<string>): JsonObject {
  const rest: JsonObject = {};
  for (const name of Object.keys(body)) if (!known.has(name)) rest[name] = body[name]!;
  return rest;
}

function read(input: string | Uint8Array, maxBytes: number): Json {
  let text: string;
  try {
    text = typeof input === "string" ? input : fromUtf8(input);
  } catch {
    throw wrong("The JSON document is not UTF-8.");
  }
  const length = typeof input === "string" ? utf8Length(input) : input.length;
  if (length > maxBytes) throw wrong(`The JSON document is longer than ${maxBytes} bytes.`);
  if (typeof input === "string" && !isWellFormed(input)) {
    throw wrong("The JSON document is not UTF-8.");
  }
  return new Reader(text).document();
}

function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}

function wrong(message: string): EngineError {
  return refusal("invalid-input", message);
}

const SPACE = /[ \t\n\r]*/y;
// eslint-disable-next-line no-control-regex -- JSON forbids raw control characters
const STRING = /"((?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"/y;
const INTEGER = /(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
const WORD = /true|false|null/y;
const WORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(): Json {
    const value = this.value(0);
    this.skip();
    if (this.at !== this.text.length) throw this.malformed();
    return value;
  }

  private value(depth: number): Json {
    this.skip();
    const first = this.text[this.at];
    if (first === "{" || first === "[") {
      if (depth >= LIMITS.MAX_JSON_DEPTH) throw wrong("The JSON document nests too deep.");
      this.at++;
      return first === "{" ? this.object(depth + 1) : this.list(depth + 1);
    }
    if (first === '"') return this.string();
    if (first !== undefined && first >= "0" && first <= "9") return this.integer();
    const word = this.match(WORD);
    if (word === undefined) throw this.malformed();
    return WORDS[word]!;
  }

  private object(depth: number): JsonObject {
    const found: JsonObject = {};
    const seen = new Set<string>();
    if (this.takes("}")) return found;
    do {
      this.skip();
      const name = this.string();
      if (seen.has(name)) throw wrong("The JSON document has an object with a duplicate key.");
      seen.add(name);
      this.expect(":");
      const value = this.value(depth);
      // Not assigned: `__proto__` would be no field then.
      Object.defineProperty(found, name, { value, enumerable: true, writable: true, configurable: true });
    } while (this.takes(","));
    this.expect("}");
    return found;
  }

  private list(depth: number): Json[] {
    const found: Json[] = [];
    if (this.takes("]")) return found;
    do found.push(this.value(depth));
    while (this.takes(","));
    this.expect("]");
    return found;
  }

  private string(): string {
    const start = this.at;
    if (this.match(STRING) === undefined) throw this.malformed();
    const raw = this.text.slice(start + 1, this.at - 1);
    if (!raw.includes("\\")) return raw;
    const value = JSON.parse(`"${raw}"`) as string;
    if (value.includes("\u0000") || !isWellFormed(value)) {
      throw wrong("A JSON string has U+0000 or half a surrogate pair.");
    }
    return value;
  }

  private integer(): number {
    const digits = this.match(INTEGER);
    if (digits === undefined) {
      throw wrong("The JSON document has a number that is not a plain integer.");
    }
    const value = Number(digits);
    if (digits.length > 16 || value > LIMITS.MAX_INTEGER) {
      throw wrong("The JSON document has an integer outside 0 to 2^53-1.");
    }
    return value;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) return undefined;
    this.at = pattern.lastIndex;
    return found[0];
  }

  private skip(): void {
    this.match(SPACE);
  }

  private takes(mark: string): boolean {
    this.skip();
    if (this.text[this.at] !== mark) return false;
    this.at++;
    return true;
  }

  private expect(mark: string): void {
    if (!this.takes(mark)) throw this.malformed();
  }

  private malformed(): EngineError {
    return wrong("The text is not well-formed JSON.");
  }
}

/** UTF-8 of compact JSON. */
export function jsonBytes(value: Json): Uint8Array<ArrayBuffer> {
  return utf8(writeJson(value));
}
