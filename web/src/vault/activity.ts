/**
 * Checking the activity trail: a chain of lines, each with the hash of the one before (docs/spec/18-
 * activity.md §4). The lines are the server's; none can be changed, left out or taken back once its
 * hash, or that of a later one, stands signed in the owner's index.
 */
import { utf8 } from "../bytes.ts";
import { blockOf, isCid, RAW } from "../ipld/cid.ts";
import { readObject, type JsonObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { isRefusal, refusal, type EngineError } from "../refusal.ts";
import { Fields } from "./fields.ts";
import * as words from "./words.ts";

const KIND = "hygieia activity 1";

/** One entry as it was read; `event` may be a later version's. `more` people are not named. */
export interface ActivityEntry {
  readonly hash: string;
  readonly line: string;
  readonly account: string;
  readonly number: number;
  readonly previous: string | null;
  readonly time: string;
  readonly event: string;
  readonly by: string | null;
  readonly reports: readonly string[];
  readonly people: readonly string[];
  readonly more: number;
  readonly address: string;
  readonly device: string;
}

/** Reads one line of a trail; throws `activity-altered` for what is no entry. */
async function readEntry(line: string): Promise<ActivityEntry> {
  const body = readLine(line);
  const fields = new Fields(body, "activity-altered", "An entry of the activity trail");
  if (body["what"] !== KIND || line.includes("\n")) throw fields.refused("what");
  const isShort = (limit: number) => (text: string) => [...text].length <= limit;
  return {
    hash: (await blockOf(RAW, utf8(line))).cid,
    line,
    account: fields.text("account", words.isReportId),
    number: fields.integer("number", 1),
    previous: fields.textOrNull("previous", isCid),
    time: fields.text("time", words.isTime),
    event: fields.text("event", words.isSlug),
    by: fields.textOrNull("by", words.isKeyId),
    reports: all(fields, "reports", LIMITS.MAX_ACTIVITY_REPORTS, words.isReportId),
    people: all(fields, "people", LIMITS.MAX_ACTIVITY_PEOPLE, words.isKeyId),
    more: fields.integer("more"),
    address: fields.text("address", isShort(LIMITS.MAX_ADDRESS_CHARACTERS)),
    device: fields.text("device", isShort(LIMITS.MAX_LABEL_CHARACTERS)),
  };
}

function readLine(line: string): JsonObject {
  try {
    return readObject(line, LIMITS.MAX_ACTIVITY_ENTRY_BYTES);
  } catch (error) {
    if (!isRefusal(error, "invalid-input")) throw error;
    throw altered("An entry of the activity trail is not understood.");
  }
}

function all(fields: Fields, name: string, limit: number, rule: (text: string) => boolean): string[] {
  const items = fields.list(name, limit);
  if (!items.every((item) => typeof item === "string" && rule(item))) throw fields.refused(name);
  return items as string[];
}

/**
 * Takes a trail's lines in order and checks that each follows from the one before. `anchor` is the
 * hash that the first line must follow from; null: it is number 1.
 */
export class Trail {
  last: ActivityEntry | null = null;
  readonly account: string;
  readonly anchor: string | null;

  constructor(account: string, anchor: string | null) {
    this.account = account;
    this.anchor = anchor;
  }

  /** The hash of the last line taken, or the anchor. */
  get head(): string | null {
    return this.last?.hash ?? this.anchor;
  }

  /**
   * Reads the next line. Throws `activity-gap` when lines before it were left out, `activity-altered`
   * when it is not what followed.
   */
  async take(line: string): Promise<ActivityEntry> {
    const entry = await readEntry(line);
    if (entry.account !== this.account) throw altered("The activity trail has an entry of another account.");
    if (this.last !== null) {
      follows(entry, this.last);
    } else if (this.anchor === null && entry.number !== 1) {
      throw refusal("activity-gap", `The activity trail begins with number ${entry.number}.`);
    } else if (entry.previous !== this.anchor) {
      throw altered("The activity trail does not go on from where this vault last signed it.");
    }
    this.last = entry;
    return entry;
  }
}

/** Lines that need not begin at the beginning: any may be the first. */
export async function takeSome(account: string, lines: readonly string[]): Promise<ActivityEntry[]> {
  const [first] = lines;
  if (first === undefined) return [];
  const trail = new Trail(account, (await readEntry(first)).previous);
  const entries: ActivityEntry[] = [];
  for (const line of lines) entries.push(await takeAny(trail, line));
  return entries;
}

/** The first of a piece may have any number. */
async function takeAny(trail: Trail, line: string): Promise<ActivityEntry> {
  if (trail.last !== null || trail.anchor !== null) return trail.take(line);
  const entry = await readEntry(line);
  if (entry.number === 1) return trail.take(line);
  throw altered("An entry of the activity trail follows from nothing.");
}

function follows(entry: ActivityEntry, last: ActivityEntry): void {
  if (entry.number > last.number + 1) {
    throw refusal("activity-gap", `The activity trail goes from number ${last.number} to ${entry.number}.`);
  }
  if (entry.number <= last.number || entry.previous !== last.hash) {
    throw altered(`Number ${entry.number} of the activity trail does not follow from the one before.`);
  }
  if (entry.time < last.time) {
    throw altered(`Number ${entry.number} of the activity trail is out of its time.`);
  }
}

function altered(message: string): EngineError {
  return refusal("activity-altered", message);
}
