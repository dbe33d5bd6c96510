/**
 * Notes `hygieia delegation 1` and `hygieia delegation-end 1` (docs/spec/17-delegations.md §1): who
 * may read, store or pass on what will be stored from now on. Here stand the notes' shapes; whether
 * one acts on a report is for `delegations.ts` to say.
 */
import type { UnlockedKey } from "../crypto/keys.ts";
import { readCarried, signNote, type CarriedNote } from "../crypto/notes.ts";
import { parseTime } from "../crypto/times.ts";
import type { JsonObject } from "../json.ts";
import { unknownFields } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { invalid, isRefusal, refusal, type EngineError } from "../refusal.ts";
import { utf8Length } from "../bytes.ts";
import { Fields } from "./fields.ts";
import type { People } from "./people.ts";
import * as words from "./words.ts";

const DELEGATION_CONTEXT = "hygieia delegation 1";
export const END_CONTEXT = "hygieia delegation-end 1";
export const ALL = "*";
export const RIGHTS = ["read", "redelegate", "upload"] as const;
export type Right = (typeof RIGHTS)[number];

/** What a list holds; `"*"` is everything. */
export type Words = readonly string[] | "*";

/** Which reports a delegation is about: three lists that all have to hold a report's word. */
export interface Scope {
  readonly subjects: Words;
  readonly categories: Words;
  readonly professions: Words;
}

/** What a delegation's note says; `owner` and `email` are those of one that passes another on. */
export interface Delegation extends Scope {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly rights: readonly Right[];
  readonly parent: string | null;
  readonly owner: string | null;
  readonly email: string | null;
  readonly created: string;
  readonly expires: string;
  /** Fields of later versions of the format. */
  readonly extra: JsonObject;
}

/** What the note says that ends a delegation. */
export interface DelegationEnd {
  readonly delegation: string;
  readonly created: string;
}

/** Key id of whoever owns the record that a delegation is about. */
export function recordOf({ owner, from }: Delegation): string {
  return owner ?? from;
}

/** Whether `narrow` reaches no further than `wide`. */
export function isWithin(narrow: Scope, wide: Scope): boolean {
  return (["subjects", "categories", "professions"] as const).every((name) => {
    const [inner, outer] = [narrow[name], wide[name]];
    return outer === ALL || (inner !== ALL && inner.every((word) => outer.includes(word)));
  });
}

const KNOWN: ReadonlySet<string> = new Set([
  ...["id", "from", "to", "subjects", "categories", "professions", "rights", "parent"],
  ...["owner", "email", "created", "expires"],
]);

/** The JSON object that is signed. */
export function delegationBody(delegation: Delegation): JsonObject {
  const { id, from, to, parent, owner, email, created, expires, extra } = delegation;
  return {
    id,
    from,
    to,
    subjects: listed(delegation.subjects),
    categories: listed(delegation.categories),
    professions: listed(delegation.professions),
    rights: RIGHTS.filter((right) => delegation.rights.includes(right)),
    parent,
    ...(parent === null ? {} : { owner, email }),
    created,
    expires,
    ...extra,
  };
}

function listed(found: Words): string | string[] {
  return found === ALL ? ALL : [...found].sort();
}

/** Reads a note's body; throws `note-refused`. */
function readDelegation(body: JsonObject): Delegation {
  const fields = new Fields(body, "note-refused", "The delegation");
  const parent = fields.textOrNull("parent", words.isReportId);
  const isPassedOn = parent !== null;
  if (!isPassedOn && ("owner" in body || "email" in body)) throw fields.refused("parent");
  const delegation: Delegation = {
    id: fields.text("id", words.isReportId),
    from: fields.text("from", words.isKeyId),
    to: fields.text("to", words.isKeyId),
    subjects: readWords(fields, body, "subjects", words.isSubject),
    categories: readWords(fields, body, "categories", words.isSlug),
    professions: readWords(fields, body, "professions", words.isSlug),
    rights: readRights(fields),
    parent,
    owner: isPassedOn ? fields.text("owner", words.isKeyId) : null,
    email: isPassedOn ? fields.text("email", isEmail) : null,
    created: fields.text("created", words.isTime),
    expires: fields.text("expires", words.isTime),
    extra: unknownFields(body, KNOWN),
  };
  check(delegation, (_field, message) => refusal("note-refused", message));
  return delegation;
}

export function readEnd(body: JsonObject): DelegationEnd {
  const fields = new Fields(body, "note-refused", "The end of a delegation");
  return {
    delegation: fields.text("delegation", words.isReportId),
    created: fields.text("created", words.isTime),
  };
}

/** The signed note; throws `invalid-input`, naming the field, for one that breaks a rule. */
export function signDelegation(key: UnlockedKey, delegation: Delegation): Promise<CarriedNote> {
  check(delegation, (field, message) => invalid(field, "shape", message));
  return signNote(key, DELEGATION_CONTEXT, delegationBody(delegation));
}

export function signEnd(key: UnlockedKey, { delegation, created }: DelegationEnd): Promise<CarriedNote> {
  return signNote(key, END_CONTEXT, { delegation, created });
}

/**
 * Reads a delegation's note and verifies it by the certificate pinned for its `from`. Throws
 * `note-refused` when it is malformed, `delegation-refused` when nobody pinned signed it.
 */
export async function openDelegation(carried: unknown, people: People): Promise<Delegation> {
  const note = readCarried(carried, DELEGATION_CONTEXT);
  const delegation = readDelegation(note.body);
  const verdict = (await people.verify(note, delegation.from)) ?? "unknown-signer";
  if (verdict !== "valid") throw refusal("delegation-refused", `The signature of a delegation: ${verdict}.`);
  return delegation;
}

type Refuse = (field: string, message: string) => EngineError;

/** What holds of every delegation, typed here or signed elsewhere. */
function check(delegation: Delegation, refuse: Refuse): void {
  const { from, to, owner, rights } = delegation;
  if (from === to) throw refuse("to", "A delegation is to somebody else.");
  if (owner === from || owner === to) {
    throw refuse("parent", "A delegation that is passed on is about somebody else's record.");
  }
  if (rights.length === 0) throw refuse("rights", "A delegation gives at least one right.");
  for (const name of ["subjects", "categories", "professions"] as const) {
    const found = delegation[name];
    if (found !== ALL && (found.length < 1 || found.length > LIMITS.MAX_DELEGATION_LIST)) {
      throw refuse(name, `A delegation has 1 to ${LIMITS.MAX_DELEGATION_LIST} ${name}.`);
    }
  }
  const seconds = timeOf(delegation.expires, refuse) - timeOf(delegation.created, refuse);
  if (!(seconds > 0 && seconds <= LIMITS.MAX_DELEGATION_DAYS * 86_400)) {
    throw refuse("expires", `A delegation ends after it begins, within ${LIMITS.MAX_DELEGATION_DAYS} days.`);
  }
}

function timeOf(text: string, refuse: Refuse): number {
  try {
    return parseTime(text);
  } catch (error) {
    if (!isRefusal(error, "invalid-input")) throw error;
    throw refuse("expires", "A delegation has a time that does not exist.");
  }
}

function readWords(fields: Fields, body: JsonObject, name: string, rule: (text: string) => boolean): Words {
  if (body[name] === ALL) return ALL;
  return readDifferent(fields, name, LIMITS.MAX_DELEGATION_LIST, rule);
}

function readRights(fields: Fields): Right[] {
  return readDifferent(fields, "rights", RIGHTS.length, (text) => RIGHTS.includes(text as Right)) as Right[];
}

function readDifferent(fields: Fields, name: string, limit: number, rule: (text: string) => boolean): string[] {
  const found = fields.list(name, limit);
  const isRight =
    found.length > 0 &&
    found.every((item) => typeof item === "string" && rule(item)) &&
    new Set(found).size === found.length;
  if (!isRight) throw fields.refused(name);
  return found as string[];
}

function isEmail(text: string): boolean {
  const length = utf8Length(text);
  return length > 0 && length <= LIMITS.MAX_EMAIL_BYTES && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text) && text.includes("@");
}
