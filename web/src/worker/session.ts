/**
 * The account on this device: sign-up, sign-in, unlock (docs/spec/09-accounts.md). Nothing that the
 * server says about "your" key is believed that password, pins and the key in hand do not confirm
 * (docs/spec/02, 03; threats MS-01 to MS-07).
 */
import * as answers from "../api/answers.ts";
import type { Answer, Transport } from "../api/transport.ts";
import { normalisePassword, stretch, type Stretched } from "../crypto/kdf.ts";
import { checkName, generateKey, type UnlockedKey } from "../crypto/keys.ts";
import { makeCode } from "../crypto/recovery-code.ts";
import { sealForRecovery, sealKey, sealRevocation, unsealKey, type SealedKey } from "../crypto/seals.ts";
import {
  checkKdf,
  DEFAULT_KDF,
  isAccountId,
  normaliseEmail,
  type KdfParams,
} from "../crypto/sign-in-words.ts";
import { StateKey } from "../crypto/state-key.ts";
import { isRefusal, refusal } from "../refusal.ts";
import type { RecoveryParts } from "../vault/index/keys.ts";
import { IpnsKey } from "../vault/ipns-key.ts";
import { makeId } from "../vault/words.ts";
import { checkStrength } from "./password-strength.ts";
import { agreeWithPins, DEVICE, deviceToken, pinned, pinnedSeal } from "./pins.ts";
import type { Profile, Store } from "./store.ts";

const FIRST_INDEX = "first index 1";
export const KIT = "kit 1";

/** An account whose key is open in this worker. */
export interface Session {
  readonly profile: Profile;
  readonly key: UnlockedKey;
  readonly stateKey: StateKey;
}

/** A recovery code just made, and what it seals. */
export interface Recovery {
  readonly code: string;
  readonly parts: RecoveryParts;
}

export interface FirstIndex {
  readonly ipnsKey: IpnsKey;
  readonly parts: RecoveryParts;
  readonly code: string;
}

export type Report = (step: "password" | "keys" | "kit" | "account" | "index", percent: number) => void;

export class Sessions {
  private readonly store: Store;
  private readonly transport: Transport;

  constructor(store: Store, transport: Transport) {
    this.store = store;
    this.transport = transport;
  }

  /**
   * Makes keys here and an account for them. The first index is the caller's next step; until it is
   * stored, the key that names the vault lives on this device alone, sealed before the server is
   * asked. Throws `invalid-input`, `duplicate`, `forbidden`.
   */
  async signUp(
    request: { email: string; name: string; password: string; invite?: string },
    report: Report,
  ): Promise<[Session, FirstIndex]> {
    const email = normaliseEmail(request.email);
    const name = checkName(request.name);
    const password = await checkStrength(request.password, { email, name });
    await this.refuseOther(email);
    const account = accountFor(request.invite);
    report("password", 5);
    const stretched = await stretch(password, email, account, DEFAULT_KDF);
    report("keys", 30);
    const key = await generateKey(name, email);
    const sealed = await sealKey(key, stretched, { email, account }, DEFAULT_KDF);
    report("kit", 45);
    const recovery = await makeRecovery(key);
    const ipnsKey = await IpnsKey.make();
    const stateKey = await StateKey.of(stretched.sealPassphrase);
    const kept = { ipns_key: ipnsKey.secretHex, parts: recovery.parts, code: recovery.code };
    const profile: Profile = {
      ...pinned(email, name, account, key, sealed),
      ipnsName: ipnsKey.name,
      sealedFirstIndex: await stateKey.seal(FIRST_INDEX, kept),
    };
    report("account", 75);
    await this.store.save(profile);
    const body = {
      account,
      email,
      name,
      certificate: key.certificate.armored,
      ...sealJson(sealed, stretched),
      ...recovery.parts,
      ipns_name: ipnsKey.name,
      ...(request.invite === undefined ? {} : { invite: request.invite }),
    };
    const answer = await this.opening("/accounts", body, profile);
    const session = await this.begin(profile, key, stateKey, answer);
    return [session, { ipnsKey, parts: recovery.parts, code: recovery.code }];
  }

  /** A refusal undoes what was kept; a lost answer does not: the account may have been made. */
  private async opening(path: string, body: object, profile: Profile): Promise<Answer> {
    try {
      return await this.startWith(path, body);
    } catch (error) {
      if (!isRefusal(error, "unreachable", "unavailable", "interrupted")) await this.store.forget();
      else await this.store.save(profile);
      throw error;
    }
  }

  /** The cookie carries the session, or, on a shared computer, this worker's memory. */
  async startWith(path: string, body: object): Promise<Answer> {
    const isShared = this.store.isSharedComputer;
    this.transport.token = null;
    const request = { ...body, label: deviceLabel(), cookie: !isShared };
    const answer = await this.transport.call("POST", path, { body: request, isRepeatable: false });
    if (isShared) this.transport.token = answers.text(answer, "token");
    return answer;
  }

  /** Throws `credentials-refused`, `kdf-refused`, `sealed-key-refused`, `key-mismatch`, `rollback`. */
  async signIn(request: { email: string; password: string }, report: Report): Promise<Session> {
    const email = normaliseEmail(request.email);
    const password = normalisePassword(request.password);
    await this.refuseOther(email);
    const known = await this.store.profile();
    const [account, params] = await this.parameters(email, known);
    report("password", 10);
    const stretched = await stretch(password, email, account, params);
    report("account", 50);
    const stateKey = await StateKey.of(stretched.sealPassphrase);
    const device = await deviceToken(known, stateKey);
    const body = { email, login_secret: stretched.loginSecret, ...(device === null ? {} : { device }) };
    const answer = await this.startWith("/sessions", body);
    report("keys", 70);
    try {
      return await this.accept(email, account, stretched, stateKey, answer, known);
    } catch (error) {
      // The session was begun for whoever answers so: it is not used.
      await this.transport.call("DELETE", "/sessions/current").catch(() => {});
      throw error;
    }
  }

  /** Asks how to stretch, and refuses what only a lying server would answer (MS-01 to MS-03). */
  private async parameters(email: string, known: Profile | null): Promise<[string, KdfParams]> {
    const answer = await this.transport.call("POST", "/sign-in/parameters", {
      body: { email },
      isRepeatable: true,
    });
    const params = checkKdf(answer["kdf"]);
    const { account } = answer;
    if (!isAccountId(account)) {
      throw refusal("kdf-refused", "The server names no account to stretch the password for.");
    }
    if (known !== null && known.account !== account) {
      throw refusal("kdf-refused", "The server answers with another account than this device knows.");
    }
    return [account, params];
  }

  private async accept(
    email: string,
    account: string,
    stretched: Stretched,
    stateKey: StateKey,
    answer: Answer,
    known: Profile | null,
  ): Promise<Session> {
    const document = answers.part(answer, "account");
    if (document["email"] !== email || document["account"] !== account) {
      throw refusal("key-mismatch", "The server answered with another account.");
    }
    const sealed = sealedOf(document);
    const current = answers.text(document, "certificate");
    let key = await unsealKey(sealed, stretched, { email, account }, current);
    if (known !== null) key = await agreeWithPins(key, document, known);
    const profile: Profile = {
      ...pinned(email, answers.text(document, "name"), account, key, sealed),
      // Believed until the index opens: its naming key, signed by the key in hand, is the proof.
      ipnsName: answers.text(document, "ipns_name"),
      floor: known?.floor ?? null,
      sealedFirstIndex: known?.sealedFirstIndex ?? null,
      sealedKit: known?.sealedKit ?? null,
    };
    return this.begin(profile, key, stateKey, answer);
  }

  /** Remembers the session that the server has just started. */
  async begin(profile: Profile, key: UnlockedKey, stateKey: StateKey, answer: Answer): Promise<Session> {
    const device = answers.text(answer, "device");
    const sealedDevice = await stateKey.seal(DEVICE, { device });
    const saved = await this.store.save({ ...profile, sealedDevice, isSignedIn: true });
    return { profile: saved, key, stateKey };
  }

  /** Opens the key from what this device has pinned; the server is not asked. */
  async unlock(typed: string): Promise<Session> {
    const profile = await this.store.profile();
    if (profile === null || !profile.isSignedIn) throw refusal("not-signed-in", "Nobody is signed in here.");
    const stretched = await this.stretchPinned(profile, typed);
    const stateKey = await StateKey.of(stretched.sealPassphrase);
    const { certificate } = profile;
    const key = await unsealKey(pinnedSeal(profile), stretched, profile, certificate);
    if (key.keyId !== profile.keyId) {
      throw refusal("integrity", "The saved profile does not belong together; sign in anew.");
    }
    return { profile, key, stateKey };
  }

  /** Stretches the current password again; throws `credentials-refused` when it is another one. */
  async stretchPinned(profile: Profile, typed: string): Promise<Stretched> {
    let password: string;
    try {
      password = normalisePassword(typed);
    } catch {
      throw refusal("credentials-refused", "The password is wrong.");
    }
    const stretched = await stretch(password, profile.email, profile.account, profile.kdf);
    if (profile.sealedDevice !== null) {
      await (await StateKey.of(stretched.sealPassphrase)).open(DEVICE, profile.sealedDevice);
    }
    return stretched;
  }

  /** Seals the same key under a new password; every other session ends. */
  async changePassword(session: Session, current: string, next: string, report: Report): Promise<Session> {
    const { profile, key } = session;
    const password = await checkStrength(next, profile);
    report("password", 5);
    const old = await this.stretchPinned(profile, current);
    const stretched = await stretch(password, profile.email, profile.account, DEFAULT_KDF);
    report("keys", 40);
    const sealed = await sealKey(key, stretched, profile, DEFAULT_KDF);
    const account = await this.transport.call("GET", "/account");
    report("account", 60);
    await this.transport.call("PUT", "/account/seal", {
      body: {
        current_login_secret: old.loginSecret,
        seal_certificate: sealed.certificate,
        ...sealJson(sealed, stretched),
      },
      ifMatch: answers.number(account, "rev"),
    });
    return this.adopt(session, sealed, stretched);
  }

  private async adopt(session: Session, sealed: SealedKey, stretched: Stretched): Promise<Session> {
    const { profile, key, stateKey: old } = session;
    const stateKey = await StateKey.of(stretched.sealPassphrase);
    const again = async (context: string, kept: string | null): Promise<string | null> =>
      kept === null ? null : stateKey.seal(context, await old.open(context, kept));
    const saved = await this.store.save({
      ...profile,
      kdf: sealed.params,
      sealCertificate: sealed.certificate,
      sealedKey: sealed.armored,
      sealMac: sealed.mac,
      sealedDevice: await again(DEVICE, profile.sealedDevice),
      sealedFirstIndex: await again(FIRST_INDEX, profile.sealedFirstIndex),
      sealedKit: await again(KIT, profile.sealedKit),
    });
    return { profile: saved, key, stateKey };
  }

  /** A new recovery code, stored at the server; the old one opens no kit written after. */
  async renewRecovery(session: Session, password: string): Promise<Recovery> {
    const stretched = await this.stretchPinned(session.profile, password);
    const recovery = await makeRecovery(session.key);
    const account = await this.transport.call("GET", "/account");
    await this.transport.call("PUT", "/account/recovery", {
      body: { current_login_secret: stretched.loginSecret, ...recovery.parts },
      ifMatch: answers.number(account, "rev"),
    });
    return recovery;
  }

  /** What this device keeps for the first index since the sign-up; null once it is stored. */
  async firstIndex({ profile, stateKey }: Session): Promise<FirstIndex | null> {
    if (profile.sealedFirstIndex === null) return null;
    const kept = (await stateKey.open(FIRST_INDEX, profile.sealedFirstIndex)) as {
      ipns_key: string;
      parts: RecoveryParts;
      code: string;
    };
    return { ipnsKey: await IpnsKey.of(kept.ipns_key), parts: kept.parts, code: kept.code };
  }

  /** One profile is one account: what it has pinned must not be lost to another one's. */
  private async refuseOther(email: string): Promise<void> {
    const profile = await this.store.profile();
    if (profile !== null && profile.email !== email) {
      throw refusal("conflict", "This browser belongs to another account; sign that one out first.");
    }
  }
}

async function makeRecovery(key: UnlockedKey): Promise<Recovery> {
  const code = await makeCode();
  const seal = await sealForRecovery(key, code);
  const revocation = await sealRevocation(key, code);
  return { code, parts: { recovery_key: seal.armored, recovery_mac: seal.mac, revocation } };
}

/** The fields of a new seal, as sign-up and reset send them. */
export function sealJson(sealed: SealedKey, stretched: Stretched) {
  const { m, t, p } = sealed.params;
  return {
    kdf: { m, t, p },
    sealed_key: sealed.armored,
    seal_mac: sealed.mac,
    login_secret: stretched.loginSecret,
  };
}

function sealedOf(document: Answer): SealedKey {
  return {
    certificate: answers.text(document, "seal_certificate"),
    armored: answers.text(document, "sealed_key"),
    mac: answers.text(document, "seal_mac"),
    params: checkKdf(document["kdf"]),
  };
}

/** A new id, or, after the operator's reset (`r-ACCOUNT-RANDOM`), the one whose reports are there. */
function accountFor(invite: string | undefined): string {
  const [kind, account] = (invite ?? "").split("-");
  return kind === "r" && isAccountId(account) ? account : makeId();
}

/** What a list of devices shows of this one: browser and system, no more. */
function deviceLabel(): string {
  const agent = typeof navigator === "undefined" ? "" : navigator.userAgent;
  const browser = /Firefox|Edg|OPR|Chrome|Safari/.exec(agent)?.[0] ?? "Browser";
  const system = /Windows|Android|iPhone|iPad|Mac OS X|Linux/.exec(agent)?.[0] ?? "";
  return `${browser.replace("Edg", "Edge").replace("OPR", "Opera")}${system === "" ? "" : ` · ${system}`}`;
}
