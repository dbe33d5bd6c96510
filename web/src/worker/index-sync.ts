/**
 * Keeps the vault's index: every change, against a second device, after a crash (docs/spec/13). A
 * change uploads the few new blocks and asks the server to move from the root it was based on to
 * the new one, with the IPNS record in the same request. Who loses that race reads the winner's
 * index and applies the change again. No server can make a device go back below its floor.
 */
import * as answers from "../api/answers.ts";
import type { Gateways } from "../api/gateways.ts";
import type { Transport } from "../api/transport.ts";
import { base64 } from "../bytes.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import { parseCid, type Cid } from "../ipld/cid.ts";
import { LIMITS } from "../limits.ts";
import { isRefusal, refusal, type EngineError } from "../refusal.ts";
import { changesAnything, readersTouched, type Change } from "../vault/index/changes.ts";
import { ipnsKeyOf, makeKeysFile, withDigests, type RecoveryParts } from "../vault/index/keys.ts";
import { loadReaders, openIndex } from "../vault/index/read.ts";
import { isPurged, READERS, tableOf, findReport, type IndexState } from "../vault/index/state.ts";
import { applyChanges, newIndex, rekeyIndex, type IndexUpdate } from "../vault/index/write.ts";
import type { IpnsKey } from "../vault/ipns-key.ts";
import { noReaders, type Readers } from "../vault/share-note.ts";
import { BatchSender, readBack, withUpload } from "./sending.ts";
import type { Store } from "./store.ts";
import { newerHead } from "./trail.ts";

const ATTEMPTS = 8;

interface Parts {
  readonly transport: Transport;
  readonly store: Store;
  readonly source: Gateways;
  readonly key: UnlockedKey;
  readonly account: string;
}

interface ServerIndex {
  readonly root: Cid | null;
  readonly rev: number;
}

export class IndexSync {
  /** The newest index that was verified. */
  state: IndexState;
  readonly ipnsKey: IpnsKey;
  /** Told after each new state. */
  onChange: (state: IndexState) => void = () => {};
  /** Why the last change did not sign the server's activity trail as it is now. */
  trailError: EngineError | null = null;
  private readonly parts: Parts;
  /** The server's counter; null when it was not asked (reading through gateways). */
  private rev: number | null;
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(parts: Parts, state: IndexState, ipnsKey: IpnsKey, rev: number | null) {
    this.parts = parts;
    this.state = state;
    this.ipnsKey = ipnsKey;
    this.rev = rev;
  }

  /**
   * Reads and verifies the account's index. Throws `not-found` (there is none yet), `rollback`,
   * `fork`, `unreachable`, and what `openIndex` throws.
   */
  static async open(parts: Parts, ipnsName: string): Promise<IndexSync> {
    const floor = (await parts.store.profile())?.floor ?? null;
    let server: ServerIndex | null = null;
    try {
      server = await serverIndex(parts.transport);
    } catch (error) {
      if (!isRefusal(error, "unreachable", "unavailable")) throw error;
    }
    const root = server === null ? await rootFromGateways(parts, ipnsName) : rootOf(server, floor !== null);
    const state = await openIndex(parts.source, root, parts.key, { floor }).catch((error: unknown) => {
      // A gateway may know of a newer index and have nothing of it: the last one seen here may be there.
      const seen = server === null ? (floor?.root ?? root) : root;
      if (seen === root || !isRefusal(error, "block-missing", "block-refused", "unreachable")) throw error;
      return openIndex(parts.source, seen, parts.key, { floor });
    });
    const ipnsKey = await ipnsKeyOf(state.keys, parts.key.certificate);
    if (ipnsKey.name !== ipnsName) {
      throw refusal("key-mismatch", "The server names another vault index than this key's.");
    }
    const sync = new IndexSync(parts, state, ipnsKey, server?.rev ?? null);
    await sync.remember();
    return sync;
  }

  /** Writes the first index of an account that has none. */
  static async create(parts: Parts, ipnsKey: IpnsKey, recovery: RecoveryParts): Promise<IndexSync> {
    const created = formatTime(nowSeconds());
    const keys = await withDigests(await makeKeysFile(parts.key, ipnsKey, created), recovery);
    const update = await newIndex(keys, parts.key, created);
    const server = await serverIndex(parts.transport);
    if (server.root !== null) throw refusal("conflict", "The account has an index already.");
    const sync = new IndexSync(parts, update.state, ipnsKey, server.rev);
    await sync.commit(update);
    return sync;
  }

  /** Applies `changes`, durable on the server when this resolves. Coalesce: one call for many. */
  change(changes: readonly Change[]): Promise<void> {
    return this.update(async () => {
      const { parts } = this;
      this.state = await loadReaders(parts.source, this.state, readersTouched(this.state, changes));
      return applyChanges(this.state, await this.withHead(changes), parts.key, formatTime(nowSeconds()));
    });
  }

  /** Remembers the digests of a new kit's recovery parts. */
  async setRecoveryParts(recovery: RecoveryParts): Promise<void> {
    await this.change([{ kind: "set-keys", keys: await withDigests(this.state.keys, recovery) }]);
  }

  /** Gives the index a new session key, as after a change of password. */
  rotate(): Promise<void> {
    return this.update(async () => {
      this.state = await loadReaders(this.parts.source, this.state);
      return rekeyIndex(this.state, this.parts.key, formatTime(nowSeconds()), await this.newerHead());
    });
  }

  /** What changes anything also signs the activity trail as far as it was verified. */
  private async withHead(changes: readonly Change[]): Promise<readonly Change[]> {
    const isItself = changes.some(({ kind }) => kind === "set-log-head");
    if (isItself || !changesAnything(this.state, changes)) return changes;
    const head = await this.newerHead();
    return head === null ? changes : [...changes, { kind: "set-log-head", head }];
  }

  /**
   * The activity trail's head, if it went on from the one that this index signs. A trail that does not
   * is not signed, and stops no change: the person is told.
   */
  private async newerHead(): Promise<string | null> {
    const { transport, account } = this.parts;
    try {
      const head = await newerHead(transport, account, this.state.note.log_head);
      this.trailError = null;
      return head;
    } catch (error) {
      if (!isRefusal(error, "activity-altered", "activity-gap")) throw error;
      this.trailError = error;
      return null;
    }
  }

  /** The index's own list of who reads a report. */
  async readersOf(id: string): Promise<Readers> {
    const place = tableOf(this.state, "reports").places?.get(id);
    if (place === undefined) return noReaders(id);
    const number = Math.floor(place / LIMITS.SEGMENT_ENTRIES);
    await this.loadReaders([number]);
    const row = tableOf(this.state, READERS).segments[number]?.rows?.[place % LIMITS.SEGMENT_ENTRIES];
    return row === undefined || isPurged(row) ? noReaders(id) : (row as Readers);
  }

  /** Reads segments of the table `readers`, all of them where none is named. */
  loadReaders(numbers?: readonly number[]): Promise<void> {
    return this.inTurn(async () => {
      this.state = await loadReaders(this.parts.source, this.state, numbers);
    });
  }

  /** Reads what other devices have changed since. */
  refresh(): Promise<void> {
    return this.inTurn(() => this.readAgain());
  }

  /** Tells the server which root the kit just written names: it stays pinned until the next kit. */
  async setKitRoot(): Promise<{ root: Cid; sequence: number }> {
    return this.inTurn(async () => {
      const { root, note } = this.state;
      const answer = await this.parts.transport.call("PUT", "/index/kit", { body: { root } });
      this.rev = answers.number(answer, "rev");
      return { root, sequence: note.sequence };
    });
  }

  knows(id: string): boolean {
    return findReport(this.state, id) !== undefined;
  }

  private update(make: () => Promise<IndexUpdate | null>): Promise<void> {
    return this.inTurn(async () => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (this.rev === null) await this.readAgain();
        const update = await make();
        if (update === null) return;
        try {
          await this.commit(update);
          return;
        } catch (error) {
          if (!isRefusal(error, "stale-revision")) throw error;
          await this.readAgain();
          // Was it our own change that had won, and only its answer was lost?
          if (this.state.root === update.state.root) return;
        }
      }
      throw refusal("conflict", "Other devices are changing the vault's index; try again shortly.");
    });
  }

  /** Uploads what is new and moves the server on to it. Throws `stale-revision`. */
  private async commit({ state, blocks }: IndexUpdate): Promise<void> {
    const { transport, source } = this.parts;
    const { sequence } = state.note;
    const record = await this.ipnsKey.signRecord(state.root, sequence);
    const [rev, sample] = await withUpload(transport, async (upload) => {
      const sender = new BatchSender(transport, upload);
      await sender.addAll(blocks);
      await sender.flush();
      const body = { upload, root: state.root, sequence, record: base64(record) };
      const answer = await transport.call("PUT", "/index", { body, ifMatch: this.rev! });
      if (answer["root"] !== state.root) {
        throw refusal("rollback", "The server acknowledged another index than the one sent.");
      }
      return [answers.number(answer, "rev"), sender.sample];
    });
    await readBack(source, sample, state.root);
    await this.become(state, rev);
  }

  private async readAgain(): Promise<void> {
    const { transport, store, source, key } = this.parts;
    const server = await serverIndex(transport);
    const floor = (await store.profile())?.floor ?? null;
    const root = rootOf(server, floor !== null);
    if (root === this.state.root) {
      this.rev = server.rev;
      return;
    }
    const state = await openIndex(source, root, key, { floor, known: this.state });
    await this.become(state, server.rev);
  }

  private async become(state: IndexState, rev: number): Promise<void> {
    this.state = state;
    this.rev = rev;
    await this.remember();
    this.onChange(state);
  }

  private async remember(): Promise<void> {
    const { root, note } = this.state;
    await this.parts.store.raiseFloor(this.parts.account, { sequence: note.sequence, root });
  }

  private inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.turn.then(run);
    this.turn = result.catch(() => {});
    return result;
  }
}

async function serverIndex(transport: Transport): Promise<ServerIndex> {
  const answer = await transport.call("GET", "/index");
  const root = answers.textOrNull(answer, "root");
  return { root: root === null ? null : parseCid(root), rev: answers.number(answer, "rev") };
}

function rootOf(server: ServerIndex, hasSeenOne: boolean): Cid {
  if (server.root !== null) return server.root;
  throw hasSeenOne
    ? refusal("rollback", "The server shows no index; this device has seen one.")
    : refusal("not-found", "The account has no index yet.");
}

/** With the server away: the newest record that verifies, else the newest root seen here. */
async function rootFromGateways({ source, store }: Parts, ipnsName: string): Promise<Cid> {
  const floor = (await store.profile())?.floor ?? null;
  const record = await source.newestRecord(ipnsName);
  if (record !== null && record.sequence > (floor?.sequence ?? 0)) return record.root;
  if (floor !== null && floor.root !== null) return floor.root;
  throw refusal("unreachable", "Neither the server nor a gateway can be asked for the vault's index.");
}
