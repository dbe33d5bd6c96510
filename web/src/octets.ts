/** Streams of octets, read into buffers that go round. */
import type { Bytes } from "./bytes.ts";

interface Source {
  /** The next piece; null at the end. */
  read(): Promise<Bytes | null>;
  /** Takes a piece's memory back. */
  reuse(piece: Bytes): void;
  close(): void;
}

/**
 * The octets of `stream` in order, the next piece being read while one is used: two are in memory, of
 * at most `pieceBytes` each. One may be used until the next is asked for.
 */
export async function* octetsOf(
  stream: ReadableStream<Bytes>,
  pieceBytes: number,
): AsyncGenerator<Bytes, void> {
  const source = sourceOf(stream, pieceBytes);
  const ahead = (): Promise<Bytes | null> => {
    const next = source.read();
    next.catch(() => {}); // told when its turn comes, which may be never: a stop ends both reader and stream
    return next;
  };
  try {
    for (let next = ahead(); ; ) {
      const piece = await next;
      if (piece === null) return;
      next = ahead();
      yield piece;
      source.reuse(piece);
    }
  } finally {
    source.close();
  }
}

function sourceOf(stream: ReadableStream<Bytes>, pieceBytes: number): Source {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = stream.getReader({ mode: "byob" });
  } catch {
    return asItComes(stream.getReader()); // a browser in which this is no stream of bytes
  }
  return intoOurs(reader, pieceBytes);
}

/** A fresh buffer for each piece would cost three times the CPU, most of it for the kernel. */
function intoOurs(reader: ReadableStreamBYOBReader, pieceBytes: number): Source {
  const spare: ArrayBuffer[] = [];
  const read = async (): Promise<Bytes | null> => {
    const { value } = await reader.read(new Uint8Array(spare.pop() ?? new ArrayBuffer(pieceBytes)));
    return value === undefined || value.length === 0 ? null : value;
  };
  return {
    read,
    reuse: ({ buffer }) => void spare.push(buffer),
    close: () => void reader.cancel().catch(() => {}),
  };
}

function asItComes(reader: ReadableStreamDefaultReader<Bytes>): Source {
  return {
    read: async () => (await reader.read()).value ?? null,
    reuse: () => {},
    close: () => void reader.cancel().catch(() => {}),
  };
}
