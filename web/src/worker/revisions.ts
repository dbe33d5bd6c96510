/**
 * A report as the server has it now, and its next root: what every change of one is based on, and how
 * it is committed such that a change by somebody else is never lost (docs/spec/12).
 */
import * as answers from "../api/answers.ts";
import { parseCid } from "../ipld/cid.ts";
import { isRefusal } from "../refusal.ts";
import type { BuiltReport } from "../vault/report-build.ts";
import { entryOf, type ReportEntry } from "../vault/report-entry.ts";
import { readReport, type Report } from "../vault/report.ts";
import type { Readers } from "../vault/share-note.ts";
import { makeId } from "../vault/words.ts";
import { refuseReplayed } from "./replayed.ts";
import { readBack, type BatchSender } from "./sending.ts";
import type { Vault } from "./vault.ts";

/** A report as the server has it now, verified: what a change is based on. */
export interface Current {
  readonly report: Report;
  readonly rev: number;
}

/** What a change of a report is about to do to its packets. */
export interface Ahead {
  /** Those that its owner takes off. */
  readonly gone?: readonly string[];
  /** Whether the session key will be new: what nobody noted ends with the old one. */
  readonly isKeyNew?: boolean;
}

/**
 * The report that the server has now, held against the index. Throws `meta-mismatch`, `rollback`,
 * `recipient-refused`.
 */
export async function currentOf(
  vault: Vault,
  entry: ReportEntry,
  { gone = [], isKeyNew = false }: Ahead = {},
): Promise<Current> {
  const answer = await vault.transport.call("GET", `/reports/${entry.id}`);
  const root = parseCid(answers.text(answer, "root"));
  const report = await readReport(vault.gateways, root, vault.key, vault.people(), { entry });
  try {
    await refuseReplayed(vault, entry, report, gone);
  } catch (error) {
    if (!isKeyNew || !isRefusal(error, "recipient-refused")) throw error;
  }
  return { report, rev: answers.number(answer, "rev") };
}

/** The line in the index of a report as it was just read. */
export function entryNow({ meta, encrypted }: Report): ReportEntry {
  return entryOf(meta, encrypted.root, encrypted.meta.cid);
}

/** What a report moves on to, and the server's word for why. */
export interface NextRoot {
  readonly entry: ReportEntry;
  readonly change: "edit" | "update" | "readers" | "rekey";
  /** Notes for recipients that the new root adds. */
  readonly shares?: readonly string[];
  /** Roots of the revisions that a re-key issues again, oldest first. */
  readonly earlier?: readonly string[];
}

/** Has the server move a report from `current` to a root whose blocks it has; throws `stale-revision`. */
export async function replaceRoot(
  { transport }: Vault,
  { entry, change, shares = [], earlier = [] }: NextRoot,
  current: Current,
  upload: string,
): Promise<void> {
  const path = `/reports/${entry.id}`;
  const body = { upload, root: entry.cid, change, shares, ...(earlier.length === 0 ? {} : { earlier }) };
  try {
    // The transport repeats what is not answered, perhaps while the first is still at work.
    await transport.call("PUT", path, { body, ifMatch: current.rev, idempotencyKey: makeId() });
  } catch (error) {
    if (!isRefusal(error, "stale-revision", "duplicate", "unavailable")) throw error;
    // It may be our own change that won, whose answer was lost on the way or took too long.
    if ((await transport.call("GET", path))["root"] !== entry.cid) throw error;
  }
}

/** How a revision is committed: `notes` for the packets it adds, `readers` where they are others. */
export interface Commit {
  readonly upload: string;
  readonly sender: BatchSender;
  readonly change: "edit" | "update" | "rekey";
  readonly notes: readonly string[];
  readonly readers?: Readers;
  readonly earlier?: readonly string[];
}

/** Commits a later revision, and enters it in the index. */
export async function commitRevision(
  vault: Vault,
  { blocks, entry }: BuiltReport,
  current: Current,
  { upload, sender, change, notes, readers, earlier = [] }: Commit,
): Promise<void> {
  await sender.addAll(blocks);
  await sender.flush();
  await replaceRoot(vault, { entry, change, shares: notes, earlier }, current, upload);
  await readBack(vault.gateways, sender.sample, entry.cid);
  const entered = { kind: "put-report", entry, dropsEarlier: change === "rekey" } as const;
  await vault.index.change([{ ...entered, ...(readers === undefined ? {} : { readers }) }]);
}
