/** People without an account, whose records this vault keeps: named in `keys.pgp` (docs/spec/13-index.md §5). */
import type { Subject } from "../engine/interface.ts";
import { isObject, type Json } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { invalid, refusal } from "../refusal.ts";
import type { KeysFile } from "./index/keys.ts";
import { isSubject, isText, makeId } from "./words.ts";

const MOST_SUBJECTS = 1000;

/** Their names by id; what is no subject is passed over, as its owner's own words harm nobody. */
export function subjectNames(keys: KeysFile): Map<string, string> {
  const names = new Map<string, string>();
  for (const item of listed(keys)) {
    if (!isObject(item)) continue;
    const { id, name } = item;
    if (typeof id === "string" && typeof name === "string" && isSubject(id)) names.set(id, name);
  }
  return names;
}

/** Somebody new of this name. Throws `invalid-input`, `duplicate`, `limit-exceeded`. */
export function newSubject(keys: KeysFile, typed: string): Subject {
  const name = checkName(typed);
  if (listed(keys).length >= MOST_SUBJECTS) {
    throw refusal("limit-exceeded", "A vault keeps the records of at most 1000 people without an account.");
  }
  for (const other of subjectNames(keys).values()) {
    if (folded(other) === folded(name)) throw refusal("duplicate", "There is somebody of that name already.");
  }
  return { id: `person:${makeId()}`, name };
}

/** The keys file with `subject` in it. */
export function withSubject(keys: KeysFile, { id, name }: Subject): KeysFile {
  if (subjectNames(keys).has(id)) return keys;
  return { ...keys, extra: { ...keys.extra, subjects: [...listed(keys), { id, name }] } };
}

function listed(keys: KeysFile): readonly Json[] {
  const subjects = keys.extra["subjects"];
  return Array.isArray(subjects) ? subjects : [];
}

/** A name as it is kept; none that means somebody else already (hygieia/vault/subjects.py). */
function checkName(typed: string): string {
  const name = typed.trim().split(/\s+/).join(" ").normalize("NFC");
  const isTaken = folded(name) === "me" || isSubject(name) || name.includes("@");
  if (!isText(name, LIMITS.MAX_NAME_BYTES) || isTaken) {
    throw invalid("name", "shape", "This is no name of somebody without an account.");
  }
  return name;
}

function folded(name: string): string {
  return name.normalize("NFC").toLowerCase();
}
