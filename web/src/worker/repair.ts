/**
 * Finds what was committed but is not in the index, and enters it (FORMATS §7). The server's list of
 * changes is only a hint: what it names is entered if the report's own signed meta verifies and the
 * rules of the index allow it (hygieia/client/index_repair.py).
 */
import * as answers from "../api/answers.ts";
import type { Gateways } from "../api/gateways.ts";
import type { Answer, Transport } from "../api/transport.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import { formatTime, nowSeconds, parseTime } from "../crypto/times.ts";
import type { EngineError } from "../engine/errors.ts";
import { LIMITS } from "../limits.ts";
import { isIntegrity, isRefusal, refusal } from "../refusal.ts";
import type { Change } from "../vault/index/changes.ts";
import { findReport, isPurged, peopleOf } from "../vault/index/state.ts";
import type { People } from "../vault/people.ts";
import { entryOf, type ReportEntry } from "../vault/report-entry.ts";
import { readReport } from "../vault/report.ts";
import { isReportId } from "../vault/words.ts";
import type { IndexSync } from "./index-sync.ts";

const PAGE_ITEMS = 500;
// A hostile server may list changes for ever; what is left is read the next time.
const MOST_PAGES = 200;
// A cursor alone is worth a new index only when the next reading would be long without it.
const SKIPPED_WORTH_A_CURSOR = 1000;
const DAY_SECONDS = 86_400;

export interface Refused {
  readonly report: string;
  readonly error: EngineError;
}

/** Reads the server's changes since the index's cursor and enters what is missing. */
export async function repair(
  sync: IndexSync,
  transport: Transport,
  source: Gateways,
  key: UnlockedKey,
): Promise<Refused[]> {
  const people = peopleOf(sync.state, key.certificate);
  const changes: Change[] = [];
  const refused: Refused[] = [];
  let { cursor } = sync.state.note;
  let skipped = 0;
  for (let page = 0, more = true; more && page < MOST_PAGES; page++) {
    const query = { limit: PAGE_ITEMS, after: cursor };
    const answer = await transport.call("GET", "/changes", { query });
    for (const item of answers.parts(answer, "items")) {
      const found = await changesFor(sync, source, key, people, item, refused);
      changes.push(...found);
      if (found.length === 0) skipped++;
    }
    const next = answers.text(answer, "next");
    more = answer["more"] === true && next !== cursor;
    cursor = next;
  }
  if (changes.length > 0 || skipped > SKIPPED_WORTH_A_CURSOR) {
    if (cursor !== null) changes.push({ kind: "set-cursor", cursor });
    await sync.change(changes);
  }
  return refused;
}

async function changesFor(
  sync: IndexSync,
  source: Gateways,
  key: UnlockedKey,
  people: People,
  item: Answer,
  refused: Refused[],
): Promise<Change[]> {
  const id = answers.text(item, "report");
  const root = answers.textOrNull(item, "root");
  if (!isReportId(id)) throw refusal("integrity", "The server's list of changes is not understood.");
  const row = findReport(sync.state, id);
  if (row !== undefined && isPurged(row)) return [];
  const known = (row ?? null) as ReportEntry | null;
  if (root === null) return isTrashOver(known) ? [{ kind: "purge", id }] : [];
  const changes: Change[] = [];
  if (known?.cid !== root) {
    try {
      const expected = { id, entry: known, hasUploadRight: () => false };
      const report = await readReport(source, root, key, people, expected);
      if (report.verdict !== "valid") throw refusal("note-refused", "The report is from a stranger.");
      const entry = entryOf(report.meta, root, report.encrypted.meta.cid);
      changes.push({ kind: "put-report", entry });
    } catch (error) {
      if (!isIntegrity(error) && !isRefusal(error, "invalid-input", "block-missing")) throw error;
      refused.push({ report: id, error });
      return [];
    }
  }
  const wasDeleted = (known?.deleted ?? null) !== null;
  if ((item["deleted"] === true) !== wasDeleted) {
    changes.push({ kind: "set-deleted", id, time: wasDeleted ? null : formatTime(nowSeconds()) });
  }
  return changes;
}

/** That a report is gone is the owner's to say: the index itself must know its time in the trash. */
function isTrashOver(known: ReportEntry | null): boolean {
  if (known === null || known.deleted === null) return false;
  // A day of grace: the server counts from its own note of the same deletion.
  return nowSeconds() - parseTime(known.deleted) > (LIMITS.TRASH_DAYS - 1) * DAY_SECONDS;
}
