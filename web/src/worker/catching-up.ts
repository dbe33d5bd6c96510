/** Brings an open vault up to date: its index, and what the server says has changed since. */
import { isRefusal, refusal } from "../refusal.ts";
import type { Vault } from "./vault.ts";

export async function catchUp(vault: Vault): Promise<void> {
  await vault.readIndex();
  await vault.makeFirstKit().catch(unlessAway);
  await enterWhatChanged(vault).catch(unlessAway);
}

async function enterWhatChanged(vault: Vault): Promise<void> {
  const { repair, shareWithDelegates } = await import("./desks.ts").catch(() => {
    throw refusal("unreachable", "A part of the app could not be loaded.");
  });
  const { refused, stored, hasMessages } = await repair(vault);
  vault.refused = refused;
  vault.hasMessages = hasMessages;
  if (stored.length > 0) await shareWithDelegates(vault, stored);
}

/** With the server away the index is read through gateways, and that is all there is. */
function unlessAway(error: unknown): void {
  if (!isRefusal(error, "unreachable", "unavailable")) throw error;
}
