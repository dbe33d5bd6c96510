/** People without an account, whose records this vault keeps: named in `keys.pgp` (docs/spec/13-index.md §5). */
import { isObject } from "../json.ts";
import type { KeysFile } from "./index/keys.ts";
import { isSubject } from "./words.ts";

/** Their names by id; what is no subject is passed over, as its owner's own words harm nobody. */
export function subjectNames(keys: KeysFile): Map<string, string> {
  const listed = keys.extra["subjects"];
  const names = new Map<string, string>();
  for (const item of Array.isArray(listed) ? listed : []) {
    if (!isObject(item)) continue;
    const { id, name } = item;
    if (typeof id === "string" && typeof name === "string" && isSubject(id)) names.set(id, name);
  }
  return names;
}
