/**
 * Re-key: the same report under a new session key (docs/spec/19-re-key-and-give-back.md). The content
 * goes through this device, decrypted and encrypted again as it flows, and is never written down. It
 * is committed only once the old payload has ended with its final tag, size and digest.
 */
import { randomBytes } from "../bytes.ts";
import { makeSalt } from "../crypto/payload.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import type { Reader as ShownReader, Readers as ShownReaders, RekeyPlan } from "../engine/interface.ts";
import { LIMITS } from "../limits.ts";
import { invalid, isRefusal, refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { finishReport, nextMeta, type BuiltReport } from "../vault/report-build.ts";
import { chainBefore } from "../vault/rekey.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import type { ReportMeta } from "../vault/report-meta.ts";
import type { Report } from "../vault/report.ts";
import { readersOf, type Noted } from "../vault/sharing.ts";
import { ContentSealer, Recorder, type ContentSecrets, type SealedContent } from "./content.ts";
import { openVersions, streamContent } from "./fetching.ts";
import { namesOf, tellLeftOut } from "./naming.ts";
import { shownReaders } from "./readers.ts";
import { nextHeader, ownHeader, successors } from "./recipients.ts";
import { isBegun, RekeyJob } from "./rekey-job.ts";
import { commitRevision, currentOf, type Current } from "./revisions.ts";
import { BatchSender, withUpload } from "./sending.ts";
import type { Vault } from "./vault.ts";

type Told = ((progress: { doneBytes: number; totalBytes: number }) => void) | undefined;

/** What a new session key will do to a report's readers, and to its earlier revisions. */
export async function planRekey(vault: Vault, id: string): Promise<RekeyPlan> {
  const { report } = await ownReport(vault, id);
  const next = await successors(vault, report, report.meta);
  const shown = await shownReaders(vault, report, next.readers);
  const nameOf = namesOf(vault);
  const people = vault.people();
  const earlier = await earlierOf(vault, report).catch(noneIfLost);
  const isKept = ({ key }: ShownReader): boolean =>
    [...next.certificates.keys()].some((each) => people.same(each, key));
  return {
    report: id,
    sizeBytes: report.meta.size_bytes,
    kept: shown.readers.filter((reader) => !reader.isOwner && isKept(reader)),
    leftOut: next.leftOut.map(({ key, why }) => ({ ...nameOf(key), isOwner: false, delegation: null, why })),
    removed: shown.removed,
    unnamed: shown.unnamed,
    earlier: earlier.map(({ meta }) => ({ revision: meta.revision, sizeBytes: meta.size_bytes })),
    isBegun: await isBegun(vault, id),
  };
}

/**
 * Encrypts a report anew for its readers, without those taken off and those left out. Earlier revisions
 * are dropped, or with `earlier` issued again, for the owner alone. `keep` are keys that have to be among
 * the readers: a stranger is kept by pinning her first. What a reload interrupted goes on where it was.
 * Throws `forbidden`, `conflict`, `invalid-input`, `stale-revision`, and what does not verify.
 */
export async function rekey(
  vault: Vault,
  id: string,
  { keep, earlier = false }: { keep: readonly string[]; earlier?: boolean },
  onProgress: Told,
): Promise<ShownReaders> {
  const current = await ownReport(vault, id);
  const { report } = current;
  const { certificates } = await successors(vault, report, report.meta);
  if (keep.some((key) => !certificates.has(vault.people().person(key)))) {
    throw invalid("keep", "not-a-reader", "Somebody to be kept does not read this report, or is no contact.");
  }
  const again = earlier ? await earlierOf(vault, report) : [];
  if (again.length > LIMITS.MAX_EARLIER_REVISIONS) {
    throw invalid("earlier", "too-many", `At most ${LIMITS.MAX_EARLIER_REVISIONS} earlier revisions can be issued again.`);
  }
  const run = new Run(vault, current, again, new Set(certificates.keys()));
  const { built, noted } = await run.whole(onProgress);
  return shownReaders(vault, { ...report, meta: built.meta }, { id, readers: [...noted.readers], removed: [] });
}

/** One re-key: its job, its upload, and the revisions one after the other. */
class Run {
  private readonly vault: Vault;
  private readonly current: Current;
  private readonly again: readonly Report[];
  /** Key ids of those who are to go on reading. */
  private readonly planned: ReadonlySet<string>;

  constructor(vault: Vault, current: Current, again: readonly Report[], planned: ReadonlySet<string>) {
    this.vault = vault;
    this.current = current;
    this.again = again;
    this.planned = planned;
  }

  async whole(onProgress: Told): Promise<{ built: BuiltReport; noted: Noted }> {
    const { vault, current, again } = this;
    const { report } = current;
    const contents = [...again, report];
    const job = await RekeyJob.open(vault, contents, [...this.planned]);
    const sender = new BatchSender(vault.transport, job.upload, { signal: vault.closing });
    const told = totalOf(contents, onProgress);
    const roots: string[] = [];
    let [revision, previous] = [report.meta.revision, report.encrypted.meta.cid as string];
    for (const each of again) {
      const secrets = job.secretsFor(each);
      const sealed = await passOn(vault, each, secrets, sender, told, await job.recorder(each, sender));
      const meta = this.metaOf(each, sealed, { revision: ++revision, previous });
      const header = await ownHeader(vault, secrets.sessionKey);
      const built = await finishReport(meta, sealed.payload, header, secrets.sessionKey, vault.key);
      await sender.addAll(built.blocks);
      await sender.flush();
      roots.push(built.entry.cid);
      previous = built.entry.meta_payload_cid;
    }
    const secrets = job.secretsFor(report);
    const sealed = await passOn(vault, report, secrets, sender, told, await job.recorder(report, sender));
    // Readers may have changed while it was sent; nobody joins whom the plan did not name.
    await vault.index.refresh();
    const meta = this.metaOf(report, sealed, { revision: revision + 1, previous });
    const { header, noted } = await nextHeader(vault, report, meta, secrets.sessionKey, this.planned);
    const built = await finishReport(meta, sealed.payload, header, secrets.sessionKey, vault.key);
    const readers = readersOf(meta.id, noted);
    await commitRevision(vault, built, current, {
      ...{ upload: job.upload, sender, change: "rekey", notes: noted.notes, readers, earlier: roots },
    });
    await job.finish();
    return { built, noted };
  }

  private metaOf(report: Report, sealed: SealedContent, place: { revision: number; previous: string }): ReportMeta {
    return nextMeta(report, this.vault.key.keyId, formatTime(nowSeconds()), { place, content: contentOf(report, sealed) });
  }
}

/** The earlier revisions that can be issued again; throws `block-missing` where some are lost. */
async function earlierOf(vault: Vault, report: Report): Promise<readonly Report[]> {
  const versions = await openVersions(vault, requireReport(vault.index.state, report.meta.id));
  return chainBefore(report, versions.map((each) => each.report));
}

/** A version that is lost hinders no new key: there is nothing to issue again. */
function noneIfLost(error: unknown): readonly Report[] {
  if (isRefusal(error, "block-missing")) return [];
  throw error;
}

function totalOf(contents: readonly Report[], onProgress: Told): (bytes: number) => void {
  const totalBytes = contents.reduce((sum, { meta }) => sum + meta.size_bytes, 0);
  let doneBytes = 0;
  return (bytes) => {
    doneBytes += bytes;
    onProgress?.({ doneBytes, totalBytes });
  };
}

/** What a meta says of a content that was encrypted again. */
function contentOf({ meta }: Report, { payload }: SealedContent) {
  const { file_name, media_type, size_bytes, sha256 } = meta;
  return { file_name, media_type, size_bytes, sha256, data_payload_cid: payload.cid };
}

/** A new title or category under a new session key, as after somebody was taken off. */
export async function editAnew(
  vault: Vault,
  current: Current,
  labels: { title?: string; category?: string },
): Promise<void> {
  const { report } = current;
  await withUpload(vault.transport, async (upload) => {
    const sender = new BatchSender(vault.transport, upload, { signal: vault.closing });
    const secrets = { sessionKey: randomBytes(32), salt: makeSalt() };
    const sealed = await passOn(vault, report, secrets, sender, () => {}, Recorder.plain(sender));
    // Readers may have changed while it was sent.
    await vault.index.refresh();
    const content = contentOf(report, sealed);
    const meta = nextMeta(report, vault.key.keyId, formatTime(nowSeconds()), { ...labels, content });
    const { header, noted, leftOut, before } = await nextHeader(vault, report, meta, secrets.sessionKey);
    const built = await finishReport(meta, sealed.payload, header, secrets.sessionKey, vault.key);
    const readers = readersOf(report.meta.id, noted, before);
    await commitRevision(vault, built, current, { upload, sender, change: "update", notes: noted.notes, readers });
    tellLeftOut(vault, report.meta.id, leftOut);
  });
}

async function ownReport(vault: Vault, id: string): Promise<Current> {
  // Another device may have taken somebody off, or changed the report.
  await vault.index.refresh();
  const entry: ReportEntry = requireReport(vault.index.state, id);
  if (entry.deleted !== null) throw refusal("conflict", "A report in the trash gets no new key.");
  if (!vault.people().isMe(entry.owner)) {
    throw refusal("forbidden", "Only the owner of a report can give it a new key.");
  }
  return currentOf(vault, entry, { isKeyNew: true });
}

/** The content on its way from one session key to another; throws `meta-mismatch` for another one. */
async function passOn(
  vault: Vault,
  report: Report,
  secrets: ContentSecrets,
  sender: BatchSender,
  told: (bytes: number) => void,
  recorder: Recorder,
): Promise<SealedContent> {
  const sealer = await ContentSealer.start(secrets, report.meta.size_bytes, recorder, sender);
  try {
    const pass = async (plain: Uint8Array): Promise<void> => {
      await sealer.write(plain);
      told(plain.length);
    };
    await streamContent(report, vault.gateways, pass, vault.closing);
    const sealed = await sealer.finish();
    if (sealed.sha256 !== report.meta.sha256 || sealed.sizeBytes !== report.meta.size_bytes) {
      throw refusal("meta-mismatch", "The content is not the one that the report's author signed.");
    }
    return sealed;
  } finally {
    sealer.stop();
  }
}
