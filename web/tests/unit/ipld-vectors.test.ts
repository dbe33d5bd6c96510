import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { cidFromBytes, isRaw, parseCid, verifyBlock } from "../../src/ipld/cid.ts";
import { CarSplitter } from "../../src/ipld/car.ts";
import { readRecord } from "../../src/ipld/ipns.ts";
import { readIndexRoot, readReportNode } from "../../src/ipld/shapes.ts";
import { decodeDirectory, decodeFile, type Child } from "../../src/ipld/unixfs.ts";
import { PayloadWalk } from "../../src/ipld/walk.ts";
import { LIMITS } from "../../src/limits.ts";
import { EngineError, refusal } from "../../src/refusal.ts";
import { octetsOf, vectorsOf, type Vector } from "./vectors.ts";

/** A vault file read whole, as a report's content is: directories, then the envelope's two parts. */
async function readFile(vector: Vector): Promise<Vector> {
  let asked = 0;
  const get = async (cid: string): Promise<Uint8Array> => {
    asked++;
    expect(asked, "a hostile file costs no more than a few blocks").toBeLessThanOrEqual(8);
    const data = vector.blocks[cid];
    if (data === undefined) throw refusal("block-missing", "no such block");
    return (await verifyBlock(cid, await octetsOf(data))).data;
  };
  let cid = parseCid(vector.root);
  let tsize: number | null = null;
  for (const name of vector.path) {
    const octets = await get(cid);
    const entries = decodeDirectory(octets);
    const sum = [...entries.values()].reduce((total, entry) => total + entry.tsize, octets.length);
    if (tsize !== null && tsize !== sum) throw refusal("dag-refused", "tsize");
    const entry = entries.get(name);
    if (entry === undefined) throw refusal("not-found", "no such entry");
    ({ cid, tsize } = entry);
  }
  const parts = await partsOf(cid, get);
  const hash = createHash("sha256");
  let size = 0;
  for (const part of parts) {
    const walk = new PayloadWalk(part);
    while (!walk.isFinished) {
      const [wanted] = walk.wanted(1);
      for (const piece of walk.feed({ cid: wanted!, data: await get(wanted!) })) {
        hash.update(piece);
        size += piece.length;
      }
    }
  }
  return { size_bytes: size, sha256: hash.digest("hex") };
}

async function partsOf(cid: string, get: (cid: string) => Promise<Uint8Array>): Promise<Child[]> {
  const octets = await get(cid);
  if (isRaw(cid)) return [{ cid, sizeBytes: octets.length, tsize: octets.length }];
  const { children, sizeBytes } = decodeFile(octets);
  const [header] = children;
  const isEnvelope =
    children.length === 2 && isRaw(header!.cid) && header!.sizeBytes <= LIMITS.MAX_HEADER_BYTES;
  if (isEnvelope) return [...children];
  const tsize = children.reduce((sum, child) => sum + child.tsize, octets.length);
  return [{ cid, sizeBytes, tsize }];
}

async function readCar(vector: Vector, size: number): Promise<Vector> {
  const data = await octetsOf(vector.data);
  const splitter = new CarSplitter();
  const cids: string[] = [];
  for (let at = 0; at < data.length; at += size) {
    for (const block of splitter.feed(data.subarray(at, at + size))) {
      cids.push((await verifyBlock(block.cid, block.data)).cid);
    }
  }
  splitter.finish();
  return cids;
}

const READERS: Record<string, (vector: Vector) => Promise<Vector>> = {
  async cid(vector) {
    if ("text" in vector) return { cid: parseCid(vector.text) };
    return { cid: cidFromBytes(await octetsOf(vector.binary)) };
  },
  async block(vector) {
    await verifyBlock(parseCid(vector.cid), await octetsOf(vector.data));
    return {};
  },
  file: readFile,
  async directory(vector) {
    return { names: [...decodeDirectory(await octetsOf(vector.data)).keys()] };
  },
  async report(vector) {
    const { data, meta } = readReportNode(await octetsOf(vector.data));
    return { names: [data.name, meta.name] };
  },
  async "index-root"(vector) {
    const { contents, index, pairs } = readIndexRoot(await octetsOf(vector.data));
    return { names: [contents, index, pairs].filter((link) => link !== null).map(({ name }) => name) };
  },
  async car(vector) {
    const cids = await readCar(vector, 37);
    expect(await readCar(vector, 1)).toEqual(cids);
    expect(await readCar(vector, 2 ** 30)).toEqual(cids);
    return { roots: vector.expect.roots, cids };
  },
  async ipns(vector) {
    const record = await octetsOf(vector.record);
    const { root, sequence } = await readRecord(vector.name, record, new Date(vector.now));
    return { ...vector.expect, value: `/ipfs/${root}`, sequence };
  },
};

describe("the vectors of ipld", () => {
  it.each(vectorsOf("ipld"))("$name gives the verdict written in it", async ({ vector }) => {
    const verdict: Vector = await READERS[vector.kind]!(vector).catch((error: unknown) => {
      if (error instanceof EngineError) return { refused: error.code };
      throw error;
    });
    expect(verdict).toEqual(vector.expect);
  });
});
