/** Which sessions she knows to be hers, by this browser: any other is asked about until she has said so. */
import type { DeviceSession } from "../engine/interface.ts";
import { keep, keptOf, letGo } from "./kept.ts";
import type { Vault } from "./vault.ts";

export type ListedSession = Omit<DeviceSession, "isUnknown">;

/**
 * Marks those that she has not said to be hers. This browser's own is hers. What was there before it is asked
 * about as well: nobody here can tell who began it.
 */
export async function markUnknown(vault: Vault, sessions: readonly ListedSession[]): Promise<DeviceSession[]> {
  const known = new Set((await keptOf(vault, "sessions")).map(({ name }) => name));
  for (const { id, isCurrent } of sessions) {
    if (!isCurrent || known.has(id)) continue;
    await know(vault, id);
    known.add(id);
  }
  const there = new Set(sessions.map(({ id }) => id));
  // One that has ended never comes back.
  for (const id of known) if (!there.has(id)) await letGo(vault, "sessions", id);
  return sessions.map((session) => ({ ...session, isUnknown: !known.has(session.id) }));
}

/** She says that this one is hers. */
export function know(vault: Vault, id: string): Promise<void> {
  return keep(vault, "sessions", id, true);
}
