/**
 * Finds what was committed but is not in the index, and enters it (docs/spec/13). The server's list of
 * changes is only a hint: what it names is entered if the report's own signed meta verifies and the
 * rules of the index allow it (hygieia/client/index_repair.py).
 */
import * as answers from "../api/answers.ts";
import type { Answer } from "../api/transport.ts";
import { pkeskDigest } from "../crypto/rewrap.ts";
import { formatTime, nowSeconds, parseTime } from "../crypto/times.ts";
import { EngineError } from "../engine/errors.ts";
import type { Notice } from "../engine/interface.ts";
import { LIMITS } from "../limits.ts";
import { isIntegrity, isRefusal, refusal } from "../refusal.ts";
import type { Change } from "../vault/index/changes.ts";
import { findReport, isPurged, type IndexState } from "../vault/index/state.ts";
import type { People } from "../vault/people.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import { readReport } from "../vault/report.ts";
import { keepingOut, keptOutOf, removedPacketsOf, type Readers } from "../vault/share-note.ts";
import { isReportId } from "../vault/words.ts";
import { namesOf } from "./naming.ts";
import { remember } from "./newly-stored.ts";
import { authorJudge, type AuthorJudge } from "./recipients.ts";
import { readersNow } from "./readers.ts";
import { lackedPackets } from "./replayed.ts";
import { entryNow } from "./revisions.ts";
import type { Vault } from "./vault.ts";

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

/** What was found: reports that do not verify, and those that others have stored for this user. */
export interface Found {
  readonly refused: readonly Refused[];
  readonly stored: readonly ReportEntry[];
  /** Whether delegations, or their ends, wait in the inbox. */
  readonly hasMessages: boolean;
}

/** Reads the server's changes since the index's cursor and enters what is missing. */
export async function repair(vault: Vault): Promise<Found> {
  const { index } = vault;
  const finder = new Finder(vault, await authorJudge(vault));
  let { cursor } = index.state.note;
  let settled = cursor;
  let hasMessages = false;
  for (let page = 0, more = true; more && page < MOST_PAGES; page++) {
    const query = { limit: PAGE_ITEMS, after: cursor };
    const asked = index.state;
    const answer = await vault.transport.call("GET", "/changes", { query });
    for (const item of answers.parts(answer, "items")) await finder.look(item, asked);
    const next = answers.text(answer, "next");
    hasMessages = answer["inbox"] === true;
    more = answer["more"] === true && next !== cursor;
    cursor = next;
    if (!finder.isPutOff) settled = cursor;
  }
  const { refused, stored, skipped } = finder;
  const changes = finder.enter();
  await remember(vault, stored);
  if (changes.length > 0 || skipped > SKIPPED_WORTH_A_CURSOR) {
    if (settled !== null) changes.push({ kind: "set-cursor", cursor: settled });
    await index.change(changes);
  }
  return { refused, stored, hasMessages };
}

class Finder {
  readonly refused: Refused[] = [];
  readonly stored: ReportEntry[] = [];
  skipped = 0;
  /**
   * Whether something is to be listed again: it waits until this user has done changing readers, or a
   * block of it is nowhere just now.
   */
  isPutOff = false;
  private readonly vault: Vault;
  private readonly people: People;
  private readonly mayHaveStored: AuthorJudge;
  private readonly found: { id: string; asked: IndexState; changes: readonly Change[] }[] = [];
  private readonly notices = new Map<string, Notice>();

  constructor(vault: Vault, mayHaveStored: AuthorJudge) {
    this.vault = vault;
    this.people = vault.people();
    this.mayHaveStored = mayHaveStored;
  }

  /** `asked`: the index as it was when the server was asked for its list. */
  async look(item: Answer, asked: IndexState): Promise<void> {
    const id = answers.text(item, "report");
    if (!isReportId(id)) throw refusal("integrity", "The server's list of changes is not understood.");
    const changes = this.isAsAsked(id, asked) ? await this.changesFor(id, item, asked) : [];
    this.found.push({ id, asked, changes });
    if (changes.length === 0) this.skipped++;
  }

  /** What is to be entered, and told, of reports that the index did not follow further meanwhile. */
  enter(): Change[] {
    const still = this.found.filter(({ id, asked }) => this.isAsAsked(id, asked));
    for (const { id } of still) {
      const notice = this.notices.get(id);
      if (notice !== undefined) this.vault.onNotice(notice);
    }
    return still.flatMap(({ changes }) => changes);
  }

  /** The server's answer is no news of a report that has changed since it was asked: it was true before. */
  private isAsAsked(id: string, asked: IndexState): boolean {
    const [was, is] = [asked, this.vault.index.state].map((state) => findReport(state, id));
    return was?.["cid"] === is?.["cid"] && was?.["deleted"] === is?.["deleted"];
  }

  private async changesFor(id: string, item: Answer, asked: IndexState): Promise<Change[]> {
    const root = answers.textOrNull(item, "root");
    const row = findReport(asked, id);
    if (row !== undefined && isPurged(row)) return [];
    const known = (row ?? null) as ReportEntry | null;
    if (root === null) return isTrashOver(known) ? [{ kind: "purge", id }] : [];
    const changes: Change[] = [];
    if (known?.cid !== root) {
      try {
        const entering = await this.entering(id, root, known);
        if (entering === null) return [];
        changes.push(entering);
      } catch (error) {
        if (!isIntegrity(error) && !isRefusal(error, "invalid-input", "block-missing", "not-found")) throw error;
        this.refused.push({ report: id, error });
        // A note of a time to come may be found sound later (docs/spec/13-index.md §8).
        const isEarly = error instanceof EngineError && error.facts.isEarly === true;
        if (isEarly || isRefusal(error, "block-missing", "not-found")) this.isPutOff = true;
        return [];
      }
    }
    const wasDeleted = (known?.deleted ?? null) !== null;
    if ((item["deleted"] === true) !== wasDeleted) {
      changes.push({ kind: "set-deleted", id, time: wasDeleted ? null : formatTime(nowSeconds()) });
    }
    return changes;
  }

  /** Enters a report once it verifies, with who reads it; null where a reader it lacks is no news. */
  private async entering(id: string, root: string, known: ReportEntry | null): Promise<Change | null> {
    const { vault, people } = this;
    // Whether its author might store it was judged when it came: a later root outlives the delegation.
    const expected = { id, entry: known, ...(known === null ? { hasUploadRight: this.mayHaveStored } : {}) };
    const report = await readReport(vault.gateways, root, vault.key, people, expected);
    // Of her own account, by a key that is not hers: given back, and first she says whose key that was (19 §5).
    if (known === null && !people.isMe(report.meta.owner)) {
      throw refusal("key-mismatch", "The report belongs to a key that this vault does not know.");
    }
    if (report.verdict !== "valid") throw refusal("note-refused", "The report is from a stranger.");
    const lacked = known === null ? [] : await lackedPackets(vault, known, report);
    if (lacked.length > 0 && !(await this.isNews(id, root))) return null;
    const entry = entryNow(report);
    if (known === null && !people.isMe(report.meta.author)) this.stored.push(entry);
    if (!people.isMe(entry.owner)) return { kind: "put-report", entry };
    const isKeyNew = known?.data_payload_cid !== entry.data_payload_cid;
    const listed: Readers = isKeyNew ? { id, readers: [], removed: [] } : await vault.index.readersOf(id);
    if (lacked.length > 0) this.tellTakenOff(listed, lacked);
    const alone = report.packets.length === 1;
    const now = alone ? { ...listed, readers: [] } : await readersNow(vault, report, listed);
    const own = await pkeskDigest(report.ownPacket);
    const before = { ...listed, readers: listed.readers.filter(({ pkesk }) => pkesk !== own) };
    return { kind: "put-report", entry, readers: withoutLacked(before, now, lacked, people) };
  }

  /**
   * Whether a root that lacks a reader says that somebody was taken off: an older one that the list
   * still names does not, nor does what this user is doing herself, whose index follows at its end.
   */
  private async isNews(id: string, root: string): Promise<boolean> {
    const { vault } = this;
    if (vault.changingReaders > 0) {
      this.isPutOff = true;
      return false;
    }
    return (await vault.transport.call("GET", `/reports/${id}`))["root"] === root;
  }

  /** Who is off a report without her index having said so: another device of hers, or the server. */
  private tellTakenOff({ id, readers }: Readers, lacked: readonly string[]): void {
    const gone = readers.filter(({ pkesk }) => lacked.includes(pkesk));
    const people = [...new Set(gone.map(({ key }) => key))].map(namesOf(this.vault));
    const unnamed = lacked.length - new Set(gone.map(({ pkesk }) => pkesk)).size;
    this.notices.set(id, { kind: "taken-off", id: `taken-off ${id}`, reports: [id], people, unnamed });
  }
}

/** The index's entry: whoever does not read on under the same session key is taken off. */
function withoutLacked(listed: Readers, now: Readers, lacked: readonly string[], people: People): Readers {
  const isReading = (key: string): boolean => now.readers.some((each) => people.same(each.key, key));
  const gone = listed.readers.map(({ key }) => key).filter((key) => !people.isMe(key) && !isReading(key));
  const packets = [...new Set([...removedPacketsOf(listed), ...lacked])];
  const left = {
    ...now,
    removed: [...new Set([...listed.removed, ...gone])],
    ...(packets.length > 0 ? { removed_packets: packets } : {}),
  };
  return keepingOut(left, [...keptOutOf(listed), ...gone]);
}

/** That a report is gone is the owner's to say: the index itself must know its time in the trash. */
function isTrashOver(known: ReportEntry | null): boolean {
  if (known === null || known.deleted === null) return false;
  // A day of grace: the server counts from its own note of the same deletion.
  return nowSeconds() - parseTime(known.deleted) > (LIMITS.TRASH_DAYS - 1) * DAY_SECONDS;
}
