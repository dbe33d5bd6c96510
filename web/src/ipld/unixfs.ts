/**
 * UnixFS files and directories in dag-pb nodes, in the one encoding that vault objects have
 * (https://specs.ipfs.tech/unixfs/, hygieia/ipld/unixfs.py and dagpb.py): whatever is read here
 * encodes again to the same octets.
 */
import { concat, equal, fromUtf8, startsWith, utf8, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal, type EngineError } from "../refusal.ts";
import { CID_BYTES, cidBytes, cidFromBytes, isRaw, type Cid } from "./cid.ts";
import { readVarint, writeVarint } from "./varint.ts";

export interface Link {
  readonly cid: Cid;
  readonly name: string;
  /** Octets of the linked block and of all below it, repeats counted. */
  readonly tsize: number;
}

/** A part of a file: `sizeBytes` of content. */
export interface Child {
  readonly cid: Cid;
  readonly sizeBytes: number;
  readonly tsize: number;
}

export interface FileNode {
  readonly children: readonly Child[];
  readonly sizeBytes: number;
}

const DIRECTORY_DATA = Uint8Array.of(8, 1);
const FILE_HEAD = Uint8Array.of(8, 2, 0x18);
const HASH_HEAD = Uint8Array.of(0x0a, CID_BYTES);

export function encodeFile(children: readonly Child[]): Bytes {
  const links = children.map((child) => encodeLink(child.cid, new Uint8Array(0), child.tsize));
  const sizes = children.map((child) => [0x20, ...writeVarint(child.sizeBytes)]);
  const total = children.reduce((sum, child) => sum + child.sizeBytes, 0);
  const data = concat(FILE_HEAD, writeVarint(total), ...sizes);
  return concat(...links, [0x0a], writeVarint(data.length), data);
}

/** The directory over `entries`, sorted by name; throws `dag-refused` for a name not allowed. */
export function encodeDirectory(entries: readonly Link[]): Bytes {
  const named = entries.map((entry) => ({ entry, name: utf8(entry.name) }));
  named.sort((a, b) => compare(a.name, b.name));
  checkNames(named.map(({ entry }) => entry));
  const links = named.map(({ entry, name }) => encodeLink(entry.cid, name, entry.tsize));
  return concat(...links, [0x0a, DIRECTORY_DATA.length], DIRECTORY_DATA);
}

/** Reads a vault file's inner node; throws `dag-refused`. */
export function decodeFile(octets: Uint8Array): FileNode {
  const node = decodeNode(octets);
  const [sizeBytes, sizes] = readFileData(node.data);
  const { links } = node;
  if (links.length < 1 || links.length > LIMITS.MAX_LINKS || sizes.length !== links.length) {
    throw wrong("A file node has the wrong number of links or sizes.");
  }
  const children = links.map((link, place) => checkedChild(link, sizes[place]!));
  const sum = sizes.reduce((total, size) => total + size, 0);
  if (sizeBytes !== sum || sum > LIMITS.MAX_INTEGER) {
    throw wrong("A file node's size is not the sum of its parts.");
  }
  return { children, sizeBytes };
}

/** Reads a vault directory's entries by name; throws `dag-refused`. */
export function decodeDirectory(octets: Uint8Array): Map<string, Link> {
  const node = decodeNode(octets);
  if (!equal(node.data, DIRECTORY_DATA)) throw wrong("A node is not a plain directory.");
  checkNames(node.links);
  return new Map(node.links.map((link) => [link.name, link]));
}

function encodeLink(cid: Cid, name: Uint8Array, tsize: number): Bytes {
  const body = concat(
    HASH_HEAD,
    cidBytes(cid),
    [0x12, ...writeVarint(name.length)],
    name,
    [0x18, ...writeVarint(tsize)],
  );
  return concat([0x12, ...writeVarint(body.length)], body);
}

function decodeNode(octets: Uint8Array): { links: Link[]; data: Uint8Array } {
  if (octets.length > LIMITS.MAX_BLOCK_BYTES) throw wrong("A node is over 2 MiB.");
  try {
    const links: Link[] = [];
    let at = 0;
    while (octets[at] === 0x12) {
      const [link, end] = readLink(octets, at + 1);
      links.push(link);
      at = end;
      if (links.length > LIMITS.MAX_NODE_LINKS_READ) throw wrong("A node has too many links.");
    }
    if (octets[at] !== 0x0a) throw new RangeError("another field is expected here");
    const [length, start] = readVarint(octets, at + 1);
    if (length !== octets.length - start) throw new RangeError("the data is of another length");
    return { links, data: octets.subarray(start) };
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError || isInvalid(error)) {
      throw wrong("A node is not in canonical form, or not of the vault's kind.");
    }
    throw error;
  }
}

function isInvalid(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "invalid-input";
}

function readLink(octets: Uint8Array, at: number): [Link, number] {
  const [length, start] = readVarint(octets, at);
  const end = start + length;
  let place = expect(octets, start, HASH_HEAD);
  const cid = cidFromBytes(octets.subarray(place, place + CID_BYTES));
  place = expect(octets, place + CID_BYTES, [0x12]);
  const [nameLength, nameStart] = readVarint(octets, place);
  const name = fromUtf8(octets.subarray(nameStart, nameStart + nameLength));
  place = expect(octets, nameStart + nameLength, [0x18]);
  const [tsize, after] = readVarint(octets, place);
  if (after !== end) throw new RangeError("the link is longer or shorter than it says");
  return [{ cid, name, tsize }, end];
}

function expect(octets: Uint8Array, at: number, expected: ArrayLike<number>): number {
  if (!startsWith(octets, expected, at)) throw new RangeError("another field is expected here");
  return at + expected.length;
}

function readFileData(data: Uint8Array): [sizeBytes: number, sizes: number[]] {
  if (!startsWith(data, FILE_HEAD)) throw wrong("A node is not a plain file.");
  const sizes: number[] = [];
  try {
    let [sizeBytes, at] = readVarint(data, FILE_HEAD.length);
    const total = sizeBytes;
    while (at < data.length) {
      if (data[at] !== 0x20) throw wrong("A file node has a field that vault files do not have.");
      [sizeBytes, at] = readVarint(data, at + 1);
      sizes.push(sizeBytes);
    }
    return [total, sizes];
  } catch (error) {
    if (error instanceof RangeError) throw wrong("A file node is not in canonical form.");
    throw error;
  }
}

function checkedChild(link: Link, sizeBytes: number): Child {
  if (link.name !== "") throw wrong("A file node's link has a name.");
  if (sizeBytes <= 0) throw wrong("A file node claims an impossible size.");
  if (link.tsize < sizeBytes || (isRaw(link.cid) && link.tsize !== sizeBytes)) {
    throw wrong("A file node's Tsize is false.");
  }
  return { cid: link.cid, sizeBytes, tsize: link.tsize };
}

function checkNames(entries: readonly Link[]): void {
  let last = new Uint8Array(0);
  for (const { name } of entries) {
    const octets = utf8(name);
    const isUsable =
      name !== "" &&
      name !== "." &&
      name !== ".." &&
      octets.length <= LIMITS.MAX_LINK_NAME_BYTES &&
      // eslint-disable-next-line no-control-regex -- control characters are what is refused
      !/[/\u0000-\u001f\u007f-\u009f]/.test(name);
    if (!isUsable) throw wrong("A directory has an entry without a usable name.");
    if (compare(octets, last) <= 0) throw wrong("A directory has an entry twice or out of order.");
    last = octets;
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function wrong(message: string): EngineError {
  return refusal("dag-refused", message);
}
