/**
 * Applying a delegation to reports of the past (docs/spec/17-delegations.md §6): which delegations are
 * still to be gone through stands sealed in this browser until done, so what a closed page interrupted
 * goes on at the next opening. The index is renewed once for many reports.
 */
import type { Certificate } from "../crypto/certificates.ts";
import type { ShareOutcome, ShareProgress } from "../engine/interface.ts";
import type { Delegation } from "../vault/delegation.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import { keep, keptOf, letGo } from "./kept.ts";
import { readersByReport } from "./readers.ts";
import { isOutage, outcome, type Sharer } from "./sharer.ts";
import type { Vault } from "./vault.ts";

/** Reports between two renewals of the index. */
const AT_ONCE = 32;

/** Remembers that a delegation is to be gone through, until it is. */
export function keepPast(vault: Vault, delegation: string): Promise<void> {
  return keep(vault, "past", delegation, {});
}

/** Adds the delegate to each of `entries`; who reads one already is passed over. What failed is left for later. */
export async function goThrough(
  { vault, sharer }: { vault: Vault; sharer: Sharer },
  { id, to }: Delegation,
  certificate: Certificate,
  entries: readonly ReportEntry[],
  onProgress: ((progress: ShareProgress) => void) | undefined,
): Promise<ShareOutcome[]> {
  const open = await notOpenYet(vault, to, entries);
  const outcomes: ShareOutcome[] = entries.filter((each) => !open.includes(each)).map((each) => outcome(each, "unchanged"));
  const plan = sharer.addingBy(id, certificate);
  for (let start = 0; start < open.length; start += AT_ONCE) {
    const before = outcomes.length;
    const part = open.slice(start, start + AT_ONCE);
    const told = ({ done }: ShareProgress): void => onProgress?.({ done: before + done, total: entries.length });
    outcomes.push(...(await sharer.each(part, { plan, retry: true }, told)));
    if (outcomes.some(({ error }) => isOutage(error))) {
      const left = open.slice(start + AT_ONCE).map((each) => outcome(each, "left"));
      return [...outcomes, ...left];
    }
  }
  onProgress?.({ done: entries.length, total: entries.length });
  if (outcomes.every(({ state }) => state === "done" || state === "unchanged")) await forget(vault, id);
  return outcomes;
}

/** Those that the index does not list as read by this person, by the key of now: one that is lost opens nothing. */
export async function notOpenYet(vault: Vault, to: string, entries: readonly ReportEntry[]): Promise<ReportEntry[]> {
  const key = vault.people().person(to);
  const readers = await readersByReport(vault);
  return entries.filter(({ id }) => !(readers.get(id) ?? []).includes(key));
}

/** Ids of the delegations that an earlier page did not get through with. */
export async function leftUndone(vault: Vault): Promise<string[]> {
  return (await keptOf(vault, "past")).map(({ name }) => name);
}

/** Nothing of it is to be done any more. */
export function forget(vault: Vault, delegation: string): Promise<void> {
  return letGo(vault, "past", delegation);
}
