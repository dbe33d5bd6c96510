/** Fetching reports: opened and judged, then their content, verified before it is anyone's. */
import * as answers from "../api/answers.ts";
import { Gateways } from "../api/gateways.ts";
import type { Answer } from "../api/transport.ts";
import { startDigest } from "../crypto/digest.ts";
import { PayloadReader, type Release } from "../crypto/payload.ts";
import type { VersionRow } from "../engine/interface.ts";
import { isRefusal, refusal } from "../refusal.ts";
import type { ReportEntry } from "../vault/report-entry.ts";
import { readReport, type Report } from "../vault/report.ts";
import { parseCid } from "../ipld/cid.ts";
import type { Vault } from "./vault.ts";

const MOST_PAGES = 200;

/** The report that the index names, its meta opened and its signature judged. */
export function openReport(vault: Vault, entry: ReportEntry, source = vault.gateways): Promise<Report> {
  return readReport(source, entry.cid, vault.key, vault.people(), { entry });
}

/** One revision of a report, to be read; throws `not-found` when it is no longer kept. */
export async function openRevision(vault: Vault, entry: ReportEntry, number?: number): Promise<Report> {
  // So that the owner's trail says who read it (docs/spec/18 §2); nothing waits for it.
  vault.transport.call("GET", `/reports/${entry.id}`, { isRepeatable: false }).catch(() => {});
  if (number === undefined || number === entry.revision) return openReport(vault, entry);
  for (const { report } of await openVersions(vault, entry)) {
    if (report.meta.revision === number) return report;
  }
  throw refusal("not-found", `This report has no revision ${number}.`);
}

/**
 * Hands the content to `release` as it is verified: every block against the payload that the author
 * signed, every chunk authenticated; the end, size and digest are checked last. Throws what does
 * not verify; what was released before is to be thrown away. Each piece's memory is used again once
 * `release` has resolved.
 */
export async function streamContent(
  report: Report,
  source: Gateways,
  release: Release,
  signal?: AbortSignal,
): Promise<void> {
  const { meta, encrypted, sessionKey } = report;
  const digest = await startDigest();
  let size = 0;
  try {
    const reader = new PayloadReader(sessionKey, async (plain) => {
      if (signal?.aborted) throw refusal("interrupted", "It was stopped.");
      size += plain.length;
      if (size > meta.size_bytes) throw notSigned();
      await digest.update(plain);
      await release(plain);
    });
    for await (const octets of source.stream(encrypted.data, signal)) await reader.update(octets);
    await reader.finish();
    if (size !== meta.size_bytes || (await digest.hex()) !== meta.sha256) throw notSigned();
  } finally {
    digest.stop();
  }
}

/** A whole content in memory; throws `too-large` above `maxBytes`, `interrupted` when the vault is locked. */
export async function readContent({ gateways, closing }: Vault, report: Report, maxBytes: number) {
  if (report.meta.size_bytes > maxBytes) {
    throw refusal("too-large", "This report is too large to be shown here.");
  }
  const whole = new Uint8Array(report.meta.size_bytes);
  let size = 0;
  const take = (plain: Uint8Array): void => {
    whole.set(plain, size);
    size += plain.length;
  };
  await streamContent(report, gateways, take, closing);
  return whole;
}

interface Version {
  readonly item: Answer;
  readonly report: Report;
}

/** The revisions of a report, newest first: the server lists roots, their signed notes say what. */
export async function openVersions(vault: Vault, entry: ReportEntry): Promise<Version[]> {
  const people = vault.people();
  const found = new Map<number, Version>();
  for (const item of await listVersions(vault, entry.id)) {
    const root = parseCid(answers.text(item, "root"));
    const report = await openedVersion(vault, root, entry.id);
    if (report === null) continue;
    if (!people.same(report.meta.owner, entry.owner)) {
      throw refusal("meta-mismatch", "The server lists a version that has another owner.");
    }
    // Newest first, and a root that only adds readers is no version of its own.
    if (!found.has(report.meta.revision)) found.set(report.meta.revision, { item, report });
  }
  return [...found.values()].sort((a, b) => b.report.meta.revision - a.report.meta.revision);
}

/** Null for a root of before a lost key: its packets are for that one (docs/spec/19 §5). */
async function openedVersion(vault: Vault, root: string, id: string): Promise<Report | null> {
  try {
    return await readReport(vault.gateways, root, vault.key, vault.people(), { id });
  } catch (error) {
    if (isRefusal(error, "envelope-refused")) return null;
    throw error;
  }
}

async function listVersions(vault: Vault, id: string): Promise<Answer[]> {
  const items: Answer[] = [];
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { limit: 100, after };
    const answer: Answer = await vault.transport.call("GET", `/reports/${id}/versions`, { query });
    const found = answers.parts(answer, "items");
    items.push(...found);
    const next = answers.textOrNull(answer, "next");
    if (found.length === 0 || next === null || next === after) break;
    after = next;
  }
  return items;
}

export async function versionRows(vault: Vault, entry: ReportEntry): Promise<VersionRow[]> {
  return (await openVersions(vault, entry)).map(({ item, report: { meta, encrypted } }) => ({
    cid: encrypted.root,
    revision: meta.revision,
    created: meta.created,
    change: changeOf(item["change"]),
    title: meta.title,
    fileName: meta.file_name,
    sizeBytes: meta.size_bytes,
    sha256: meta.sha256,
    isCurrent: meta.revision === entry.revision,
  }));
}

function changeOf(said: unknown): VersionRow["change"] {
  return said === "create" || said === "edit" || said === "readers" ? said : "update";
}

function notSigned(): Error {
  return refusal("meta-mismatch", "The content is not the one that the report's author signed.");
}
