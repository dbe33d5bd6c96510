/** An open vault: the account's key, its index, its kit. */
import * as answers from "../api/answers.ts";
import type { Gateways } from "../api/gateways.ts";
import type { Transport } from "../api/transport.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";
import type { Kit, Notice, ReportList } from "../engine/interface.ts";
import { LIMITS } from "../limits.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { withDigests, type KeysFile } from "../vault/index/keys.ts";
import { peopleOf } from "../vault/index/state.ts";
import {
  checkAgainst,
  KIT_FILE_NAME,
  kitLines,
  readKit,
  writeKit,
  type KitFile,
} from "../vault/kit.ts";
import type { People } from "../vault/people.ts";
import { IndexSync } from "./index-sync.ts";
import { KIT, type Recovery, type Session, type Sessions } from "./session.ts";
import type { Store } from "./store.ts";

interface Parts {
  readonly store: Store;
  readonly transport: Transport;
  readonly gateways: Gateways;
  readonly sessions: Sessions;
}

export class Vault {
  readonly store: Store;
  readonly transport: Transport;
  readonly gateways: Gateways;
  session: Session;
  /** Reports that the server names and that could not be opened. */
  refused: ReportList["refused"] = [];
  /** Whether delegations, or their ends, wait in the inbox. */
  hasMessages = false;
  /** Changes of readers that are under way: the index follows each at its end. */
  changingReaders = 0;
  /** Told of what she has to see. */
  onNotice: (notice: Notice) => void = () => {};
  private readonly sessions: Sessions;
  private readonly ending = new AbortController();
  private sync: IndexSync | null = null;

  constructor(parts: Parts, session: Session) {
    this.store = parts.store;
    this.transport = parts.transport;
    this.gateways = parts.gateways;
    this.sessions = parts.sessions;
    this.session = session;
  }

  get key() {
    return this.session.key;
  }

  /** Aborted when the vault is locked: what is under way ends. */
  get closing(): AbortSignal {
    return this.ending.signal;
  }

  /** Throws `interrupted` once the vault is locked. */
  requireOpen(): void {
    if (this.ending.signal.aborted) throw refusal("interrupted", "The vault was locked.");
  }

  /** The vault is locked: nothing is opened, signed or shown by it any more. */
  close(): void {
    this.ending.abort();
    this.key.close();
  }

  /** The index; throws `unavailable` until it was read. */
  get index(): IndexSync {
    if (this.sync === null) throw refusal("unavailable", "The vault's list has not been read yet.");
    return this.sync;
  }

  get isRead(): boolean {
    return this.sync !== null;
  }

  people(): People {
    return peopleOf(this.index.state, this.key.certificate);
  }

  /** Reads the index as it is now, or stores the first one. */
  async readIndex(): Promise<void> {
    if (this.sync !== null) return this.sync.refresh();
    const { profile } = this.session;
    try {
      this.sync = await IndexSync.open(this.indexParts(), profile.ipnsName);
    } catch (error) {
      if (!isRefusal(error, "not-found")) throw error;
      await this.createIndex();
    }
  }

  private indexParts() {
    const { store, transport, gateways: source, key, session } = this;
    return { store, transport, source, key, account: session.profile.account };
  }

  /** Stores the first index; also after a crash between sign-up and this. */
  async createIndex(): Promise<void> {
    const first = await this.sessions.firstIndex(this.session);
    if (first === null) {
      throw refusal("not-found", "This vault has no index yet: open it on the device where you signed up.");
    }
    this.sync = await IndexSync.create(this.indexParts(), first.ipnsKey, first.parts);
  }

  // -- the kit

  /** The kit of the sign-up, unless it was made: until then its code is kept here, and nobody has seen it. */
  async makeFirstKit(): Promise<void> {
    if (this.session.profile.sealedFirstIndex === null) return;
    // As it is now: another tab may have made the kit, and she may have proven it there.
    await this.remember({});
    const first = await this.sessions.firstIndex(this.session).catch((error: unknown) => {
      // The password was changed on another device: what the old one sealed opens no more.
      if (!isRefusal(error, "credentials-refused")) throw error;
      return null;
    });
    if (first === null) return;
    const isNeeded = this.session.profile.sealedKit === null && (await holds(this.index.state.keys, first.parts));
    if (isNeeded) await this.makeKit(first);
    await this.remember({ sealedFirstIndex: null });
  }

  /** A kit under `recovery`, sealed in this browser until it is proven. */
  async makeKit(recovery: Recovery): Promise<Kit> {
    const kit = await this.kitOf(recovery.parts);
    const file = await writeKit(kit);
    const kept = { code: recovery.code, file: new TextDecoder().decode(file) };
    await this.remember({ sealedKit: await this.session.stateKey.seal(KIT, kept) });
    return shown(kit, file, recovery.code);
  }

  /** A new code and the kit that goes with it; earlier codes open no newer kit. */
  async renewKit(password: string): Promise<Kit> {
    const recovery = await this.sessions.renewRecovery(this.session, password);
    await this.index.setRecoveryParts(recovery.parts);
    return this.makeKit(recovery);
  }

  /** The file written afresh under the code she has; throws `kit-refused`. */
  async freshKitFile(): Promise<Kit> {
    const account = await this.transport.call("GET", "/account");
    const kit = await this.kitOf({
      recovery_key: answers.text(account, "recovery_key"),
      recovery_mac: answers.text(account, "recovery_mac"),
      revocation: answers.text(account, "revocation"),
    });
    await checkAgainst(kit, this.index.state.keys, this.key.certificate);
    return shown(kit, await writeKit(kit), "");
  }

  async pendingKit(): Promise<Kit | null> {
    const { profile, stateKey } = this.session;
    if (profile.sealedKit === null) return null;
    const kept = (await stateKey.open(KIT, profile.sealedKit)) as { code: string; file: string };
    const file = new TextEncoder().encode(kept.file);
    return shown(await readKit(file), file, kept.code);
  }

  async dropPendingKit(): Promise<void> {
    await this.remember({ sealedKit: null });
  }

  /** The kit for the current index, which the server then keeps pinned. */
  private async kitOf(parts: Recovery["parts"]): Promise<KitFile> {
    const { profile } = this.session;
    const server = await this.transport.call("GET", "/server");
    const gateways = answers.texts(server, "gateways").slice(0, LIMITS.MAX_GATEWAYS - 1);
    const { root, sequence } = await this.index.setKitRoot();
    return {
      email: profile.email,
      account: profile.account,
      kdf: profile.kdf,
      certificate: profile.sealCertificate,
      sealed_key: profile.sealedKey,
      seal_mac: profile.sealMac,
      ...parts,
      ipns_name: this.index.ipnsKey.name,
      index_cid: root,
      sequence,
      gateways: [...new Set([...gateways, this.transport.origin])],
      server: this.transport.origin,
      created: formatTime(nowSeconds()),
    };
  }

  private async remember(change: Partial<Session["profile"]>): Promise<void> {
    const { profile } = this.session;
    const kept = await this.store.amend(profile.account, change);
    this.session = { ...this.session, profile: kept ?? { ...profile, ...change } };
  }
}

/** Whether the index still names these parts: a kit made since has others. */
async function holds(keys: KeysFile, parts: Recovery["parts"]): Promise<boolean> {
  const { digests } = await withDigests(keys, parts);
  return Object.entries(digests).every(([name, digest]) => keys.digests[name] === digest);
}

function shown(kit: KitFile, file: Uint8Array<ArrayBuffer>, code: string): Kit {
  return {
    file,
    fileName: KIT_FILE_NAME,
    code,
    groups: code === "" ? [] : code.split("-"),
    email: kit.email,
    server: kit.server,
    ipnsName: kit.ipns_name,
    created: kit.created,
    byHand: kitLines(kit),
  };
}
