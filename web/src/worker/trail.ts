/** Reads the server's activity trail, line by line, and checks each (docs/spec/18-activity.md §4). */
import * as answers from "../api/answers.ts";
import type { Answer, Transport } from "../api/transport.ts";
import { EngineError, isRefusal, refusal } from "../refusal.ts";
import { takeSome, Trail, type ActivityEntry } from "../vault/activity.ts";

const PAGE_ITEMS = 200;
/** How much of the trail a change of the index verifies at most: the rest waits for the next. */
const PAGES_A_CHANGE = 20;
const MOST_PAGES = 10_000;

/**
 * The hash of the last entry that follows from `anchor`; null if none does, or none is told. Throws
 * `activity-altered`, `activity-gap` when the trail does not go on from the anchor. A server that does
 * not answer, or keeps no trail, is no reason: the anchor stays.
 */
export async function newerHead(
  transport: Transport,
  account: string,
  anchor: string | null,
): Promise<string | null> {
  const trail = new Trail(account, anchor);
  try {
    const reading = readOn(transport, trail, PAGES_A_CHANGE);
    while (!(await reading.next()).done);
  } catch (error) {
    if (!(error instanceof EngineError) || isRefusal(error, "activity-altered", "activity-gap")) throw error;
    return null;
  }
  return trail.last === null ? null : trail.head;
}

/** Every entry behind the trail's anchor, oldest first, each checked by `trail`. */
export async function* readOn(
  transport: Transport,
  trail: Trail,
  mostPages = MOST_PAGES,
): AsyncGenerator<ActivityEntry> {
  let query: Record<string, string | number> = { limit: PAGE_ITEMS };
  if (trail.anchor !== null) query = { ...query, since: trail.anchor };
  for (let page = 0; page < mostPages; page++) {
    const answer = await pageOf(transport, query, trail.anchor !== null);
    for (const item of answers.parts(answer, "items")) yield await trail.take(answers.text(item, "entry"));
    const after = answers.textOrNull(answer, "next");
    if (after === null) return;
    query = { limit: PAGE_ITEMS, after };
  }
  if (mostPages === MOST_PAGES) throw refusal("limit-exceeded", "The server's activity trail does not end.");
}

async function pageOf(
  transport: Transport,
  query: Record<string, string | number>,
  isAnchored: boolean,
): Promise<Answer> {
  try {
    return await transport.call("GET", "/activity", { query });
  } catch (error) {
    if (!isAnchored || !isRefusal(error, "not-found")) throw error;
    throw refusal("activity-altered", "The server's activity trail has lost entries that this vault has signed.");
  }
}

/** A page of the trail, newest first, its lines checked one against the other. */
export async function newestPage(
  transport: Transport,
  account: string,
  { after, limit }: { after: string | null; limit: number },
): Promise<{ entries: ActivityEntry[]; next: string | null }> {
  const query = { limit, newest_first: "true", after };
  const answer = await transport.call("GET", "/activity", { query });
  const lines = answers.parts(answer, "items").map((item) => answers.text(item, "entry"));
  const entries = await takeSome(account, lines.slice(0, limit).reverse());
  return { entries: entries.reverse(), next: answers.textOrNull(answer, "next") };
}
