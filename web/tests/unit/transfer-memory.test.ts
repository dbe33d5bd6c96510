/** How much of a file is in memory at once: told by what was read and not yet let go, not by a collector. */
import { describe, expect, it } from "vitest";
import { Gateways } from "../../src/api/gateways.ts";
import type { Parcel } from "../../src/api/courier.ts";
import { Transport } from "../../src/api/transport.ts";
import { concat, sha256Hex } from "../../src/bytes.ts";
import { encryptBytes, makeSalt, PayloadReader } from "../../src/crypto/payload.ts";
import { FileBuilder } from "../../src/ipld/builder.ts";
import { CAR_HEADER, sectionHead } from "../../src/ipld/car.ts";
import { blockOf, cidBytes, RAW, type Block } from "../../src/ipld/cid.ts";
import { Recorder, sendContent } from "../../src/worker/content.ts";
import { BatchSender } from "../../src/worker/sending.ts";

const MIB = 2 ** 20;
const FILE_BYTES = 160 * MIB;
/** Two batches under way, one being filled, leaves being hashed, the pieces read: never more. */
const MOST_UP_BYTES = 48 * MIB;
/** The largest that Chromium gives at once. */
const PIECE_BYTES = 2 * MIB;
/** Leaves being hashed and opened, the piece being read. */
const MOST_DOWN_BYTES = 16 * MIB;
const SESSION_KEY = new Uint8Array(32).fill(7);
const SALT = new Uint8Array(32).fill(9);

/** A file of zeros that says how much of it was read. */
class Watched extends Blob {
  taken = 0;

  override get size(): number {
    return FILE_BYTES;
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream(
      {
        pull: (controller) => {
          const count = Math.min(PIECE_BYTES, FILE_BYTES - this.taken);
          this.taken += count;
          if (count === 0) controller.close();
          else controller.enqueue(new Uint8Array(count));
        },
      },
      { highWaterMark: 0 },
    );
  }
}

/** A server that answers a batch only when it is told to. */
class Slow extends Transport {
  readonly waiting: (() => void)[] = [];
  readonly buffers = new Set<ArrayBufferLike>();
  answered = 0;
  mostAtOnce = 0;

  override async post(_path: string, { octets: body }: Parcel): Promise<Record<string, never>> {
    if (body.length > MIB) this.buffers.add(body.buffer);
    await new Promise<void>((resolve) => {
      this.waiting.push(resolve);
      this.mostAtOnce = Math.max(this.mostAtOnce, this.waiting.length);
    });
    this.answered += body.length;
    return {};
  }
}

/** Lets whatever can go on do so, until nothing changes any more. */
async function settled(measure: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    same = measure() === last ? same + 1 : 0;
    last = measure();
  }
}

describe("an upload", () => {
  it("reads no further than it may keep while the server is slow, and its batches' memory goes round", async () => {
    const file = new Watched();
    const server = new Slow("http://vault.example");
    const sender = new BatchSender(server, "upload");
    const secrets = { sessionKey: SESSION_KEY, salt: SALT };
    let isSent = false;
    const sending = sendContent(file, secrets, Recorder.plain(sender), sender, new AbortController().signal)
      .then(() => sender.flush())
      .then(() => void (isSent = true));
    let most = 0;
    while (!isSent) {
      await settled(() => file.taken + server.waiting.length);
      most = Math.max(most, file.taken - server.answered);
      server.waiting.shift()?.();
    }
    await sending;
    expect(file.taken).toBe(FILE_BYTES);
    expect(most).toBeGreaterThan(7 * MIB);
    expect(most).toBeLessThanOrEqual(MOST_UP_BYTES);
    expect(server.mostAtOnce).toBe(2);
    expect(server.buffers.size).toBeLessThanOrEqual(3);
  }, 120_000);
});

/** A CAR of `blocks`, section by section as it is pulled. */
function carOf(blocks: readonly Block[], onPull: (bytes: number) => void): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream(
    {
      pull(controller) {
        const block = blocks[next++];
        if (block === undefined) {
          controller.close();
          return;
        }
        onPull(block.data.length);
        controller.enqueue(concat(sectionHead(cidBytes(block.cid), block.data.length), block.data));
      },
      start: (controller) => controller.enqueue(CAR_HEADER.slice()),
    },
    { highWaterMark: 0 },
  );
}

async function payloadOf(content: Uint8Array) {
  const builder = new FileBuilder();
  const leaves: Block[] = [];
  const nodes: Block[] = [];
  for (const octets of await encryptBytes(content, SESSION_KEY, { salt: makeSalt() })) {
    const block = await blockOf(RAW, octets);
    leaves.push(block);
    nodes.push(...(await builder.add(block.cid, octets.length)));
  }
  const [rest, built] = await builder.finish();
  return { built, blocks: [...[...nodes, ...rest].reverse(), ...leaves] };
}

describe("a download", () => {
  it("takes no more from a gateway than it may keep while what it gives is not written", async () => {
    const content = new Uint8Array(40 * MIB).map((_, i) => i >> 8);
    const { built, blocks } = await payloadOf(content);
    let taken = 0;
    let written = 0;
    let most = 0;
    const stored = new Uint8Array(content.length);
    const networkFetch = globalThis.fetch;
    globalThis.fetch = () => Promise.resolve(new Response(carOf(blocks, (bytes) => (taken += bytes))));
    try {
      const reader = new PayloadReader(SESSION_KEY, async (plain) => {
        // Everything that can be read meanwhile is.
        if (written % (8 * MIB) < plain.length) await settled(() => taken);
        most = Math.max(most, taken - written);
        stored.set(plain, written);
        written += plain.length;
      });
      for await (const octets of new Gateways(["http://gateway.example"]).stream(built)) await reader.update(octets);
      await reader.finish();
    } finally {
      globalThis.fetch = networkFetch;
    }
    expect(await sha256Hex(stored)).toBe(await sha256Hex(content));
    expect(most).toBeLessThanOrEqual(MOST_DOWN_BYTES);
  }, 120_000);
});
