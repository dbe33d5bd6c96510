/** The share notes that the server has of a report, each judged; what is no note is left out. */
import * as answers from "../api/answers.ts";
import type { Answer } from "../api/transport.ts";
import { isRefusal } from "../refusal.ts";
import { openShare, type OpenedShare } from "../vault/share-note.ts";
import type { Vault } from "./vault.ts";

const PAGE_ITEMS = 500;
const MOST_PAGES = 20;

export async function* notesOf(vault: Vault, report: string): AsyncGenerator<OpenedShare> {
  const people = vault.people();
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
