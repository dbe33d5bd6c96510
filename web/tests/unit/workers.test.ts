/** Workers beside the engine's own: what happens when one does not start, or ends on the way. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Courier, type ToCourier } from "../../src/api/courier.ts";
import { Transport } from "../../src/api/transport.ts";
import { sha256, sha256Hex } from "../../src/bytes.ts";
import { startDigest } from "../../src/crypto/digest.ts";
import { RAW } from "../../src/ipld/cid.ts";
import { BlockHasher } from "../../src/ipld/hashing.ts";

const MIB = 2 ** 20;

/** Stands in for a worker: what it gets is kept, and the test answers. */
class FakeWorker {
  static made: FakeWorker[] = [];
  readonly got: unknown[] = [];
  isEnded = false;
  onmessage: (event: { data: unknown }) => void = () => {};
  onerror: () => void = () => {};

  constructor() {
    FakeWorker.made.push(this);
  }

  postMessage(message: unknown, transfer: Transferable[] = []): void {
    this.got.push(structuredClone(message, { transfer }));
  }

  terminate(): void {
    this.isEnded = true;
  }

  answer(data: unknown): void {
    this.onmessage({ data });
  }
}

beforeEach(() => {
  FakeWorker.made = [];
  vi.stubGlobal("Worker", FakeWorker);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const never = new AbortController().signal;
const filled = (bytes: number, value = 7): Uint8Array<ArrayBuffer> => new Uint8Array(bytes).fill(value);

describe("the courier", () => {
  const carry = (courier: Courier) => courier.carry("http://vault.example/", {}, { octets: filled(MIB) }, never);

  function deliver(worker: FakeWorker): void {
    const [{ id, octets }] = worker.got.filter((message) => (message as ToCourier).kind === "post").slice(-1) as [
      ToCourier & { kind: "post" },
    ];
    worker.answer({ id, octets, status: 200, answer: new Uint8Array(0), failure: null });
  }

  it("says of all that its worker had that they can be sent again, and ends no later worker for them", async () => {
    vi.useFakeTimers();
    const courier = new Courier();
    const lost = Promise.allSettled([carry(courier), carry(courier)]);
    FakeWorker.made[0]!.onerror();
    for (const each of await lost) expect(each).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
    await vi.advanceTimersByTimeAsync(4000);
    const later = carry(courier);
    await vi.advanceTimersByTimeAsync(60_000);
    const worker = FakeWorker.made[1]!;
    expect(worker.isEnded).toBe(false);
    deliver(worker);
    expect((await later)[0]).toBe(200);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(worker.isEnded).toBe(true);
  });

  it("is asked no second time to post what went with its worker", async () => {
    const sent = new Transport("http://vault.example").post("/uploads/u/blocks", { octets: filled(MIB) }, "type");
    await vi.waitFor(() => expect(FakeWorker.made).toHaveLength(1), 15_000);
    FakeWorker.made[0]!.onerror();
    await expect(sent).rejects.toMatchObject({ code: "unavailable" });
    expect(FakeWorker.made).toHaveLength(1);
  });
});

describe("a request", () => {
  it("is given as much more time as its body takes on a slow line", async () => {
    const patience = vi.spyOn(AbortSignal, "timeout");
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("{}")));
    const transport = new Transport("http://vault.example");
    await transport.call("GET", "/server");
    await transport.post("/uploads/u/blocks", { octets: filled(512 * 1024) }, "type");
    expect(patience.mock.calls).toEqual([[60_000], [60_000 + 32_000]]);
  });
});

describe("blocks", () => {
  const block = (hasher: BlockHasher) => hasher.blockOf(RAW, filled(MIB));

  it("are hashed in this thread until the worker has begun, and when it never does", async () => {
    const { cid } = await block(new BlockHasher());
    const hasher = new BlockHasher();
    expect((await block(hasher)).cid).toBe(cid);
    FakeWorker.made[1]!.onerror();
    expect((await block(hasher)).cid).toBe(cid);
    expect(FakeWorker.made).toHaveLength(2);
    expect(FakeWorker.made.every(({ got }) => got.length === 0)).toBe(true);
  });

  it("are hashed by the worker once it has begun, and here where it could not", async () => {
    const hasher = new BlockHasher();
    const { cid } = await block(hasher);
    const worker = FakeWorker.made[0]!;
    worker.answer(null);
    const [one, other] = [block(hasher), block(hasher)];
    const [first, second] = worker.got as { id: number; octets: Uint8Array<ArrayBuffer> }[];
    worker.answer({ ...first, digest: (await sha256(first!.octets)).buffer });
    worker.answer({ ...second, digest: null });
    expect((await one).cid).toBe(cid);
    expect((await other).cid).toBe(cid);
  });

  it("that a worker had when it ended are refused as what may be tried again", async () => {
    const hasher = new BlockHasher();
    await block(hasher);
    const worker = FakeWorker.made[0]!;
    worker.answer(null);
    const lost = block(hasher);
    worker.onerror();
    await expect(lost).rejects.toMatchObject({ code: "unavailable" });
    expect(worker.isEnded).toBe(true);
    await block(hasher);
  });
});

describe("a digest", () => {
  const content = filled(6 * MIB + 5, 3);

  it("is computed in this thread when its worker does not begin", async () => {
    const digest = await startDigest();
    const updated = digest.update(content);
    FakeWorker.made[0]!.onerror();
    await updated;
    expect(await digest.hex()).toBe(await sha256Hex(content));
    expect(FakeWorker.made[0]).toMatchObject({ got: [], isEnded: true });
  });

  it("comes from the worker once that has begun, with all that waited for it", async () => {
    const digest = await startDigest();
    const worker = FakeWorker.made[0]!;
    await digest.update(filled(10));
    const hex = digest.hex();
    worker.answer({ kind: "begun" });
    await vi.waitFor(() => expect(worker.got.at(-1)).toBeNull(), 15_000);
    expect((worker.got[0] as [ArrayBuffer, number])[1]).toBe(10);
    worker.answer({ kind: "digest", hex: "abc" });
    expect(await hex).toBe("abc");
  });

  it("is refused as what may be tried again when its worker ends on the way", async () => {
    const digest = await startDigest();
    const worker = FakeWorker.made[0]!;
    worker.answer({ kind: "begun" });
    const updated = digest.update(content); // waits for memory that never comes back
    worker.answer({ kind: "failed" });
    await expect(updated).rejects.toMatchObject({ code: "unavailable" });
  });
});
