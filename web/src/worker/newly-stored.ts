/**
 * Reports that others store for this user go on to those for whom her delegations act
 * (docs/spec/17-delegations.md §2). Which are still to be gone through stands sealed in this browser
 * until done: her index has the report by then, and no list of the server's would name it again.
 */
import type { LeftOut } from "../vault/delegations.ts";
import { findReport, isPurged } from "../vault/index/state.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import { Contacts } from "./contacts.ts";
import { keep, keptOf, letGo } from "./kept.ts";
import { tellLeftOut } from "./naming.ts";
import { Sharer } from "./sharer.ts";
import type { Vault } from "./vault.ts";

/** Before they are entered in the index: from then on nobody else remembers. A full browser stops nothing. */
export async function remember(vault: Vault, entries: readonly ReportEntry[]): Promise<void> {
  for (const { id } of entries) await keep(vault, "new", id, {}).catch(() => {});
}

/** Adds the delegates, and names those who cannot be given one; what was not for everybody is left for `goOn`. */
export async function shareWithDelegates(vault: Vault, entries: readonly ReportEntry[]): Promise<void> {
  const leftOut = new Map<string, readonly LeftOut[]>();
  const told = (report: string, people: readonly LeftOut[]): unknown => leftOut.set(report, people);
  const outcomes = await new Sharer(vault, new Contacts(vault)).shareWithDelegates(entries, told);
  for (const { report, state } of outcomes) {
    const absent = leftOut.get(report) ?? [];
    tellLeftOut(vault, report, absent);
    const isThrough = (state === "done" || state === "unchanged") && absent.length === 0;
    if (isThrough) await letGo(vault, "new", report);
  }
}

/** Goes on with what an earlier page did not get through with; what is in the trash waits. */
export async function goOn(vault: Vault): Promise<void> {
  const entries: ReportEntry[] = [];
  for (const { name } of await keptOf(vault, "new")) {
    const row = findReport(vault.index.state, name);
    if (row === undefined) continue; // not entered yet
    if (isPurged(row)) await letGo(vault, "new", name);
    else if ((row as ReportEntry).deleted === null) entries.push(row as ReportEntry);
  }
  if (entries.length > 0) await shareWithDelegates(vault, entries);
}
