/** The share notes that the server has of a report, each judged; what is no note is left out. */
import * as answers from "../api/answers.ts";
import type { Answer } from "../api/transport.ts";
import { isRefusal } from "../refusal.ts";
import type { People } from "../vault/people.ts";
import { openShare, type OpenedShare } from "../vault/share-note.ts";
import type { Vault } from "./vault.ts";

const PAGE_ITEMS = 500;
const MOST_PAGES = 20;

/** `people`: whose signatures count, where it is not whom the index knows. */
export async function* notesOf(
  vault: Vault,
  report: string,
  people: People = vault.people(),
): AsyncGenerator<OpenedShare> {
  for await (const { sharer, note } of listed(vault, report)) {
    if (typeof sharer !== "string" || typeof note !== "string") continue;
    try {
      yield await openShare(note, { report, signer: sharer, people });
    } catch (error) {
      if (!isRefusal(error, "note-refused")) throw error;
    }
  }
}

async function* listed(vault: Vault, report: string): AsyncGenerator<Answer> {
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { limit: PAGE_ITEMS, after };
    const answer: Answer = await vault.transport.call("GET", `/reports/${report}/shares`, { query });
    yield* answers.parts(answer, "items");
    after = answers.textOrNull(answer, "next");
    if (after === null) return;
  }
}
