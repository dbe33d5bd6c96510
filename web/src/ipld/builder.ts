/** Building files and directories under profile unixfs-v1-2025, block by block. */
import { LIMITS } from "../limits.ts";
import { refusal } from "../refusal.ts";
import { blockOf, DAG_PB, RAW, type Block, type Cid } from "./cid.ts";
import { encodeDirectory, encodeFile, type Child } from "./unixfs.ts";

/** A finished root: `sizeBytes` of content (0 for a directory), `tsize` with all nodes. */
export type Built = Child;

export async function leaf(data: Uint8Array): Promise<[Block, Built]> {
  const block = await blockOf(RAW, data);
  return [block, { cid: block.cid, sizeBytes: data.length, tsize: data.length }];
}

/** The file node over a header leaf and a payload's root (docs/spec/12). */
export async function join(header: Built, payload: Built): Promise<[Block, Built]> {
  return fileNode([header, payload]);
}

/** Throws `dag-refused` for a name that is not allowed. */
export async function directory(
  entries: readonly (readonly [string, { cid: Cid; tsize: number }])[],
): Promise<[Block, Built]> {
  const links = entries.map(([name, built]) => ({ cid: built.cid, name, tsize: built.tsize }));
  const block = await blockOf(DAG_PB, encodeDirectory(links));
  const tsize = links.reduce((sum, link) => sum + link.tsize, block.data.length);
  return [block, { cid: block.cid, sizeBytes: 0, tsize }];
}

async function fileNode(children: readonly Child[]): Promise<[Block, Built]> {
  const block = await blockOf(DAG_PB, encodeFile(children));
  let sizeBytes = 0;
  let tsize = block.data.length;
  for (const child of children) {
    sizeBytes += child.sizeBytes;
    tsize += child.tsize;
  }
  return [block, { cid: block.cid, sizeBytes, tsize }];
}

/** Builds a file's tree from leaves in order; holds one node's children per level. */
export class FileBuilder {
  private readonly levels: Child[][] = [[]];
  private ended = false;

  /** Takes the next leaf by its CID; the nodes that it completes. Every leaf but the last is full. */
  async add(cid: Cid, sizeBytes: number): Promise<Block[]> {
    if (this.ended || sizeBytes <= 0 || sizeBytes > LIMITS.CHUNK_BYTES) {
      throw refusal("invalid-input", "This is not the file's next leaf.");
    }
    this.ended = sizeBytes < LIMITS.CHUNK_BYTES;
    const nodes: Block[] = [];
    await this.push(0, { cid, sizeBytes, tsize: sizeBytes }, nodes);
    return nodes;
  }

  /** Ends the file: the remaining nodes, and its root. */
  async finish(): Promise<[Block[], Built]> {
    const nodes: Block[] = [];
    for (let level = 0; ; level++) {
      const children = this.levels[level]!;
      if (level === this.levels.length - 1 && children.length === 1) return [nodes, children[0]!];
      this.levels[level] = [];
      const [block, built] = await fileNode(children);
      nodes.push(block);
      await this.push(level + 1, built, nodes);
    }
  }

  private async push(level: number, child: Child, nodes: Block[]): Promise<void> {
    const children = (this.levels[level] ??= []);
    if (children.length < LIMITS.MAX_LINKS) {
      children.push(child);
      return;
    }
    // Full, and one more is coming: only now is it known not to be the root.
    this.levels[level] = [child];
    const [block, built] = await fileNode(children);
    nodes.push(block);
    await this.push(level + 1, built, nodes);
  }
}
