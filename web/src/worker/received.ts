/**
 * What others share with this user: a hint of the server's, judged here (docs/spec/16-sharing.md §2,
 * hygieia/client/received.py). A report is entered in the index once its note names this user's key
 * and the very packet that her key opened, and both the sharer and the author are pinned. Everything
 * else waits, closed, under *from strangers* until she says so herself (threat MS-18).
 */
import * as answers from "../api/answers.ts";
import type { Answer } from "../api/transport.ts";
import { pkeskDigest } from "../crypto/rewrap.ts";
import type { EngineError } from "../engine/errors.ts";
import type { Named, Received } from "../engine/interface.ts";
import { isIntegrity, isRefusal, refusal } from "../refusal.ts";
import type { Change } from "../vault/index/changes.ts";
import { findReport, isPurged, reportsOf } from "../vault/index/state.ts";
import type { People } from "../vault/people.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import { readReport, type Report } from "../vault/report.ts";
import { openShare, type OpenedShare } from "../vault/share-note.ts";
import { isReportId } from "../vault/words.ts";
import { namesOf } from "./naming.ts";
import { authorJudge } from "./recipients.ts";
import { entryNow } from "./revisions.ts";
import type { Vault } from "./vault.ts";

const PAGE_ITEMS = 200;
const MOST_PAGES = 500;
const PURGED = "It was deleted for good here. To have it again, have it stored anew and shared.";

/** One item of the server's list, once looked at; `entry` is null where it was refused. */
interface Judged {
  readonly shown: Received;
  readonly entry: ReportEntry | null;
}

export class Inbox {
  private readonly vault: Vault;
  /** Of strangers: what the person may still accept. */
  private waiting = new Map<string, Judged>();
  /** What was found in roots that were opened since the vault was: the next look does not open them again. */
  private readonly opened = new Map<string, Pick<Received, "signature" | "author" | "ownership">>();

  constructor(vault: Vault) {
    this.vault = vault;
  }

  /** What is shared now, newest first; what may be is entered in the index at once. */
  async look(): Promise<Received[]> {
    const { vault } = this;
    const people = vault.people();
    const found: Judged[] = [];
    const changes: Change[] = [];
    for await (const item of listed(vault)) {
      const one = await this.judge(item, people);
      if (one === null) continue;
      found.push(one);
      if (one.shown.standing === "accepted" && one.entry !== null) changes.push(...entering(vault, one.entry));
    }
    await vault.index.change(changes);
    this.waiting = new Map(found.map((each) => [each.shown.report, each]));
    return [...found.map(({ shown }) => shown), ...this.ended(new Set(this.waiting.keys()))];
  }

  /** Enters a report from a stranger because the person says so; throws what refused it. */
  async accept(report: string): Promise<void> {
    const found = this.waiting.get(report);
    if (found === undefined) throw refusal("not-found", "Nobody shares such a report with you.");
    if (found.entry === null) throw found.shown.error ?? refusal("not-found", "It cannot be opened.");
    await this.vault.index.change(entering(this.vault, found.entry));
  }

  private async judge(item: Answer, people: People): Promise<Judged | null> {
    const share = answers.part(item, "share");
    const id = answers.text(share, "report");
    const root = answers.text(item, "root");
    const row = isReportId(id) ? findReport(this.vault.index.state, id) : undefined;
    const isGone = row !== undefined && isPurged(row);
    const known = (isGone ? null : (row ?? null)) as ReportEntry | null;
    // She took it out of her list: there it stays until she puts it back.
    if (known !== null && known.deleted !== null) return null;
    const nameOf = namesOf(this.vault);
    const about: Received = {
      report: id,
      standing: "accepted",
      sharer: sharerOf(item, nameOf),
      shared: answers.text(share, "created"),
      sizeBytes: answers.number(item, "size_bytes"),
      signature: null,
      author: known === null ? null : nameOf(known.author),
      ownership: null,
      error: null,
    };
    // Never entered again by itself, and not passed over without a word.
    if (isGone) return { shown: { ...about, standing: "refused", error: refusal("conflict", PURGED) }, entry: null };
    // Her own report follows her own changes: what others say they share is no way into it (16.4).
    if (known !== null && (known.cid === root || people.isMe(known.owner))) return { shown: { ...about, ...this.opened.get(root) }, entry: known };
    try {
      const report = await this.open(id, root, known, people);
      const signer = answers.text(share, "sharer");
      const said = await openShare(answers.text(share, "note"), { report: id, signer, people });
      await checkNote(said, report, people);
      const isPinned = said.verdict === "valid" && report.verdict === "valid";
      // What she accepted once goes on: its later roots and revisions were judged against it.
      const standing = isPinned || known !== null ? "accepted" : "stranger";
      const { verdict, ownership, meta } = report;
      const found = { signature: verdict, author: nameOf(meta.author), ownership };
      this.opened.set(root, found);
      return { shown: { ...about, ...found, standing }, entry: entryNow(report) };
    } catch (error) {
      if (!isExpected(error)) throw error;
      return { shown: { ...about, standing: "refused", error }, entry: null };
    }
  }

  private async open(id: string, root: string, known: ReportEntry | null, people: People): Promise<Report> {
    if (!isReportId(id)) throw refusal("integrity", "The server's list of shared reports is not understood.");
    const { gateways, key } = this.vault;
    // Nobody puts a report into her own vault by sharing it with her.
    const expected = known === null ? { id, hasUploadRight: await authorJudge(this.vault) } : { id, entry: known };
    return readReport(gateways, root, key, people, expected);
  }

  /** What the index has of others and the server lists no more: readable as long as it is kept. */
  private ended(still: ReadonlySet<string>): Received[] {
    const people = this.vault.people();
    const nameOf = namesOf(this.vault);
    return [...reportsOf(this.vault.index.state)]
      .filter(({ id, owner, deleted }) => !people.isMe(owner) && !still.has(id) && deleted === null)
      .map((entry) => ({
        report: entry.id,
        standing: "ended",
        sharer: nameOf(entry.owner),
        shared: entry.created,
        sizeBytes: entry.size_bytes,
        signature: null,
        author: nameOf(entry.author),
        ownership: null,
        error: null,
      }));
  }
}

function entering(vault: Vault, entry: ReportEntry): Change[] {
  const known = findReport(vault.index.state, entry.id);
  return known?.["cid"] === entry.cid ? [] : [{ kind: "put-report", entry }];
}

async function* listed(vault: Vault): AsyncGenerator<Answer> {
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { limit: PAGE_ITEMS, after };
    const answer: Answer = await vault.transport.call("GET", "/shared", { query });
    yield* answers.parts(answer, "items");
    after = answers.textOrNull(answer, "next");
    if (after === null) return;
  }
}

/** The note is for this user and names the packet that her key opened. */
async function checkNote({ share }: OpenedShare, report: Report, people: People): Promise<void> {
  if (!people.isMe(share.reader)) throw refusal("note-refused", "The share note is for somebody else.");
  if (share.pkesk !== (await pkeskDigest(report.ownPacket))) {
    throw refusal("note-refused", "The share note names another packet than the one that opened.");
  }
}

/** Who is pinned under the signer's key; of a stranger, what the server says of her. */
function sharerOf(item: Answer, nameOf: (key: string) => Named): Named {
  const key = answers.text(answers.part(item, "share"), "sharer");
  const known = nameOf(key);
  if (known.trust !== "stranger" || item["sharer"] === null) return known;
  const person = answers.part(item, "sharer");
  return { ...known, email: answers.text(person, "email"), name: answers.text(person, "name") };
}

function isExpected(error: unknown): error is EngineError {
  return isIntegrity(error) || isRefusal(error, "invalid-input", "not-found", "block-missing");
}
