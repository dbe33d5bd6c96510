/** Which sessions she knows to be hers, kept sealed in this browser: any other is asked about until she has said so. */
import type { DeviceSession } from "../engine/interface.ts";
import { keep, keptOf } from "./kept.ts";
import type { Vault } from "./vault.ts";

export type ListedSession = Omit<DeviceSession, "isUnknown">;

const NAME = "known";

/**
 * Marks those that she has not said to be hers. At the first look from a browser those are known that
 * began before its own: whoever came later came in beside her.
 */
export async function markUnknown(vault: Vault, sessions: readonly ListedSession[]): Promise<DeviceSession[]> {
  const current = sessions.find(({ isCurrent }) => isCurrent);
  const kept = await keptIds(vault);
  const known = new Set(kept ?? sessions.filter(({ created }) => created < (current?.created ?? "")).map(({ id }) => id));
  if (current !== undefined) known.add(current.id);
  // One that has ended never comes back.
  const left = sessions.map(({ id }) => id).filter((id) => known.has(id));
  if (kept === null || left.length !== kept.length || !left.every((id) => kept.includes(id))) await keepIds(vault, left);
  return sessions.map((session) => ({ ...session, isUnknown: !known.has(session.id) }));
}

/** She says that this one is hers. */
export async function know(vault: Vault, id: string): Promise<void> {
  await keepIds(vault, [...((await keptIds(vault)) ?? []), id]);
}

async function keptIds(vault: Vault): Promise<readonly string[] | null> {
  const [kept] = await keptOf(vault, "sessions");
  return kept === undefined ? null : (kept.value as readonly string[]);
}

function keepIds(vault: Vault, ids: readonly string[]): Promise<void> {
  return keep(vault, "sessions", NAME, ids);
}
