/** What this browser keeps under the password, besides the profile, sealed again when it changes. */
import type { StateKey } from "../crypto/state-key.ts";
import { CONTEXT as CHANGE } from "./changing.ts";
import { contextOf } from "./kept.ts";
import { CONTEXT as REKEY } from "./rekey-job.ts";
import type { Store } from "./store.ts";
import { CONTEXT as UPLOAD } from "./upload-jobs.ts";

/**
 * Never throws: the password is changed already. What cannot be sealed again is dropped by whoever
 * reads it next, and begins anew.
 */
export async function resealKept(store: Store, old: StateKey, next: StateKey): Promise<void> {
  const again = async (context: string, sealed: string): Promise<string> =>
    next.seal(context, await old.open(context, sealed));
  const kept = [
    { context: UPLOAD, records: await store.uploads() },
    { context: REKEY, records: await store.tasks("rekey") },
  ];
  for (const kind of ["past", "new", "notice", "permission", "end", "sessions"] as const) {
    kept.push({ context: contextOf(kind), records: await store.tasks(kind) });
  }
  for (const { context, records } of kept) {
    for (const record of records) {
      await again(`${context} ${record.id}`, record.sealed)
        .then((sealed) => store.saveUpload({ ...record, sealed }))
        .catch(() => {});
    }
  }
  for (const { id, sealed } of await store.changes()) {
    await again(CHANGE, sealed)
      .then((fresh) => store.replaceChange(id!, fresh))
      .catch(() => {});
  }
}
