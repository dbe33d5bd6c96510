/**
 * What stands sealed in this browser until it is done, or was seen, and so outlives the page. On a
 * shared computer it does not.
 */
import { isRefusal } from "../refusal.ts";
import type { TaskKind } from "./store.ts";
import type { Vault } from "./vault.ts";

type Kind = Exclude<TaskKind, "rekey">;

/** `name` stands there in clear. */
export async function keep({ session, store }: Vault, kind: Kind, name: string, value: unknown): Promise<void> {
  const id = idOf(kind, name);
  const sealed = await session.stateKey.seal(`${contextOf(kind)} ${id}`, value);
  await store.saveUpload({ kind, id, sealed, upload: null, sizeBytes: 0, lastModified: 0, started: Date.now() });
}

/** What an earlier page kept, oldest first. */
export async function keptOf({ session, store }: Vault, kind: Kind): Promise<{ name: string; value: unknown }[]> {
  const found: { name: string; value: unknown }[] = [];
  for (const { id, sealed } of await store.tasks(kind)) {
    try {
      const value = await session.stateKey.open(`${contextOf(kind)} ${id}`, sealed);
      found.push({ name: id.slice(idOf(kind, "").length), value });
    } catch (error) {
      if (!isRefusal(error, "credentials-refused")) throw error;
      await store.dropUpload(id); // of before another password
    }
  }
  return found;
}

export function letGo({ store }: Vault, kind: Kind, name: string): Promise<void> {
  return store.dropUpload(idOf(kind, name));
}

export function contextOf(kind: Kind): string {
  return `${kind} 1`;
}

function idOf(kind: Kind, name: string): string {
  return `${kind} ${name}`;
}
