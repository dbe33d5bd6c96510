/** Whether the vault has a file's content already: told by size first, then by the signed digest. */
import { reportsOf } from "../vault/index/state.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import type { ReportMeta } from "../vault/report-meta.ts";
import { digestOf } from "./content.ts";
import { openReport } from "./fetching.ts";
import type { Job } from "./upload-jobs.ts";
import type { Vault } from "./vault.ts";

/** More reports of one size than this are not opened to compare. */
const MOST_CANDIDATES = 16;

export class Repeats {
  private readonly vault: Vault;
  private readonly digests = new Map<string, string>();

  constructor(vault: Vault) {
    this.vault = vault;
  }

  remember({ data_payload_cid: cid, sha256 }: ReportMeta): void {
    this.digests.set(cid, sha256);
  }

  /** The report that holds the content of `job` already; null when none does. */
  async find(job: Job, signal: AbortSignal): Promise<string | null> {
    const { updates, owner } = job.labels;
    // What another's vault has already is not for this user to know.
    if (job.repeats === false || updates !== null || owner !== undefined || job.sizeBytes === 0) return null;
    const candidates = [...reportsOf(this.vault.index.state)].filter(
      (entry) => entry.size_bytes === job.sizeBytes && entry.deleted === null && entry.id !== job.report,
    );
    if (candidates.length === 0 || candidates.length > MOST_CANDIDATES) return null;
    const digest = await digestOf(job.file!, signal);
    for (const entry of candidates) if ((await this.digestIn(entry)) === digest) return entry.id;
    return null;
  }

  private async digestIn(entry: ReportEntry): Promise<string | null> {
    const known = this.digests.get(entry.data_payload_cid);
    if (known !== undefined) return known;
    try {
      const { meta } = await openReport(this.vault, entry);
      this.remember(meta);
      return meta.sha256;
    } catch {
      return null; // what cannot be opened cannot be told apart
    }
  }
}
