/**
 * Storing files (docs/spec/10): encrypt, send, commit, enter in the index, read back. Short files go
 * in groups; a long one is streamed, and can be resumed after a reload or a lost network.
 */
import { randomBytes } from "../bytes.ts";
import { makeSalt } from "../crypto/payload.ts";
import type { SessionKey } from "../crypto/session-keys.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { finishReport, nextMeta, type BuiltReport } from "../vault/report-build.ts";
import type { ReportMeta } from "../vault/report-meta.ts";
import { readersOf } from "../vault/sharing.ts";
import { catchUp } from "./catching-up.ts";
import { Recorder, sendContent, type SealedContent } from "./content.ts";
import { openReport, streamContent } from "./fetching.ts";
import { ownerOf, storedForAnother } from "./for-another.ts";
import { tellLeftOut } from "./naming.ts";
import type { Repeats } from "./repeats.ts";
import { BatchSender, commitReports, endUpload, isOpen, readBack, startUpload } from "./sending.ts";
import { firstHeader, nextHeader, type NotedHeader } from "./recipients.ts";
import { commitRevision, currentOf, type Current } from "./revisions.ts";
import { contentOf, metaOf, type Job } from "./upload-jobs.ts";
import type { UploadList } from "./upload-list.ts";
import type { Vault } from "./vault.ts";

type NotedReport = BuiltReport & Pick<NotedHeader, "noted" | "leftOut">;

export class Storing {
  private readonly vault: Vault;
  private readonly list: UploadList;
  private readonly repeats: Repeats;

  constructor(vault: Vault, list: UploadList, repeats: Repeats) {
    this.vault = vault;
    this.list = list;
    this.repeats = repeats;
  }

  /** Stores one long file, or short ones together; those that the vault has already become `duplicate`. */
  async store(group: readonly Job[], signal: AbortSignal): Promise<void> {
    const fresh: Job[] = [];
    for (const job of group) {
      this.list.become(job, "sending");
      job.sentBytes = 0;
      const same = await this.repeats.find(job, signal);
      if (same === null) {
        fresh.push(job);
      } else {
        job.repeats = same;
        this.list.become(job, "duplicate");
      }
    }
    const [first] = fresh;
    if (first === undefined) return;
    if (first.isShort) await this.storeShort(fresh, signal);
    else await this.storeLong(first, signal);
  }

  private async storeShort(jobs: readonly Job[], signal: AbortSignal): Promise<void> {
    const { vault, list } = this;
    // Another device may have ended a delegation since.
    await vault.index.refresh();
    const upload = await startUpload(vault.transport);
    try {
      const sender = new BatchSender(vault.transport, upload, { signal });
      const built: NotedReport[] = [];
      for (const job of jobs) {
        // Sealed under a key of its own each time, so that a later attempt needs no memory of it.
        const secrets = { sessionKey: randomBytes(32), salt: makeSalt() };
        const sealed = await sendContent(job.file!, secrets, Recorder.plain(sender), sender, signal);
        const report = await this.build(job, sealed, secrets.sessionKey);
        await sender.addAll(report.blocks);
        built.push(report);
        list.sent(job, job.sizeBytes);
      }
      await sender.flush();
      await this.commit(jobs, built, upload, sender);
    } finally {
      await endUpload(vault.transport, upload);
    }
  }

  private async storeLong(job: Job, signal: AbortSignal): Promise<void> {
    const { transport, store } = this.vault;
    if (job.upload === null || !(await isOpen(transport, job.upload))) {
      job.upload = await startUpload(transport);
    }
    const secrets = job.secrets ?? job.refresh();
    await this.keep(job);
    const onSent = (bytes: number): void => this.list.sent(job, bytes);
    const sender = new BatchSender(transport, job.upload, { signal, onSent });
    const recorder = await Recorder.resumable(store, job.id, sender);
    let sealed: SealedContent;
    try {
      sealed = await sendContent(job.file!, secrets, recorder, sender, signal);
    } catch (error) {
      // Another content now: nothing of the old one is used, and the next try begins anew.
      if (isRefusal(error, "content-changed")) await this.startAfresh(job);
      throw error;
    }
    if (job.labels.updates !== null) {
      await this.commitUpdate(job, sealed, sender, job.upload);
    } else {
      // Delegations may have ended while it was sent.
      await this.vault.index.refresh();
      const report = await this.build(job, sealed, secrets.sessionKey);
      await sender.addAll(report.blocks);
      await sender.flush();
      await this.commit([job], [report], job.upload, sender);
    }
    await endUpload(transport, job.upload);
  }

  private async startAfresh(job: Job): Promise<void> {
    job.refresh();
    await this.keep(job);
    this.vault.requireOpen();
    // Last: old secrets whose leaves nobody knows any more would seal this content as they did the other.
    await this.vault.store.dropLeaves(job.id);
  }

  /**
   * Saves what it is resumed with. Not once the vault is locked: another tab may have it by then; nor
   * once it was cancelled: the next page would go on with it. Throws `interrupted`.
   */
  private async keep(job: Job): Promise<void> {
    const record = await job.toRecord(this.vault.session.stateKey);
    this.vault.requireOpen();
    if (job.state === "cancelled") throw refusal("interrupted", "It was cancelled.");
    await this.vault.store.saveUpload(record);
  }

  private async build(job: Job, sealed: SealedContent, sessionKey: SessionKey): Promise<NotedReport> {
    const { vault } = this;
    const meta = metaOf(job, sealed, { author: vault.key.keyId, owner: ownerOf(vault, job) });
    const { header, noted, leftOut } = await firstHeader(vault, meta, sessionKey);
    return { ...(await finishReport(meta, sealed.payload, header, sessionKey, vault.key)), noted, leftOut };
  }

  private async commit(
    jobs: readonly Job[],
    built: readonly NotedReport[],
    upload: string,
    sender: BatchSender,
  ): Promise<void> {
    const { vault } = this;
    for (const job of jobs) this.list.become(job, "checking");
    const entries = built.map(({ entry }) => entry);
    const asked = built.map(({ entry: { id, cid }, noted }) => ({ id, cid, shares: noted.notes }));
    try {
      await commitReports(vault.transport, upload, asked, jobs[0]!.labels.owner);
    } catch (error) {
      const [job, report] = [jobs[0]!, built[0]!];
      if (jobs.length > 1 || !isRefusal(error, "duplicate") || !(await this.isThere(job, report.meta))) throw error;
      await this.saved(job, report.meta);
      return;
    }
    await readBack(vault.gateways, sender.sample, entries.at(-1)!.cid);
    await vault.index.change(
      built.map(({ entry, noted }) => ({ kind: "put-report", entry, readers: readersOf(entry.id, noted) })),
    );
    for (const { meta, leftOut } of built) tellLeftOut(vault, meta.id, leftOut);
    for (const [place, job] of jobs.entries()) await this.saved(job, built[place]!.meta);
  }

  /**
   * Whether an earlier try has stored this report and broke only afterwards: reading the vault anew
   * enters it in the index, and its content is read back whole.
   */
  private async isThere({ labels }: Job, meta: ReportMeta): Promise<boolean> {
    const { vault } = this;
    const { id, sha256 } = meta;
    if (labels.owner !== undefined) {
      const entry = await storedForAnother(vault, meta);
      if (entry !== null) await vault.index.change([{ kind: "put-report", entry }]);
      return entry !== null;
    }
    await catchUp(vault);
    if (!vault.index.knows(id)) return false;
    const report = await openReport(vault, requireReport(vault.index.state, id));
    if (report.meta.sha256 !== sha256) return false;
    await streamContent(report, vault.gateways, () => {}, vault.closing);
    return true;
  }

  /** New content is a new revision under a new session key; title and category stay. */
  private async commitUpdate(
    job: Job,
    sealed: SealedContent,
    sender: BatchSender,
    upload: string,
  ): Promise<void> {
    const { vault } = this;
    this.list.become(job, "checking");
    // As of now: the file may have taken an hour, and another device may have taken somebody off.
    await vault.index.refresh();
    const entry = requireReport(vault.index.state, job.labels.updates!);
    const current = await currentOf(vault, entry, { isKeyNew: true });
    if (current.report.meta.data_payload_cid === sealed.payload.cid) {
      await this.wasCommitted(job, current, sender);
      return;
    }
    const meta = nextMeta(current.report, vault.key.keyId, formatTime(nowSeconds()), {
      content: contentOf(job, sealed),
    });
    const { sessionKey } = job.secrets!;
    const { header, noted, leftOut, before } = await nextHeader(vault, current.report, meta, sessionKey);
    const built = await finishReport(meta, sealed.payload, header, sessionKey, vault.key);
    job.report = entry.id;
    const readers = readersOf(entry.id, noted, before);
    await commitRevision(vault, built, current, { upload, sender, change: "update", notes: noted.notes, readers });
    tellLeftOut(vault, entry.id, leftOut);
    await this.saved(job, built.meta);
  }

  /** An earlier try has committed this very payload, and broke only afterwards. */
  private async wasCommitted(job: Job, { report }: Current, sender: BatchSender): Promise<void> {
    const { vault } = this;
    await readBack(vault.gateways, sender.sample, report.encrypted.root);
    // Enters it in the index, where the opening has not done so.
    await catchUp(vault);
    job.report = report.meta.id;
    await this.saved(job, report.meta);
  }

  private async saved(job: Job, meta: ReportMeta): Promise<void> {
    this.repeats.remember(meta);
    job.sentBytes = job.sizeBytes;
    job.copies = 1;
    job.file = null;
    job.secrets = null;
    this.list.become(job, "saved");
    await this.vault.store.dropUpload(job.id);
  }
}
