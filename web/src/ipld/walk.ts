/**
 * Reading one payload's tree in order, trusting only its root's CID (hygieia/ipld/walk.py). No I/O:
 * the walk says which blocks it wants, is fed verified ones, and releases the bytes in order. What
 * a parent promised is checked when the block comes, before anything below it is asked for.
 */
import { refusal, type EngineError } from "../refusal.ts";
import { isRaw, type Block, type Cid } from "./cid.ts";
import { areChildSizes, capacityOf, levelOf } from "./layout.ts";
import { decodeFile, type Child } from "./unixfs.ts";

interface Slot {
  readonly child: Child;
  readonly level: number;
  data: Uint8Array | null;
}

export class PayloadWalk {
  /** Blocks still to be released, the next one last. */
  private readonly slots: Slot[];

  constructor(payload: Child) {
    this.slots = [{ child: payload, level: levelOf(payload.sizeBytes), data: null }];
  }

  get isFinished(): boolean {
    return this.slots.length === 0;
  }

  /** CIDs still to be fed among the next `limit` blocks, without repeats. */
  wanted(limit: number): Cid[] {
    const cids = new Set<Cid>();
    const end = Math.max(0, this.slots.length - limit);
    for (let i = this.slots.length - 1; i >= end; i--) {
      const slot = this.slots[i]!;
      if (slot.data === null) cids.add(slot.child.cid);
      // What comes after a node is not known to be next until the node is there.
    }
    return [...cids];
  }

  /** The next block to come; `undefined` at the end. */
  get next(): Cid | undefined {
    return this.slots.at(-1)?.child.cid;
  }

  /** Takes a wanted block; the bytes that can now be released, in order. Throws `dag-refused`. */
  feed(block: Block): Uint8Array[] {
    let isWanted = false;
    for (const slot of this.slots) {
      if (slot.child.cid === block.cid) {
        slot.data = block.data;
        isWanted = true;
      }
    }
    if (!isWanted) throw wrong("A block came that was not asked for.");
    const released: Uint8Array[] = [];
    for (let slot = this.slots.at(-1); slot !== undefined && slot.data !== null; slot = this.slots.at(-1)) {
      this.slots.pop();
      const piece = this.take(slot, slot.data);
      if (piece !== null) released.push(piece);
    }
    return released;
  }

  private take({ child, level }: Slot, data: Uint8Array): Uint8Array | null {
    if (isRaw(child.cid)) {
      if (data.length !== child.sizeBytes || level !== 0) {
        throw wrong("A leaf has another size than its parent says.");
      }
      return data;
    }
    const node = decodeFile(data);
    const tsize = node.children.reduce((sum, each) => sum + each.tsize, data.length);
    if (node.sizeBytes !== child.sizeBytes || tsize !== child.tsize) {
      throw wrong("A file node has another size than its parent says.");
    }
    const sizes = node.children.map((each) => each.sizeBytes);
    if (level === 0 || node.sizeBytes > capacityOf(level) || !areChildSizes(sizes, node.sizeBytes, level)) {
      throw wrong("A file node is not laid out as unixfs-v1-2025 has it.");
    }
    if (node.children.some((each) => isRaw(each.cid) !== (level === 1))) {
      throw wrong("A file has a leaf where a node should be, or a node for a leaf.");
    }
    for (let i = node.children.length - 1; i >= 0; i--) {
      this.slots.push({ child: node.children[i]!, level: level - 1, data: null });
    }
    return null;
  }
}

function wrong(message: string): EngineError {
  return refusal("dag-refused", message);
}
