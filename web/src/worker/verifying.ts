/** Proving a report without trust: every line of the Verify panel, and who served which blocks. */
import { Gateways } from "../api/gateways.ts";
import { hex } from "../bytes.ts";
import type { Cid } from "../ipld/cid.ts";
import { EngineError } from "../engine/errors.ts";
import type { Check, Verification } from "../engine/interface.ts";
import { refusal } from "../refusal.ts";
import { requireReport } from "../vault/index/state.ts";
import { quoted } from "../vault/kit.ts";
import { readReport, type Report } from "../vault/report.ts";
import { streamContent } from "./fetching.ts";
import { namesOf } from "./naming.ts";
import type { Vault } from "./vault.ts";

/** Of a large report's blocks so many are named for each gateway; all are counted. */
const MOST_NAMED = 200;
const NAMES = ["index", "signature", "meta", "blocks", "content", "digest"] as const;

/**
 * Reads a report whole, from the gateways alone, and tells of each check as it ends. Throws
 * `interrupted` when the vault is locked meanwhile.
 */
export async function verifyReport(
  vault: Vault,
  id: string,
  onChange: (verification: Verification) => void,
): Promise<Verification> {
  const entry = requireReport(vault.index.state, id);
  const source = new Gateways(vault.gateways.records.map(({ url }) => url));
  const states = new Map<Check["name"], Check["state"]>(NAMES.map((name) => [name, "running"]));
  const errors = new Map<Check["name"], EngineError>();
  const served = new Map<string, Cid[]>(source.records.map(({ url }) => [url, []]));
  source.onBlock = ({ url }, cid) => {
    const cids = served.get(url)!;
    if (cids.length < MOST_NAMED) cids.push(cid);
  };
  const signer = await signerOf(vault, entry.author);
  let report: Report | null = null;
  let isDone = false;
  const shown = (): Verification => ({
    report: id,
    cid: entry.cid,
    sha256: report?.meta.sha256 ?? "",
    signer,
    signature: report?.verdict ?? null,
    checks: NAMES.map((name) => ({ name, state: states.get(name)!, error: errors.get(name) ?? null })),
    gateways: source.records.map(({ url, blocks, bytes, state }) => {
      return { url, blocks, bytes, state, cids: [...served.get(url)!] };
    }),
    isDone,
    byHand: linesFor(source.records[0]?.url ?? vault.transport.origin, entry.cid),
  });
  const tell = (): void => {
    if (!vault.closing.aborted) onChange(shown());
  };
  source.onChange = tell;
  // Its signature was checked when the index was read: this vault is open by it.
  states.set("index", "good");
  tell();
  try {
    report = await readReport(source, entry.cid, vault.key, vault.people(), { entry });
    states.set("signature", report.verdict === "valid" ? "good" : "bad").set("meta", "good");
    tell();
    await streamContent(report, source, () => {}, vault.closing);
    states.set("blocks", "good").set("content", "good").set("digest", "good");
  } catch (error) {
    vault.requireOpen();
    mark(states, errors, error);
  }
  isDone = true;
  tell();
  return shown();
}

/** The check that an error belongs to is bad; those after it were not made. */
function mark(
  states: Map<Check["name"], Check["state"]>,
  errors: Map<Check["name"], EngineError>,
  error: unknown,
): void {
  const known = error instanceof EngineError ? error : refusal("failed", "A check could not be made.");
  const name = checkOf(known, states.get("meta") === "good");
  // A gateway that lies proves nothing about the report: another one may have it.
  const isProven = !["unreachable", "block-missing", "block-refused"].includes(known.code);
  states.set(name, isProven ? "bad" : "unknown");
  errors.set(name, known);
  for (const [each, state] of states) if (state === "running") states.set(each, "unknown");
}

function checkOf({ code }: EngineError, isOpened: boolean): Check["name"] {
  if (code === "note-refused") return "signature";
  if (code === "meta-mismatch") return isOpened ? "digest" : "meta";
  if (code === "rollback" || code === "envelope-refused") return isOpened ? "content" : "meta";
  return code === "integrity" ? "content" : "blocks";
}

/** Who signed, as this vault's own index knows her: herself, a contact, or a key that one of them had. */
async function signerOf(vault: Vault, author: string): Promise<Verification["signer"]> {
  const { name, email } = namesOf(vault)(author);
  const certificate = await vault.people().certificate(author).catch(() => null); // one that is refused is no name for a key
  const fingerprint = certificate === null ? "" : hex(certificate.fingerprint);
  return { keyId: author, fingerprint, name: name || (email ?? "") };
}

function linesFor(gateway: string, cid: string): string[] {
  const at = (name: string): string => quoted(`${gateway}/ipfs/${cid}/${name}`);
  return [
    `curl ${at("meta.pgp")} | sq decrypt --recipient-file key.pgp`,
    `curl ${at("data.pgp")} | sq decrypt --recipient-file key.pgp --output report`,
  ];
}
