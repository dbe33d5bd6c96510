import { describe, expect, it } from "vitest";
import { concat, sha256Hex, utf8 } from "../../src/bytes.ts";
import { Certificate } from "../../src/crypto/certificates.ts";
import { stretch } from "../../src/crypto/kdf.ts";
import type { UnlockedKey } from "../../src/crypto/keys.ts";
import { decryptBytes } from "../../src/crypto/payload.ts";
import { unsealKey } from "../../src/crypto/seals.ts";
import { LIMITS } from "../../src/limits.ts";
import { EngineError, refusal } from "../../src/refusal.ts";
import { ipnsKeyOf, readKeys } from "../../src/vault/index/keys.ts";
import { noteBody } from "../../src/vault/index/note.ts";
import { loadReaders, openIndex } from "../../src/vault/index/read.ts";
import { rowsOf, type TableName } from "../../src/vault/index/state.ts";
import { checkAgainst, openWithCode, readKit, type KitFile } from "../../src/vault/kit.ts";
import { People } from "../../src/vault/people.ts";
import { readPayload } from "../../src/vault/reading.ts";
import { readEntry } from "../../src/vault/report-entry.ts";
import { metaBody } from "../../src/vault/report-meta.ts";
import { readReport } from "../../src/vault/report.ts";
import { keyOf, sourceOf, vectorsOf, type Vector } from "./vectors.ts";

/** As the command line opens a kit; the page asks for the recovery code. */
async function openWithPassword(kit: KitFile, password: string): Promise<UnlockedKey> {
  const stretched = await stretch(password, kit.email, kit.account, kit.kdf);
  const { certificate, sealed_key: armored, seal_mac: mac, kdf: params } = kit;
  return unsealKey({ certificate, armored, mac, params }, stretched, kit, null);
}

const READERS: Record<string, (vector: Vector) => Promise<Vector>> = {
  async report(vector) {
    const [key, source] = [await keyOf(vector), sourceOf(vector)];
    const contacts = await Promise.all(
      vector.contacts.map(async (certificate: string) => {
        const { keyId } = await Certificate.parse(certificate);
        return { key: keyId, certificate, former_keys: [] };
      }),
    );
    const people = new People(key.certificate, [], contacts);
    const entry = vector.entry === null ? null : readEntry(vector.entry);
    const report = await readReport(source, vector.root, key, people, { entry });
    const payload = await readPayload(source, report.encrypted.data, LIMITS.MAX_SEGMENT_BYTES);
    const content = concat(await decryptBytes(payload, report.sessionKey, LIMITS.MAX_SEGMENT_BYTES));
    const { size_bytes: size, sha256 } = report.meta;
    if (content.length !== size || (await sha256Hex(content)) !== sha256) {
      throw refusal("meta-mismatch", "The content is not the one that was signed.");
    }
    return {
      meta: metaBody(report.meta),
      verdict: report.verdict.replace("-", " "),
      ownership: report.ownership,
      origin_author: report.origin?.author ?? null,
    };
  },
  async index(vector) {
    const [key, source] = [await keyOf(vector), sourceOf(vector)];
    const opened = await openIndex(source, vector.root, key, { floor: vector.floor });
    const state = await loadReaders(source, opened);
    const tables: Vector = {};
    for (const name of state.tables.keys()) tables[name] = [...rowsOf(state, name as TableName)];
    return {
      note: noteBody(state.note),
      ipns_name: (await ipnsKeyOf(state.keys, key.certificate)).name,
      digests: state.keys.digests,
      tables,
      pairs: state.pairs?.cid ?? null,
    };
  },
  async kit(vector) {
    const kit = await readKit(utf8(vector.kit));
    const key =
      vector.code === null
        ? await openWithPassword(kit, vector.password)
        : await openWithCode(kit, vector.code);
    await checkAgainst(kit, readKeys(utf8(vector.keys)), key.certificate);
    return { key_id: key.keyId, ipns_name: kit.ipns_name, sequence: kit.sequence };
  },
};

describe.each(["reports", "index", "kit"] as const)("the vectors of %s", (room) => {
  it.each(vectorsOf(room))("$name gives its verdict", async ({ vector }) => {
    const read = READERS[vector.kind]!;
    if ("opens" in vector) {
      expect(await read(vector)).toEqual(vector.opens);
      return;
    }
    const error: unknown = await read(vector).catch((refused: unknown) => refused);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe(vector.error);
  });
});
