/** The queue of uploads where tabs take over from each other, a file changes, and the vault is locked meanwhile. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Parcel } from "../../src/api/courier.ts";
import { Transport, type Answer } from "../../src/api/transport.ts";
import { StateKey } from "../../src/crypto/state-key.ts";
import { refusal } from "../../src/refusal.ts";
import { Store } from "../../src/worker/store.ts";
import { Storing } from "../../src/worker/storing.ts";
import { UploadClaims } from "../../src/worker/upload-claims.ts";
import { Job } from "../../src/worker/upload-jobs.ts";
import { Uploads } from "../../src/worker/uploads.ts";
import type { Vault } from "../../src/worker/vault.ts";
import { Locks } from "../server/locks.ts";

const FILE = new File(["the scan"], "scan.bin");
/** New content for a report goes on where it was, however short it is. */
const UPDATED = "report";

/** A server that opens uploads, once `opened`, and takes no blocks unless told to. */
class Refusing extends Transport {
  readonly calls: string[] = [];
  opened: Promise<void> = Promise.resolve();
  take: () => void = () => {
    throw refusal("failed", "No blocks are taken here.");
  };

  override async call(method: string, path: string): Promise<Answer> {
    this.calls.push(`${method} ${path}`);
    if (path === "/uploads") await this.opened;
    return { upload: "one" };
  }

  override async post(_path: string, _parcel: Parcel): Promise<Answer> {
    this.take();
    return {};
  }
}

let store: Store;
let stateKey: StateKey;
let ending: AbortController;
let server: Refusing;
/** How the index is read anew: not at all, but in tests that need it. */
let readIndex: () => Promise<void>;
/** How often the index of the vault was asked for. */
let askedIndex: number;
let uploads: Uploads;

/** An open vault in as far as uploads use it. */
function openVault(): Vault {
  ending = new AbortController();
  const { signal } = ending;
  server = new Refusing("http://vault.example");
  readIndex = () => Promise.reject(refusal("failed", "There is no index."));
  const vault = {
    store,
    session: { stateKey },
    transport: server,
    closing: signal,
    requireOpen: () => {
      if (signal.aborted) throw refusal("interrupted", "The vault was locked.");
    },
    index: {
      knows: () => false,
      refresh: () => readIndex(),
      get state() {
        // As a locked vault answers; at last otherwise, so that a queue without an end ends.
        throw refusal(signal.aborted && ++askedIndex < 100 ? "interrupted" : "failed", "There is no index.");
      },
    },
  };
  return vault as unknown as Vault;
}

/** As the door does it. */
function lock(): void {
  uploads.close();
  ending.abort();
}

/** Leaves an upload of FILE as another page has it now. */
async function leave(job: Job): Promise<void> {
  await store.saveUpload(await job.toRecord(stateKey));
}

async function kept(): Promise<Job> {
  const [record] = await store.uploads();
  return Job.fromRecord(record!, stateKey);
}

const states = (): string[] => uploads.view.current.items.map(({ state }) => state);
const become = (state: string): Promise<void> => vi.waitFor(() => expect(states()).toEqual([state]), { timeout: 15_000 });

/** Waits until another tab can have it. */
async function isFree(id: string): Promise<void> {
  const take = async (): Promise<void> => expect(await new UploadClaims().take(id)).toBe(true);
  await vi.waitFor(take, { timeout: 15_000 });
}

beforeEach(async () => {
  vi.stubGlobal("navigator", { locks: new Locks(), userAgent: "" });
  Object.assign(globalThis, { indexedDB: new IDBFactory() });
  store = await Store.open();
  stateKey = await StateKey.of("a passphrase");
  askedIndex = 0;
  uploads = new Uploads(openVault());
});
afterEach(() => {
  lock();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("what another tab left undone", () => {
  it.each([
    ["had no secrets yet", false],
    ["was to be sealed under others, of another content", true],
  ])("goes on under the secrets that tab left, though it %s when this one opened", async (_what, hadOthers) => {
    const job = Job.of({ file: FILE }, UPDATED);
    if (hadOthers) job.refresh();
    await leave(job);
    const other = new UploadClaims();
    await other.take(job.id);
    await uploads.load();
    expect(states()).toEqual(["elsewhere"]);
    const secrets = job.refresh();
    await leave(job);
    other.close();
    await become("needs-file");
    expect(uploads.resume([FILE])).toEqual([job.id]);
    await become("failed");
    expect((await kept()).secrets).toEqual(secrets);
  });

  it("is read as that tab left it when it ended, though this one was just being opened", async () => {
    const job = Job.of({ file: FILE }, UPDATED);
    job.refresh();
    await leave(job);
    const take = UploadClaims.prototype.take;
    vi.spyOn(UploadClaims.prototype, "take").mockImplementationOnce(async function (this: UploadClaims, id) {
      job.refresh();
      await leave(job);
      return take.call(this, id);
    });
    await uploads.load();
    uploads.resume([FILE]);
    await become("failed");
    expect((await kept()).secrets).toEqual(job.secrets);
  });

  it("stays there for its next page when a password set elsewhere has sealed it since", async () => {
    const job = Job.of({ file: FILE }, UPDATED);
    await leave(job);
    const other = new UploadClaims();
    await other.take(job.id);
    await uploads.load();
    await store.saveUpload(await job.toRecord(await StateKey.of("another one")));
    other.close();
    await vi.waitFor(() => expect(states()).toEqual([]), { timeout: 15_000 });
    expect(await store.uploads()).toHaveLength(1);
    await isFree(job.id);
  });
});

describe("a file that is no longer what it was", () => {
  /** An upload of which a leaf of another content is known. */
  async function changed(): Promise<Job> {
    const job = Job.of({ file: FILE }, UPDATED);
    job.refresh();
    await leave(job);
    await store.saveLeaves({ upload: job.id, first: 0, cids: new Uint8Array(36) });
    await uploads.load();
    return job;
  }

  it("is sealed under new secrets, and nothing of the old ones is left", async () => {
    const job = await changed();
    uploads.resume([FILE]);
    await become("failed");
    expect((await kept()).secrets).not.toEqual(job.secrets);
    expect(await store.leaves(job.id)).toEqual([]);
  });

  it("leaves the old leaves known as long as the old secrets are", async () => {
    const job = await changed();
    const seal = stateKey.seal.bind(stateKey);
    let sealed = 0;
    vi.spyOn(stateKey, "seal").mockImplementation((context, document) =>
      // The page ends just before the new secrets are kept.
      ++sealed === 1 ? seal(context, document) : Promise.reject(new Error("the page ended")),
    );
    uploads.resume([FILE]);
    await become("failed");
    expect(sealed).toBe(2);
    expect((await kept()).secrets).toEqual(job.secrets);
    expect(await store.leaves(job.id)).toHaveLength(1);
  });
});

describe("a vault that is locked while files are chosen", () => {
  it("begins none of them, shows none, and keeps what is known of those it had taken", async () => {
    const save = store.saveUpload.bind(store);
    vi.spyOn(store, "saveUpload").mockImplementationOnce(async (record) => {
      lock();
      await save(record);
    });
    const added = uploads.add([{ file: FILE }, { file: FILE }]);
    await expect(added).rejects.toMatchObject({ code: "interrupted" });
    expect(await store.uploads()).toHaveLength(1);
    expect(states()).toEqual([]);
    expect(askedIndex).toBe(0);
  });

  it("tries none without end that was claimed just then", async () => {
    vi.spyOn(UploadClaims.prototype, "take").mockImplementationOnce(async () => {
      lock();
      return true;
    });
    await uploads.add([{ file: FILE }]);
    await new Promise((resolve) => setTimeout(resolve));
    expect(askedIndex).toBe(0);
    expect(states()).toEqual([]);
  });

  it("gives back at once what it claims only then", async () => {
    const claims = new UploadClaims();
    const taken = claims.take("one");
    claims.close();
    await taken;
    await isFree("one");
  });

  it("opens none that an earlier page left", async () => {
    await leave(Job.of({ file: FILE }, UPDATED));
    lock();
    await expect(uploads.load()).rejects.toMatchObject({ code: "interrupted" });
  });
});

describe("what is cancelled", () => {
  /** An upload of an earlier page, going on here. */
  async function resumed(): Promise<Job> {
    const job = Job.of({ file: FILE }, UPDATED);
    await leave(job);
    await uploads.load();
    uploads.resume([FILE]);
    return job;
  }

  /** Waits until all is over that was under way: what the server keeps of it is given up last. */
  const isOver = (): Promise<void> =>
    vi.waitFor(() => expect(server.calls).toContain("DELETE /uploads/one"), { timeout: 15_000 });

  it("is not kept when the server lets it begin only afterwards", async () => {
    let letGo!: () => void;
    server.opened = new Promise((resolve) => (letGo = resolve));
    const { id } = await resumed();
    await vi.waitFor(() => expect(server.calls).toContain("POST /uploads"), { timeout: 15_000 });
    await uploads.cancel(id);
    letGo();
    await isOver();
    expect(await store.uploads()).toEqual([]);
    expect(states()).toEqual(["cancelled"]);
  });

  it("is not kept when that was being sealed for keeping", async () => {
    const seal = stateKey.seal.bind(stateKey);
    const job = Job.of({ file: FILE }, UPDATED);
    await leave(job);
    await uploads.load();
    vi.spyOn(stateKey, "seal").mockImplementationOnce(async (...given) => {
      await uploads.cancel(job.id);
      return seal(...given);
    });
    uploads.resume([FILE]);
    await isOver();
    expect(await store.uploads()).toEqual([]);
    expect(states()).toEqual(["cancelled"]);
  });

  it("is not kept when it was only just chosen", async () => {
    const seal = stateKey.seal.bind(stateKey);
    vi.spyOn(stateKey, "seal").mockImplementationOnce(async (...given) => {
      uploads.continue(); // shows it
      await uploads.cancel(uploads.view.current.items[0]!.id);
      return seal(...given);
    });
    await uploads.add([{ file: FILE }]);
    expect(await store.uploads()).toEqual([]);
    expect(states()).toEqual(["cancelled"]);
  });

  it("is not what is being committed: nobody can say any more that nothing was added", async () => {
    let letGo!: () => void;
    readIndex = () => new Promise((resolve) => (letGo = resolve));
    server.take = () => {};
    const { id } = await resumed();
    await become("checking");
    await uploads.cancel(id);
    expect(states()).toEqual(["checking"]);
    expect(await store.uploads()).toHaveLength(1);
    letGo();
    await become("failed");
  });

  it("may be in the vault where the network was lost while it was committed, and is said to be so", async () => {
    readIndex = () => Promise.reject(refusal("unreachable", "The network is away."));
    server.take = () => {};
    const { id } = await resumed();
    await become("waiting");
    await uploads.cancel(id);
    expect(uploads.view.current.items).toMatchObject([{ state: "cancelled", mayBeAdded: true }]);
  });
});

it("a failed file that is taken off the list is forgotten, and does not come back at the next opening", async () => {
  const job = Job.of({ file: FILE }, UPDATED);
  await leave(job);
  await uploads.load();
  uploads.resume([FILE]);
  await become("failed");
  uploads.clear();
  await vi.waitFor(async () => expect(await store.uploads()).toEqual([]), { timeout: 15_000 });
});

it("a short file whose last request is lost is not told as sent: it begins anew", async () => {
  vi.spyOn(Storing.prototype, "store").mockImplementationOnce(async ([job]) => {
    Object.assign(job!, { state: "sending", sentBytes: FILE.size });
    throw refusal("unreachable", "The network is away.");
  });
  await uploads.add([{ file: FILE }]);
  await become("waiting");
  expect(uploads.view.current.items).toMatchObject([{ sentBytes: 0 }]);
});

it("what waited under a password that was changed elsewhere is shown as to be added again", async () => {
  await store.saveUpload(await Job.of({ file: FILE }, null).toRecord(await StateKey.of("the one before")));
  await uploads.load();
  expect(uploads.view.current.items).toMatchObject([
    { fileName: "", sizeBytes: FILE.size, state: "failed", error: { code: "credentials-refused" } },
  ]);
  expect(await store.uploads()).toEqual([]);
  uploads.clear();
  expect(states()).toEqual([]);
});
