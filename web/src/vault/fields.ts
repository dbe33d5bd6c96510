/**
 * Reading JSON objects that others wrote: each field has its type and its rule, or it is refused.
 * Unknown fields are kept by whoever writes an object back (docs/spec/05 §1).
 */
import type { Json, JsonObject } from "../json.ts";
import { isObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { refusal, type EngineError, type ErrorCode } from "../refusal.ts";

export class Fields {
  private readonly body: JsonObject;
  private readonly code: ErrorCode;
  private readonly what: string;

  constructor(body: JsonObject, code: ErrorCode, what: string) {
    this.body = body;
    this.code = code;
    this.what = what;
  }

  text(name: string, rule: (text: string) => boolean = () => true): string {
    const value = this.body[name];
    if (typeof value !== "string" || !rule(value)) throw this.refused(name);
    return value;
  }

  /** Null where the field may be empty, which is not the same as absent. */
  textOrNull(name: string, rule?: (text: string) => boolean): string | null {
    return this.body[name] === null ? null : this.text(name, rule);
  }

  integer(name: string, minimum = 0): number {
    const value = this.body[name];
    if (typeof value !== "number" || value < minimum) throw this.refused(name);
    return value;
  }

  list(name: string, limit: number = LIMITS.MAX_PAGE_ITEMS): Json[] {
    const value = this.body[name];
    if (!Array.isArray(value) || value.length > limit) throw this.refused(name);
    return value;
  }

  object(name: string): JsonObject {
    const value = this.body[name];
    if (!isObject(value)) throw this.refused(name);
    return value;
  }

  refused(name: string): EngineError {
    return refusal(this.code, `${this.what} has no valid field ${name}.`);
  }
}
