/**
 * Storing in somebody else's vault (docs/spec/17-delegations.md §5): she is the owner, this user the
 * author. What she allows is looked up in this user's own index; hers has the last word.
 */
import * as answers from "../api/answers.ts";
import { parseCid } from "../ipld/cid.ts";
import { isRefusal } from "../refusal.ts";
import { checkRecipients } from "../vault/contacts.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import type { ReportMeta } from "../vault/report-meta.ts";
import { readReport } from "../vault/report.ts";
import { Contacts } from "./contacts.ts";
import { requireUploadRight } from "./recipients.ts";
import { entryNow } from "./revisions.ts";
import { factsOf, type Job } from "./upload-jobs.ts";
import type { Vault } from "./vault.ts";

/**
 * Whether each of `jobs` for somebody else may be stored for her now. Throws `delegation-refused`,
 * `forbidden` (several for somebody who is not verified), `certificate-changed`, `certificate-refused`.
 */
export async function checkOwners(vault: Vault, jobs: readonly Job[]): Promise<void> {
  const emails = new Set(jobs.flatMap(({ labels }) => labels.owner ?? []));
  for (const email of emails) {
    const { contact } = await new Contacts(vault).lookUp(email);
    const hers = jobs.filter(({ labels }) => labels.owner === email);
    await checkRecipients([contact], hers.length);
    for (const job of hers) await requireUploadRight(vault, factsOf(job, contact.key), job.labels.profession);
  }
}

/** Key of whose vault a file is stored in, by the index; throws `not-found`. */
export function ownerOf(vault: Vault, { labels }: Job): string {
  return labels.owner === undefined ? vault.key.keyId : new Contacts(vault).known(labels.owner).key;
}

/**
 * The line of a report that an earlier try has stored for somebody else, if it is there and has the
 * content that was meant: its answer was lost. Null else.
 */
export async function storedForAnother(vault: Vault, { id, sha256 }: ReportMeta): Promise<ReportEntry | null> {
  try {
    const answer = await vault.transport.call("GET", `/reports/${id}`);
    const root = parseCid(answers.text(answer, "root"));
    const report = await readReport(vault.gateways, root, vault.key, vault.people(), { id });
    return vault.people().isMe(report.meta.author) && report.meta.sha256 === sha256 ? entryNow(report) : null;
  } catch (error) {
    if (isRefusal(error, "not-found")) return null;
    throw error;
  }
}
