import { describe, expect, it } from "vitest";
import { octetsOf } from "../../src/octets.ts";

/** A stream of octets that comes in pieces of these sizes, each after the one before was asked for. */
function streamOf(sizes: readonly number[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  const left = [...sizes];
  let next = 0;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const size = left.shift();
      if (size === undefined) {
        controller.close();
        // As the standard wants it of a source that ends while a read waits.
        controller.byobRequest?.respond(0);
        return;
      }
      controller.enqueue(Uint8Array.from({ length: size }, () => next++ & 255));
    },
  });
}

async function piecesOf(sizes: readonly number[], pieceBytes: number): Promise<number[][]> {
  const pieces: number[][] = [];
  for await (const piece of octetsOf(streamOf(sizes), pieceBytes)) pieces.push([...piece]);
  return pieces;
}

describe("the octets of a stream", () => {
  it.each([
    ["one that ends before a piece is full", [3], 8, [3]],
    ["one that comes in small pieces", [3, 2], 8, [3, 2]],
    ["one that comes in larger pieces", [20, 1], 8, [8, 8, 4, 1]],
    ["an empty one", [], 8, []],
  ])("of %s come in order, in pieces of at most that size", async (_what, sizes, pieceBytes, lengths) => {
    const pieces = await piecesOf(sizes, pieceBytes);
    expect(pieces.map(({ length }) => length)).toEqual(lengths);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(pieces.flat()).toEqual(Array.from({ length: total }, (_, at) => at & 255));
  });
});
