/**
 * What this browser keeps (IndexedDB): one profile, settings, uploads under way, waiting changes.
 * No secret in clear: what is secret is sealed by the `StateKey` before it comes here.
 */
import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { KdfParams } from "../crypto/sign-in-words.ts";
import type { Settings } from "../engine/interface.ts";
import type { Floor } from "../vault/index/note.ts";

/** What a device has pinned of an account, and its sealed secrets. */
export interface Profile {
  readonly email: string;
  readonly name: string;
  readonly account: string;
  readonly kdf: KdfParams;
  /** The current certificate, merged. */
  readonly certificate: string;
  readonly sealCertificate: string;
  readonly sealedKey: string;
  readonly sealMac: string;
  readonly keyId: string;
  readonly fingerprint: string;
  readonly ipnsName: string;
  /** The newest index this device has seen: it refuses to go below. */
  readonly floor: Floor | null;
  readonly isSignedIn: boolean;
  /** Sealed: the device's token. */
  readonly sealedDevice: string | null;
  /** Sealed: IPNS key and recovery parts, from sign-up until the first index is stored. */
  readonly sealedFirstIndex: string | null;
  /** Sealed: the kit that has not been proven yet. */
  readonly sealedKit: string | null;
}

export type TaskKind = "rekey" | "past" | "new" | "notice" | "permission" | "end" | "sessions";

/** An upload under way; `sealed` holds its names, session key and salt. */
export interface UploadRecord {
  readonly id: string;
  /** What it is where it is no file of hers: a report on its way to a new key, what is still to be gone through or seen. */
  readonly kind?: TaskKind;
  readonly sizeBytes: number;
  readonly lastModified: number;
  readonly sealed: string;
  /** The server's upload that its blocks went to. */
  readonly upload: string | null;
  readonly started: number;
  /**
   * Where the file is, if the browser lets a page keep that. It cannot be sealed: it names a file of
   * this computer to whoever reads the browser's own data there, until the upload has ended.
   */
  readonly handle?: FileSystemFileHandle;
}

/** CIDs of leaves, recorded before they are sent, 36 octets each. */
export interface LeavesRecord {
  readonly upload: string;
  readonly first: number;
  readonly cids: Uint8Array;
}

/** A change that waits for the server, sealed. */
export interface WaitingChange {
  readonly id?: number;
  readonly sealed: string;
}

interface Schema extends DBSchema {
  profile: { key: string; value: Profile };
  settings: { key: string; value: Settings };
  uploads: { key: string; value: UploadRecord };
  leaves: { key: [string, number]; value: LeavesRecord };
  changes: { key: number; value: WaitingChange };
}

const ONE = "one";
const ATTEMPT = "sign-up ";

/** The same on a shared computer, where nothing outlives the page. */
class Memory {
  profile: Profile | null = null;
  readonly uploads = new Map<string, UploadRecord>();
  readonly leaves = new Map<string, LeavesRecord[]>();
  readonly changes = new Map<number, string>();
  private lastChange = 0;

  addLeaves(record: LeavesRecord): void {
    const before = this.leaves.get(record.upload);
    if (before === undefined) this.leaves.set(record.upload, [record]);
    else before.push(record);
  }

  addChange(sealed: string): void {
    this.changes.set(++this.lastChange, sealed);
  }
}

export class Store {
  private readonly db: IDBPDatabase<Schema> | null;
  /** Null but on a shared computer. */
  private memory: Memory | null = null;
  /** Sign-ups that this page began and does not know the end of; beyond it they are among the profiles. */
  private readonly begun = new Map<string, Profile>();

  private constructor(db: IDBPDatabase<Schema> | null) {
    this.db = db;
  }

  static async open(): Promise<Store> {
    const db = await openDB<Schema>("hygieia", 1, {
      upgrade(fresh) {
        fresh.createObjectStore("profile");
        fresh.createObjectStore("settings");
        fresh.createObjectStore("uploads", { keyPath: "id" });
        fresh.createObjectStore("leaves", { keyPath: ["upload", "first"] });
        fresh.createObjectStore("changes", { keyPath: "id", autoIncrement: true });
      },
    });
    return new Store(db);
  }

  /** From now on nothing is kept beyond this page. */
  shareComputer(isShared: boolean): void {
    this.memory = isShared ? new Memory() : null;
  }

  get isSharedComputer(): boolean {
    return this.memory !== null;
  }

  async profile(): Promise<Profile | null> {
    if (this.memory !== null) return this.memory.profile;
    return (await this.db?.get("profile", ONE)) ?? null;
  }

  /** Saves a profile; a newer index seen meanwhile, in another tab, is not forgotten over it. */
  async save(profile: Profile): Promise<Profile> {
    if (this.memory !== null) return (this.memory.profile = higher(profile, this.memory.profile));
    const transaction = this.db!.transaction("profile", "readwrite");
    const merged = higher(profile, (await transaction.store.get(ONE)) ?? null);
    await transaction.store.put(merged, ONE);
    await transaction.done;
    return merged;
  }

  /** Changes what is kept of `account`, as another tab may have left it just now; null if nothing is kept of it. */
  async amend(account: string, change: Partial<Profile>): Promise<Profile | null> {
    if (this.memory !== null) {
      const { profile } = this.memory;
      return profile?.account === account ? (this.memory.profile = higher({ ...profile, ...change }, profile)) : null;
    }
    const transaction = this.db!.transaction("profile", "readwrite");
    const before = await transaction.store.get(ONE);
    const amended = before?.account === account ? higher({ ...before, ...change }, before) : null;
    if (amended !== null) await transaction.store.put(amended, ONE);
    await transaction.done;
    return amended;
  }

  /** Raises the floor of `account`'s index; never lowers it. */
  async raiseFloor(account: string, floor: Floor): Promise<void> {
    await this.amend(account, { floor });
  }

  // -- sign-ups begun, beside the profile: none takes the place of another, or of what is pinned

  /** Sign-ups of `email` whose answer may have been lost. */
  async attempts(email: string): Promise<Profile[]> {
    const found = new Map(this.begun);
    if (this.memory === null) for (const each of await this.keptAttempts()) found.set(each.account, each);
    return [...found.values()].filter((each) => each.email === email);
  }

  private async keptAttempts(): Promise<Profile[]> {
    return (await this.db?.getAll("profile", IDBKeyRange.bound(ATTEMPT, `${ATTEMPT}\uffff`))) ?? [];
  }

  async saveAttempt(profile: Profile): Promise<void> {
    if (this.memory === null) await this.db?.put("profile", profile, ATTEMPT + profile.account);
    this.begun.set(profile.account, profile);
  }

  async dropAttempt(account: string): Promise<void> {
    this.begun.delete(account);
    if (this.memory === null) await this.db?.delete("profile", ATTEMPT + account);
  }

  /** Forgets the account and all that is kept of it; of a guest's, nothing but what this page holds is kept. */
  async forget(): Promise<void> {
    this.begun.clear();
    if (this.memory !== null) {
      this.memory = new Memory();
      return;
    }
    for (const name of ["profile", "uploads", "leaves", "changes"] as const) await this.db?.clear(name);
  }

  async settings(): Promise<Settings | null> {
    return (await this.db?.get("settings", ONE)) ?? null;
  }

  async saveSettings(settings: Settings): Promise<void> {
    await this.db?.put("settings", settings, ONE);
  }

  // -- uploads under way

  async uploads(): Promise<UploadRecord[]> {
    return (await this.records()).filter(({ kind }) => kind === undefined);
  }

  /** What else is under way, oldest first. */
  async tasks(wanted: TaskKind): Promise<UploadRecord[]> {
    return (await this.records()).filter(({ kind }) => kind === wanted);
  }

  private async records(): Promise<UploadRecord[]> {
    const all = this.memory === null ? ((await this.db?.getAll("uploads")) ?? []) : [...this.memory.uploads.values()];
    return all.sort((a, b) => a.started - b.started);
  }

  async upload(id: string): Promise<UploadRecord | undefined> {
    return this.memory === null ? this.db?.get("uploads", id) : this.memory.uploads.get(id);
  }

  async saveUpload(record: UploadRecord): Promise<void> {
    if (this.memory !== null) {
      this.memory.uploads.set(record.id, record);
      return;
    }
    try {
      await this.db?.put("uploads", record);
    } catch (error) {
      // A browser that gives handles and keeps none: the file will have to be chosen again.
      if (record.handle === undefined || !isNotCloned(error)) throw error;
      const rest: Partial<UploadRecord> & { handle?: unknown } = { ...record };
      delete rest.handle;
      await this.db?.put("uploads", rest as UploadRecord);
    }
  }

  async dropUpload(id: string): Promise<void> {
    if (this.memory === null) await this.db?.delete("uploads", id);
    else this.memory.uploads.delete(id);
    await this.dropLeaves(id);
  }

  async leaves(upload: string): Promise<LeavesRecord[]> {
    if (this.memory !== null) return this.memory.leaves.get(upload) ?? [];
    return (await this.db?.getAll("leaves", IDBKeyRange.bound([upload, 0], [upload, Infinity]))) ?? [];
  }

  async saveLeaves(record: LeavesRecord): Promise<void> {
    if (this.memory === null) await this.db?.put("leaves", record);
    else this.memory.addLeaves(record);
  }

  async dropLeaves(upload: string): Promise<void> {
    if (this.memory === null) await this.db?.delete("leaves", IDBKeyRange.bound([upload, 0], [upload, Infinity]));
    else this.memory.leaves.delete(upload);
  }

  // -- changes that wait for the server

  async changes(): Promise<WaitingChange[]> {
    if (this.memory !== null) return [...this.memory.changes].map(([id, sealed]) => ({ id, sealed }));
    return (await this.db?.getAll("changes")) ?? [];
  }

  async addChange(sealed: string): Promise<void> {
    if (this.memory === null) await this.db?.add("changes", { sealed });
    else this.memory.addChange(sealed);
  }

  async replaceChange(id: number, sealed: string): Promise<void> {
    if (this.memory === null) await this.db?.put("changes", { id, sealed });
    else this.memory.changes.set(id, sealed);
  }

  async dropChange(id: number): Promise<void> {
    if (this.memory === null) await this.db?.delete("changes", id);
    else this.memory.changes.delete(id);
  }
}

function isNotCloned(error: unknown): boolean {
  return error instanceof DOMException && error.name === "DataCloneError";
}

/** With the floor of `before`, if that is higher and of the same index: an account begun anew has another. */
function higher(profile: Profile, before: Profile | null): Profile {
  if (before?.account !== profile.account || before.ipnsName !== profile.ipnsName) return profile;
  const isHigher = (before.floor?.sequence ?? 0) > (profile.floor?.sequence ?? 0);
  return isHigher ? { ...profile, floor: before.floor } : profile;
}
