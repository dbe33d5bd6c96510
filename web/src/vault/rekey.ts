/** Earlier revisions issued again by a re-key (docs/spec/19-re-key-and-give-back.md §2). */
import type { Report } from "./report.ts";

/**
 * The revisions before `current`, oldest first, as far as the signed notes lead back: each names the
 * meta payload of the one before it. Whatever else a server lists among the versions is passed over:
 * a re-key signs nothing that its owner did not.
 */
export function chainBefore(current: Report, versions: readonly Report[]): Report[] {
  const byPayload = new Map<string, Report>(versions.map((each) => [each.encrypted.meta.cid, each]));
  const found: Report[] = [];
  let last = current;
  for (let { previous } = current.meta; previous !== null; ) {
    const report = byPayload.get(previous);
    if (report === undefined || report.meta.revision >= last.meta.revision) break;
    found.push(report);
    last = report;
    previous = report.meta.previous;
  }
  return found.reverse();
}
