import { afterEach, beforeEach, describe, expect, it } from "vitest";
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

describe("a stream that breaks while a piece is used", () => {
  const unheard: unknown[] = [];
  const hear = (error: unknown): void => void unheard.push(error);
  beforeEach(() => {
    unheard.length = 0;
    process.on("unhandledRejection", hear);
  });
  afterEach(() => void process.off("unhandledRejection", hear));

  /** A stream with one piece, of the kind that a buffer can be given to or of the other, and what breaks it. */
  function breaking(type: "bytes" | undefined): [ReadableStream<Uint8Array<ArrayBuffer>>, () => void] {
    let controller!: { enqueue(piece: Uint8Array<ArrayBuffer>): void; error(why: unknown): void };
    const start = (given: typeof controller): void => {
      controller = given;
      controller.enqueue(Uint8Array.of(7));
    };
    const stream = type === undefined ? new ReadableStream({ start }) : new ReadableStream({ type, start });
    return [stream, () => controller.error(new DOMException("signal is aborted without reason", "AbortError"))];
  }

  /** Node tells of a rejection that nobody handled after all that was due has run. */
  const allHasRun = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it.each([["bytes" as const], [undefined]])("is no error of nobody's where no more is asked for (%s)", async (type) => {
    const [stream, breakIt] = breaking(type);
    const octets = octetsOf(stream, 8);
    expect((await octets.next()).value).toEqual(Uint8Array.of(7));
    breakIt();
    await allHasRun();
    expect(unheard).toEqual([]);
  });

  it.each([["bytes" as const], [undefined]])("is told to who asks for more (%s)", async (type) => {
    const [stream, breakIt] = breaking(type);
    const octets = octetsOf(stream, 8);
    await octets.next();
    breakIt();
    await allHasRun();
    await expect(octets.next()).rejects.toMatchObject({ name: "AbortError" });
    expect(unheard).toEqual([]);
  });
});
