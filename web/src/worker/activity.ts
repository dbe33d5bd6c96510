/** The owner's view of her activity trail: read, checked, exported (docs/spec/18-activity.md). */
import { concat, utf8, type Bytes } from "../bytes.ts";
import type { ActivityCheck, ActivityPage } from "../engine/interface.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { Trail, type ActivityEntry } from "../vault/activity.ts";
import { namesOf } from "./naming.ts";
import { newestPage, readOn } from "./trail.ts";
import type { Vault } from "./vault.ts";

const MOST_ITEMS = 1000;

interface Checked extends ActivityCheck {
  readonly head: string | null;
}

/** The list as a person pages through it: each page follows from the one before, the first from what the index signs. */
export class ActivityList {
  /** What the entry before the last one shown has to be, by the server's word for the next page. */
  private readonly expected = new Map<string, string>();

  /**
   * A page, newest first. What came since the index was last signed is read and checked too. Throws
   * `activity-altered`, `activity-gap`: the trail is not the one that was written.
   */
  async page(vault: Vault, query: { after: string | null; limit: number }): Promise<ActivityPage> {
    const limit = Math.max(1, Math.min(query.limit, MOST_ITEMS));
    const { account } = vault.session.profile;
    const { entries, next } = await newestPage(vault.transport, account, { after: query.after, limit });
    if (query.after === null) await requireSigned(vault, entries[0]?.hash ?? null);
    else this.requireNext(query.after, entries[0]?.hash);
    const oldest = entries.at(-1);
    if (next !== null && oldest !== undefined && oldest.previous !== null) this.expected.set(next, oldest.previous);
    return shownPage(vault, entries, next);
  }

  private requireNext(after: string, hash: string | undefined): void {
    const expected = this.expected.get(after);
    if (expected === undefined || expected === hash) return;
    throw refusal("activity-altered", "An older part of the activity trail does not lead to what was shown before it.");
  }
}

/**
 * What is shown has to be the trail that the index signed: its newest entry, by hash, follows from the
 * anchor or is it, and the hashes say the same of those before it.
 */
async function requireSigned(vault: Vault, newest: string | null): Promise<void> {
  const since = new Trail(vault.session.profile.account, vault.index.state.note.log_head);
  let isSame = newest === since.anchor;
  for await (const { hash } of readOn(vault.transport, since)) isSame ||= hash === newest;
  if (!isSame) throw refusal("activity-altered", "The server shows two different activity trails.");
}

function shownPage(vault: Vault, entries: readonly ActivityEntry[], next: string | null): ActivityPage {
  const nameOf = namesOf(vault);
  const items = entries.map((entry) => ({
    number: entry.number,
    time: entry.time,
    action: entry.event,
    by: entry.by === null ? null : nameOf(entry.by),
    reports: entry.reports,
    people: entry.people.map(nameOf),
    more: entry.more,
    address: entry.address,
    device: entry.device,
  }));
  return { items, next, unsigned: vault.index.trailError };
}

/** Reads the whole trail from its beginning; the index's anchor has to be in it. */
export async function checkTrail(vault: Vault): Promise<ActivityCheck> {
  const { state, entries, anchored, firstBad } = await check(vault);
  return { state, entries, anchored, firstBad };
}

/** `take` is given each line once it has been checked. */
async function check(vault: Vault, take: (line: string) => void = () => {}): Promise<Checked> {
  const anchor = vault.index.state.note.log_head;
  const trail = new Trail(vault.session.profile.account, null);
  let anchored: number | null = null;
  const found = (state: ActivityCheck["state"], firstBad: number | null): Checked => ({
    ...{ state, anchored, firstBad, entries: trail.last?.number ?? 0, head: trail.head },
  });
  try {
    for await (const entry of readOn(vault.transport, trail)) {
      if (entry.hash === anchor) anchored = entry.number;
      take(entry.line);
    }
  } catch (error) {
    if (!isRefusal(error, "activity-altered", "activity-gap")) throw error;
    return found(error.code === "activity-gap" ? "gap" : "altered", (trail.last?.number ?? 0) + 1);
  }
  if (anchor === null) return found("never-anchored", null);
  return found(anchored === null ? "altered" : "whole", null);
}

/** The whole trail, a line an entry; throws `activity-altered`, `activity-gap` for one that is not whole. */
export async function exportTrail(vault: Vault): Promise<{ fileName: string; bytes: Bytes }> {
  const lines: Uint8Array[] = [];
  const { state } = await check(vault, (line) => lines.push(utf8(`${line}\n`)));
  if (state === "gap") throw refusal("activity-gap", "Entries of the activity trail were left out.");
  if (state === "altered") throw refusal("activity-altered", "The activity trail is not the one that was written.");
  return { fileName: "hygieia-activity.jsonl", bytes: concat(...lines) };
}

/** Signs the trail as it is now, whatever was signed before: the server lost its last part. */
export async function acceptTrail(vault: Vault): Promise<void> {
  const { firstBad, head, state } = await check(vault);
  if (firstBad !== null) {
    const code = state === "gap" ? "activity-gap" : "activity-altered";
    throw refusal(code, "The activity trail does not hang together in itself.");
  }
  if (head === null) throw refusal("not-found", "The server keeps no activity trail.");
  await vault.index.change([{ kind: "set-log-head", head }]);
  vault.index.trailError = null;
}
