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
import { agreeWithPins, askParameters, DEVICE, deviceToken, pinned, pinnedSeal } from "./pins.ts";
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

export interface NewAccount {
  readonly email: string;
  readonly name: string;
  readonly password: string;
  readonly invite?: string;
}

/** Keys for an account, what this device keeps of them, and what the server is sent. */
interface MadeAccount {
  readonly profile: Profile;
  readonly key: UnlockedKey;
  readonly stateKey: StateKey;
  readonly body: object;
}

/** What this device has pinned of whom it belongs to, and of sign-ups whose end it does not know. */
interface Known {
  readonly profile: Profile | null;
  readonly attempts: readonly Profile[];
}

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
   * asked. An earlier sign-up here whose answer was lost is taken up where it ended. Throws
   * `invalid-input`, `duplicate`, `forbidden`.
   */
  async signUp(request: NewAccount, report: Report): Promise<Session> {
    const email = normaliseEmail(request.email);
    const name = checkName(request.name);
    const password = await checkStrength(request.password, { email, name });
    await this.refuseOther(email);
    const earlier = await this.earlierAttempt(email, password, report);
    if (earlier !== null) return earlier;
    const made = await makeAccount({ ...request, email, name, password }, report);
    report("account", 75);
    const answer = await this.opening(made);
    return this.begin(made.profile, made.key, made.stateKey, answer);
  }

  /** Signs in to the account that an unanswered sign-up here made after all; null if none did. */
  private async earlierAttempt(email: string, password: string, report: Report): Promise<Session | null> {
    const attempts = await this.store.attempts(email);
    if (attempts.length === 0) return null;
    const { account } = await askParameters(this.transport, email, null);
    if (!attempts.some((each) => each.account === account)) return null;
    try {
      return await this.signIn({ email, password }, report);
    } catch (error) {
      // It was made, under another password: the server will say that the email has an account.
      if (!isRefusal(error, "credentials-refused")) throw error;
      return null;
    }
  }

  /** A refusal undoes what was kept; a lost answer does not: the account may have been made. */
  private async opening({ profile, body }: MadeAccount): Promise<Answer> {
    await this.store.saveAttempt(profile);
    try {
      return await this.startWith("/accounts", body);
    } catch (error) {
      if (!isRefusal(error, "unreachable", "unavailable", "interrupted")) await this.store.dropAttempt(profile.account);
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
    const known = await this.known(email);
    const [account, params] = await this.parameters(email, known);
    report("password", 10);
    const stretched = await stretch(password, email, account, params);
    report("account", 50);
    const stateKey = await StateKey.of(stretched.sealPassphrase);
    const device = await deviceToken(known.profile, stateKey);
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
  private async parameters(email: string, { profile, attempts }: Known): Promise<[string, KdfParams]> {
    const answer = await askParameters(this.transport, email, profile);
    const params = checkKdf(answer["kdf"]);
    const { account } = answer;
    if (!isAccountId(account)) {
      throw refusal("kdf-refused", "The server names no account to stretch the password for.");
    }
    const isAttempt = attempts.some((each) => each.account === account);
    if (profile !== null && profile.account !== account && !isAttempt) {
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
    { profile: last, attempts }: Known,
  ): Promise<Session> {
    const document = answers.part(answer, "account");
    if (document["email"] !== email || document["account"] !== account) {
      throw refusal("key-mismatch", "The server answered with another account.");
    }
    const sealed = sealedOf(document);
    const current = answers.text(document, "certificate");
    let key = await unsealKey(sealed, stretched, { email, account }, current);
    const pins = [...attempts, ...(last === null ? [] : [last])].filter((each) => each.account === account);
    const known = pins.find(({ keyId }) => keyId === key.keyId) ?? pins[0] ?? null;
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
    // An email has one account, and this is it.
    for (const { account } of await this.store.attempts(profile.email)) await this.store.dropAttempt(account);
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

  private async known(email: string): Promise<Known> {
    return { profile: await this.store.profile(), attempts: await this.store.attempts(email) };
  }

  /** One profile is one account: what it has pinned must not be lost to another one's. */
  private async refuseOther(email: string): Promise<void> {
    const profile = await this.store.profile();
    if (profile !== null && profile.email !== email) {
      throw refusal("conflict", "This browser belongs to another account; sign that one out first.");
    }
  }
}

async function makeAccount(request: NewAccount, report: Report): Promise<MadeAccount> {
  const { email, name, password, invite } = request;
  const account = accountFor(invite);
  report("password", 5);
  const stretched = await stretch(password, email, account, DEFAULT_KDF);
  report("keys", 30);
  const key = await generateKey(name, email);
  const sealed = await sealKey(key, stretched, { email, account }, DEFAULT_KDF);
  report("kit", 45);
  const { parts, code } = await makeRecovery(key);
  const ipnsKey = await IpnsKey.make();
  const stateKey = await StateKey.of(stretched.sealPassphrase);
  const profile: Profile = {
    ...pinned(email, name, account, key, sealed),
    ipnsName: ipnsKey.name,
    sealedFirstIndex: await stateKey.seal(FIRST_INDEX, { ipns_key: ipnsKey.secretHex, parts, code }),
  };
  const body = {
    account,
    email,
    name,
    certificate: key.certificate.armored,
    ...sealJson(sealed, stretched),
    ...parts,
    ipns_name: ipnsKey.name,
    ...(invite === undefined ? {} : { invite }),
  };
  return { profile, key, stateKey, body };
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
