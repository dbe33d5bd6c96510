/**
 * What a re-key that is under way needs to go on after a reload or a crash: the new session keys and
 * salts, sealed, under the old payload's CID, and the upload that its blocks went to (docs/spec/19 §1).
 */
import { base64, fromBase64, randomBytes, utf8 } from "../bytes.ts";
import { makeSalt } from "../crypto/payload.ts";
import { blockOf, RAW } from "../ipld/cid.ts";
import { isRefusal } from "../refusal.ts";
import type { Report } from "../vault/report.ts";
import { Recorder, type ContentSecrets } from "./content.ts";
import { endUpload, isOpen, startUpload, type BatchSender } from "./sending.ts";
import type { UploadRecord } from "./store.ts";
import type { Vault } from "./vault.ts";

export const CONTEXT = "rekey 1";

/** What is kept, sealed. */
interface Kept {
  readonly report: string;
  /** By the CID of the payload that each takes the place of. */
  readonly secrets: Readonly<Record<string, { readonly sessionKey: string; readonly salt: string }>>;
}

export class RekeyJob {
  readonly upload: string;
  private readonly vault: Vault;
  private readonly id: string;
  private readonly kept: Kept;

  private constructor(vault: Vault, id: string, upload: string, kept: Kept) {
    this.vault = vault;
    this.id = id;
    this.upload = upload;
    this.kept = kept;
  }

  /**
   * The job that encrypts `contents`, the current one last, for `recipients` (key ids): begun now, or
   * earlier and going on. Content and recipients decide: a session key that was wrapped for somebody who
   * is not to read any more must not come back, for it may have been sent already.
   */
  static async open(vault: Vault, contents: readonly Report[], recipients: readonly string[]): Promise<RekeyJob> {
    const report = contents.at(-1)!.meta.id;
    const payloads = contents.map(payloadOf);
    const words = JSON.stringify(["rekey", report, payloads, [...recipients].sort()]);
    const id: string = (await blockOf(RAW, utf8(words))).cid;
    const known = new Map<string, { record: UploadRecord; kept: Kept }>();
    for (const each of await ofReport(vault, report)) {
      if (each.record.id === id) known.set(id, each);
      else await drop(vault, each.record, each.kept);
    }
    const found = known.get(id);
    const before = found?.record.upload ?? null;
    const isGoingOn = before !== null && (await isOpen(vault.transport, before));
    const upload = isGoingOn ? before : await startUpload(vault.transport);
    const kept = found?.kept ?? { report, secrets: Object.fromEntries(payloads.map((cid) => [cid, fresh()])) };
    const job = new RekeyJob(vault, id, upload, kept);
    await job.save(contents.reduce((sum, { meta }) => sum + meta.size_bytes, 0));
    return job;
  }

  private async save(sizeBytes: number): Promise<void> {
    const { id, upload, kept, vault } = this;
    const sealed = await vault.session.stateKey.seal(`${CONTEXT} ${id}`, kept);
    const started = Date.now();
    await vault.store.saveUpload({ kind: "rekey", id, upload, sealed, sizeBytes, started, lastModified: 0 });
  }

  secretsFor(report: Report): ContentSecrets {
    const { sessionKey, salt } = this.kept.secrets[payloadOf(report)]!;
    return { sessionKey: fromBase64(sessionKey), salt: fromBase64(salt) };
  }

  recorder(report: Report, sender: BatchSender): Promise<Recorder> {
    return Recorder.resumable(this.vault.store, leavesOf(this.id, payloadOf(report)), sender);
  }

  /** It is committed: nothing of it is kept. */
  async finish(): Promise<void> {
    const { id, upload, kept, vault } = this;
    await drop(vault, { id, upload }, kept);
  }
}

/** Whether a re-key of this report was begun here and not ended. */
export async function isBegun(vault: Vault, report: string): Promise<boolean> {
  return (await ofReport(vault, report)).length > 0;
}

async function ofReport(vault: Vault, report: string): Promise<{ record: UploadRecord; kept: Kept }[]> {
  const found: { record: UploadRecord; kept: Kept }[] = [];
  for (const record of await vault.store.tasks("rekey")) {
    try {
      const kept = (await vault.session.stateKey.open(`${CONTEXT} ${record.id}`, record.sealed)) as Kept;
      if (kept.report === report) found.push({ record, kept });
    } catch (error) {
      if (!isRefusal(error, "credentials-refused")) throw error;
      await vault.store.dropUpload(record.id); // of before another password: it begins anew
    }
  }
  return found;
}

async function drop(vault: Vault, { id, upload }: Pick<UploadRecord, "id" | "upload">, { secrets }: Kept): Promise<void> {
  await vault.store.dropUpload(id);
  for (const payload of Object.keys(secrets)) await vault.store.dropLeaves(leavesOf(id, payload));
  if (upload !== null) await endUpload(vault.transport, upload);
}

function leavesOf(job: string, payload: string): string {
  return `${job} ${payload}`;
}

function payloadOf({ encrypted }: Report): string {
  return encrypted.data.cid;
}

function fresh(): { sessionKey: string; salt: string } {
  return { sessionKey: base64(randomBytes(32)), salt: base64(makeSalt()) };
}
