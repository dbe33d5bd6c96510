/** The vectors that Python reads too, and how their octets are written (tests/vectors/README.md). */
import { readdirSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import { concat, fromHex, type Bytes } from "../../src/bytes.ts";
import { Certificate } from "../../src/crypto/certificates.ts";
import { UnlockedKey } from "../../src/crypto/keys.ts";
import { encryptBytes } from "../../src/crypto/payload.ts";
import { verifyBlock, type Cid } from "../../src/ipld/cid.ts";
import { EngineError, refusal } from "../../src/refusal.ts";
import type { BlockSource } from "../../src/vault/reading.ts";

const FOLDER = new URL("../../../tests/vectors/", import.meta.url);

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each kind has its own fields
export type Vector = any;

/** The folders of tests/vectors, and which test here reads each. */
export const READ_BY = {
  activity: "activity",
  certificates: "openpgp-vectors",
  delegations: "delegations",
  encryptions: "openpgp-vectors",
  envelopes: "openpgp-vectors",
  "give-backs": "sharing-vectors",
  headers: "openpgp-vectors",
  index: "vault-vectors",
  ipld: "ipld-vectors",
  json: "openpgp-vectors",
  kdf: "openpgp-vectors",
  kit: "vault-vectors",
  notes: "openpgp-vectors",
  padding: "openpgp-vectors",
  payloads: "openpgp-vectors",
  "recovery-codes": "openpgp-vectors",
  reports: "vault-vectors",
  "safety-numbers": "sharing",
  seals: "openpgp-vectors",
  "session-keys": "openpgp-vectors",
  sharing: "sharing-vectors",
  words: "openpgp-vectors",
} as const;

/** Kinds that the page does not read; tests/vectors/README.md says why. */
export const NOT_READ: readonly string[] = ["import", "revocation"];

export function vectorsOf(room: keyof typeof READ_BY): { name: string; vector: Vector }[] {
  const folder = new URL(`${room}/`, FOLDER);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => ({
      name: `${room}/${name.slice(0, -5)}`,
      vector: JSON.parse(readFileSync(new URL(name, folder), "utf8")),
    }));
}

/** Reads a vector and holds the outcome against what is written in it; gives the refusal, null where there is none. */
export async function judge(vector: Vector, read: (vector: Vector) => Promise<Vector>): Promise<EngineError | null> {
  const { refused } = vector.expect;
  if (refused === undefined) {
    expect(await read(vector)).toEqual(vector.expect);
    return null;
  }
  const error: unknown = await read(vector).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(EngineError);
  expect((error as EngineError).code).toBe(refused);
  return error as EngineError;
}

/** Hex, equal octets, repeated octets, or pieces of a payload that is encrypted anew. */
export async function octetsOf(value: Vector): Promise<Bytes> {
  if (typeof value === "string") return fromHex(value);
  if ("payload" in value) {
    const whole = await encryptVector(value.payload);
    return concat(
      ...value.pieces.map((piece: string | [number, number]) =>
        typeof piece === "string" ? fromHex(piece) : whole.subarray(piece[0], piece[1]),
      ),
    );
  }
  const unit = fromHex(value.octet ?? value.octets);
  const repeated = new Uint8Array(unit.length * value.count);
  for (let i = 0; i < value.count; i++) repeated.set(unit, i * unit.length);
  return repeated;
}

export async function encryptVector(vector: Vector): Promise<Bytes> {
  const key = fromHex(vector.session_key);
  const salt = fromHex(vector.salt);
  const content = await octetsOf(vector.content);
  return concat(...(await encryptBytes(content, key, { floor: vector.floor ?? 0, salt })));
}

/** The key of whose vault it is. */
export async function keyOf(vector: Vector): Promise<UnlockedKey> {
  return UnlockedKey.join(await Certificate.parse(vector.owner.certificate), {
    signing: fromHex(vector.owner.signing_secret),
    decryption: fromHex(vector.owner.decryption_secret),
  });
}

/** The blocks that stand in the vector, and no others. */
export function sourceOf(vector: Vector): BlockSource {
  return {
    fetch: (cids: readonly Cid[]) =>
      Promise.all(
        cids.map((cid) => {
          const data = vector.blocks[cid];
          if (data === undefined) throw refusal("block-missing", "not in the vector");
          return verifyBlock(cid, fromHex(data));
        }),
      ),
  };
}
