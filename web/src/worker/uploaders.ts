/**
 * The right to upload is a plain permission at the server too, which has to know whose room is filled
 * (docs/spec/17-delegations.md §5). What acts stands in the index: from that it is given, shortened and
 * taken back. What could not be taken back stands sealed in this browser until the server has heard it.
 */
import { nowSeconds } from "../crypto/times.ts";
import { isRefusal } from "../refusal.ts";
import { recordOf, type Delegation } from "../vault/delegation.ts";
import { keep, keptOf, letGo } from "./kept.ts";
import { delegationsOf } from "./recipients.ts";
import type { Vault } from "./vault.ts";

/** Lets the holder store for as long as the latest end of all that give it. */
export async function permit(vault: Vault, { to, rights, expires }: Delegation): Promise<void> {
  if (!rights.includes("upload")) return;
  const until = await mayUploadUntil(vault, to);
  await allow(vault, to, until !== null && until > expires ? until : expires);
}

/** Takes the permission back, or shortens it to what is left. False where the server has still to be told. */
export async function forbid(vault: Vault, fallen: readonly Delegation[]): Promise<boolean> {
  const people = vault.people();
  const mine = fallen.filter((each) => each.rights.includes("upload") && people.isMe(recordOf(each)));
  // A full browser stops nothing.
  for (const { id, to } of mine) await keep(vault, "permission", id, { to }).catch(() => {});
  return settle(vault, mine);
}

/** Goes on with what the server could not be told. */
export async function goOn(vault: Vault): Promise<void> {
  const kept = await keptOf(vault, "permission");
  await settle(vault, kept.map(({ name, value }) => ({ id: name, to: (value as { to: string }).to })));
}

/** Has the server's permissions follow the index, for whoever held these delegations; whether it was told all. */
async function settle(vault: Vault, fallen: readonly { readonly id: string; readonly to: string }[]): Promise<boolean> {
  let isTold = true;
  for (const to of new Set(fallen.map((each) => each.to))) {
    try {
      await follow(vault, to);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      isTold = false;
      continue;
    }
    for (const { id } of fallen.filter((each) => each.to === to)) await letGo(vault, "permission", id);
  }
  return isTold;
}

async function follow(vault: Vault, to: string): Promise<void> {
  const until = await mayUploadUntil(vault, to);
  if (until !== null) return allow(vault, to, until);
  try {
    await vault.transport.call("DELETE", `/uploaders/${to}`);
  } catch (error) {
    if (!isRefusal(error, "not-found")) throw error;
  }
}

async function allow(vault: Vault, key: string, expires: string): Promise<void> {
  await vault.transport.call("PUT", `/uploaders/${key}`, { body: { expires } });
}

/** The latest end of what lets `key` store, or null. */
async function mayUploadUntil(vault: Vault, key: string): Promise<string | null> {
  const delegations = await delegationsOf(vault);
  const now = nowSeconds();
  const acting = delegations.given().filter((each) => each.to === key && delegations.acts(each, now, "upload"));
  return acting.map(({ expires }) => expires).sort().at(-1) ?? null;
}
