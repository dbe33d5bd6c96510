/**
 * Re-key: the same report under a new session key (docs/spec/19-re-key-and-give-back.md). The content
 * goes through this device, decrypted and encrypted again as it flows, and is never written down. It
 * is committed only once the old payload has ended with its final tag, size and digest.
 */
import { randomBytes } from "../bytes.ts";
import { makeSalt } from "../crypto/payload.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import type { Reader as ShownReader, Readers as ShownReaders, RekeyPlan } from "../engine/interface.ts";
import { invalid, refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { finishReport, nextMeta, type BuiltReport } from "../vault/report-build.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import type { Report } from "../vault/report.ts";
import { readersOf, type Noted } from "../vault/sharing.ts";
import { ContentSealer, Recorder, type ContentSecrets, type SealedContent } from "./content.ts";
import { streamContent } from "./fetching.ts";
import { namesOf } from "./naming.ts";
import { shownReaders } from "./readers.ts";
import { nextHeader, successors } from "./recipients.ts";
import { commitRevision, currentOf, type Current } from "./revisions.ts";
import { BatchSender, withUpload } from "./sending.ts";
import type { Vault } from "./vault.ts";

type Told = ((progress: { doneBytes: number; totalBytes: number }) => void) | undefined;

/** What a new session key will do to a report's readers. */
export async function planRekey(vault: Vault, id: string): Promise<RekeyPlan> {
  const { report } = await ownReport(vault, id);
  const next = await successors(vault, report, report.meta);
  const shown = await shownReaders(vault, report, next.readers);
  const nameOf = namesOf(vault);
  const people = vault.people();
  const isKept = ({ key }: ShownReader): boolean =>
    [...next.certificates.keys()].some((each) => people.same(each, key));
  return {
    report: id,
    sizeBytes: report.meta.size_bytes,
    kept: shown.readers.filter((reader) => !reader.isOwner && isKept(reader)),
    leftOut: next.leftOut.map(({ key, why }) => ({ ...nameOf(key), isOwner: false, delegation: null, why })),
    removed: shown.removed,
    unnamed: shown.unnamed,
  };
}

/**
 * Encrypts a report anew for its readers, without those taken off and those left out; earlier
 * revisions are dropped. `keep` are keys that have to be among them: a stranger is kept by pinning her
 * first. Throws `forbidden`, `conflict`, `invalid-input`, `stale-revision`, and what does not verify.
 */
export async function rekey(
  vault: Vault,
  id: string,
  { keep }: { keep: readonly string[] },
  onProgress: Told,
): Promise<ShownReaders> {
  const current = await ownReport(vault, id);
  const { certificates } = await successors(vault, current.report, current.report.meta);
  if (keep.some((key) => !certificates.has(vault.people().person(key)))) {
    throw invalid("keep", "not-a-reader", "Somebody to be kept does not read this report, or is no contact.");
  }
  const { built, noted } = await sealAnew(vault, current, {}, "rekey", onProgress);
  const meta = { ...current.report, meta: built.meta };
  return shownReaders(vault, meta, { id, readers: [...noted.readers], removed: [] });
}

/** A new title or category under a new session key, as after somebody was taken off. */
export async function editAnew(
  vault: Vault,
  current: Current,
  labels: { title?: string; category?: string },
): Promise<void> {
  await sealAnew(vault, current, labels, "update", undefined);
}

async function ownReport(vault: Vault, id: string): Promise<Current> {
  const entry: ReportEntry = requireReport(vault.index.state, id);
  if (entry.deleted !== null) throw refusal("conflict", "A report in the trash gets no new key.");
  if (!vault.people().isMe(entry.owner)) {
    throw refusal("forbidden", "Only the owner of a report can give it a new key.");
  }
  return currentOf(vault, entry);
}

async function sealAnew(
  vault: Vault,
  current: Current,
  labels: { title?: string; category?: string },
  change: "update" | "rekey",
  onProgress: Told,
): Promise<{ built: BuiltReport; noted: Noted }> {
  const { report } = current;
  return withUpload(vault.transport, async (upload) => {
    const sender = new BatchSender(vault.transport, upload);
    const secrets = { sessionKey: randomBytes(32), salt: makeSalt() };
    const sealed = await passOn(vault, report, secrets, sender, onProgress);
    // Readers may have changed while it was sent.
    await vault.index.refresh();
    const { file_name, media_type, size_bytes, sha256 } = report.meta;
    const content = { file_name, media_type, size_bytes, sha256, data_payload_cid: sealed.payload.cid };
    const meta = nextMeta(report, vault.key.keyId, formatTime(nowSeconds()), { ...labels, content });
    const { header, noted } = await nextHeader(vault, report, meta, secrets.sessionKey);
    const built = await finishReport(meta, sealed.payload, header, secrets.sessionKey, vault.key);
    const readers = readersOf(report.meta.id, noted);
    await commitRevision(vault, built, current, { upload, sender, change, notes: noted.notes, readers });
    return { built, noted };
  });
}

/** The content on its way from one session key to another; throws `meta-mismatch` for another one. */
async function passOn(
  vault: Vault,
  report: Report,
  secrets: ContentSecrets,
  sender: BatchSender,
  onProgress: Told,
): Promise<SealedContent> {
  const totalBytes = report.meta.size_bytes;
  let doneBytes = 0;
  const sealer = await ContentSealer.start(secrets, Recorder.plain(sender), sender);
  try {
    await streamContent(report, vault.gateways, async (plain) => {
      await sealer.write(plain);
      doneBytes += plain.length;
      onProgress?.({ doneBytes, totalBytes });
    });
    const sealed = await sealer.finish();
    if (sealed.sha256 !== report.meta.sha256 || sealed.sizeBytes !== totalBytes) {
      throw refusal("meta-mismatch", "The content is not the one that the report's author signed.");
    }
    return sealed;
  } finally {
    sealer.stop();
  }
}
