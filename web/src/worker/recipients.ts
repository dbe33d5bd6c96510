/** Who reads a report whose session key is new: its owner, and who read it before (FORMATS §5). */
import type { SessionKey } from "../crypto/session-keys.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import { contactsOf } from "../vault/index/state.ts";
import { headerFor, type Header } from "../vault/report-build.ts";
import type { Report } from "../vault/report.ts";
import { nextReaders, noteReaders, type NextReaders, type Noted } from "../vault/sharing.ts";
import { readersNow } from "./readers.ts";
import type { Vault } from "./vault.ts";

/** A recipients header, and the notes for everyone in it but this user. */
export interface NotedHeader {
  readonly header: Header;
  readonly noted: Noted;
  readonly leftOut: NextReaders["leftOut"];
}

/** The header of the next session key of `report`; who was taken off is not in it. */
export async function nextHeader(
  vault: Vault,
  report: Report,
  sessionKey: SessionKey,
): Promise<NotedHeader> {
  const { key } = vault;
  const listed = await vault.index.readersOf(report.meta.id);
  const readers = await readersNow(vault, report, listed);
  const next = await nextReaders(readers, contactsOf(vault.index.state), vault.people());
  const header = await headerFor(sessionKey, [key.certificate, ...next.certificates]);
  const created = formatTime(nowSeconds());
  const signing = { key, created, delegations: next.delegations };
  const noted = await noteReaders(report.meta.id, header.recipients, signing);
  return { header, noted, leftOut: next.leftOut };
}
