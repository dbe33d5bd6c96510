/** Signed notes to and from the inboxes of others (docs/spec/17-delegations.md §4). */
import * as answers from "../api/answers.ts";
import type { Answer } from "../api/transport.ts";
import type { Certificate } from "../crypto/certificates.ts";
import type { CarriedNote } from "../crypto/notes.ts";
import type { EngineError } from "../engine/errors.ts";
import { parseCid } from "../ipld/cid.ts";
import { jsonBytes, readObject, type JsonObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { isIntegrity, isRefusal } from "../refusal.ts";
import { readMessage, sealMessage } from "../vault/message.ts";
import { isReportId } from "../vault/words.ts";
import { BatchSender, withUpload } from "./sending.ts";
import type { Vault } from "./vault.ts";

const PAGE_ITEMS = 200;
const MOST_PAGES = 20;

/** What waits in this user's inbox; `carried` is the note, or why it cannot be opened. */
export interface Message {
  readonly id: string;
  readonly root: string;
  /** Email of who sent it, by the server's word. */
  readonly sender: string | null;
  readonly carried: JsonObject | EngineError;
}

/** Sends one note, encrypted to `certificates`, to the inbox of each email. */
export async function sendMessage(
  vault: Vault,
  note: CarriedNote,
  to: { readonly certificates: readonly Certificate[]; readonly emails: readonly string[] },
  kind: "delegation" | "delegation-end",
): Promise<void> {
  const { transport } = vault;
  const { root, blocks } = await sealMessage(jsonBytes(note), to.certificates);
  await withUpload(transport, async (upload) => {
    const sender = new BatchSender(transport, upload);
    await sender.addAll(blocks);
    await sender.flush();
    for (const email of to.emails) {
      await transport.call("POST", "/inbox", { body: { upload, root, email, kind }, isRepeatable: true });
    }
  });
}

/**
 * What waits, oldest first; one that does not open is told, not thrown. One whose blocks are missing is
 * left where it is: they may come yet. `known`: notes by root, which are not opened again.
 */
export async function readMessages(vault: Vault, known: ReadonlyMap<string, JsonObject> = new Map()): Promise<Message[]> {
  const found: Message[] = [];
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { limit: PAGE_ITEMS, after };
    const answer: Answer = await vault.transport.call("GET", "/inbox", { query });
    for (const item of answers.parts(answer, "items")) {
      const id = answers.text(item, "id");
      // Under any other name it could take the place of what she has to see of something else.
      if (!isReportId(id)) continue;
      const root = answers.text(item, "root");
      const carried = known.get(root) ?? (await opened(vault, root));
      const sender = item["sender"] === null ? null : answers.text(answers.part(item, "sender"), "email");
      if (carried !== null) found.push({ id, root, sender, carried });
    }
    after = answers.textOrNull(answer, "next");
    if (after === null) break;
  }
  return found;
}

/** The note of a message, or why it does not open; null where its blocks are missing. */
async function opened(vault: Vault, root: string): Promise<JsonObject | EngineError | null> {
  try {
    return readObject(await readMessage(vault.gateways, parseCid(root), vault.key), LIMITS.MAX_NOTE_BYTES);
  } catch (error) {
    if (isRefusal(error, "block-missing")) return null;
    if (isIntegrity(error) || isRefusal(error, "invalid-input")) return error;
    throw error;
  }
}

/** It was taken in, or is not wanted: the server lets it go. */
export async function acknowledge(vault: Vault, id: string): Promise<void> {
  try {
    await vault.transport.call("DELETE", `/inbox/${id}`);
  } catch (error) {
    if (!isRefusal(error, "not-found")) throw error;
  }
}
