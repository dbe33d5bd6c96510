/** The rows that the screens show. */
import { formatTime, nowSeconds } from "../crypto/times.ts";
import type { Named, ReportRow } from "../engine/interface.ts";
import { reportsOf } from "../vault/index/state.ts";
import type { People } from "../vault/people.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import type { Wish } from "./changing.ts";
import { namesOf } from "./naming.ts";
import type { Vault } from "./vault.ts";

/** All of a vault's reports, newest first, with what waits already in them. */
export function rowsOf(vault: Vault, waiting: readonly Wish[]): ReportRow[] {
  const overlay = overlayOf(waiting);
  const people = vault.people();
  const nameOf = namesOf(vault);
  const rows: ReportRow[] = [];
  for (const entry of reportsOf(vault.index.state)) {
    const row = overlay.apply(rowOf(entry, people, nameOf));
    if (row !== null) rows.push(row);
  }
  return rows.reverse().sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : 0));
}

function rowOf(entry: ReportEntry, people: People, nameOf: (key: string) => Named): ReportRow {
  const subject = nameOf(entry.subject);
  return {
    id: entry.id,
    cid: entry.cid,
    title: entry.title,
    category: entry.category,
    fileName: entry.file_name,
    mediaType: entry.media_type,
    sizeBytes: entry.size_bytes,
    created: entry.created,
    revision: entry.revision,
    kind: entry.kind,
    isMine: people.isMe(entry.owner),
    author: entry.author,
    signer: nameOf(entry.author).trust,
    subject: entry.subject,
    subjectName: subject.trust === "me" ? null : subject.name || null,
    owner: entry.owner,
    deleted: entry.deleted,
    state: "saved",
  };
}

/** What waits, laid over the rows. */
function overlayOf(waiting: readonly Wish[]): { apply(row: ReportRow): ReportRow | null } {
  const changes = new Map<string, ((row: ReportRow) => ReportRow | null)[]>();
  const add = (id: string, change: (row: ReportRow) => ReportRow | null): void => {
    changes.set(id, [...(changes.get(id) ?? []), change]);
  };
  const now = formatTime(nowSeconds());
  for (const wish of waiting) {
    if (wish.kind === "edit") {
      add(wish.report, (row) => ({
        ...row,
        title: wish.title ?? row.title,
        category: wish.category ?? row.category,
      }));
      continue;
    }
    for (const id of wish.reports) {
      if (wish.kind === "purge") add(id, () => null);
      else add(id, (row) => ({ ...row, deleted: wish.kind === "trash" ? (row.deleted ?? now) : null }));
    }
  }
  return {
    apply(row) {
      let changed: ReportRow | null = row;
      for (const change of changes.get(row.id) ?? []) if (changed !== null) changed = change(changed);
      return changed === row || changed === null ? changed : { ...changed, state: "waiting" };
    },
  };
}
