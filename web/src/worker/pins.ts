/** What a device has pinned of an account, held against what the server says of it (threat MS-07). */
import type { Answer, Transport } from "../api/transport.ts";
import { hex } from "../bytes.ts";
import { Certificate } from "../crypto/certificates.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import type { SealedKey } from "../crypto/seals.ts";
import type { StateKey } from "../crypto/state-key.ts";
import { isRefusal, refusal } from "../refusal.ts";
import type { Profile } from "./store.ts";

/** Context under which this device's token is sealed. */
export const DEVICE = "device 1";

/** What a device remembers of an account whose key it has just opened or made. */
export function pinned(
  email: string,
  name: string,
  account: string,
  key: UnlockedKey,
  sealed: SealedKey,
): Profile {
  return {
    email,
    name,
    account,
    kdf: sealed.params,
    certificate: key.certificate.armored,
    sealCertificate: sealed.certificate,
    sealedKey: sealed.armored,
    sealMac: sealed.mac,
    keyId: key.keyId,
    fingerprint: hex(key.certificate.fingerprint),
    ipnsName: "",
    floor: null,
    isSignedIn: false,
    sealedDevice: null,
    sealedFirstIndex: null,
    sealedKit: null,
  };
}

/** The seal as it was when the account was last opened here. */
export function pinnedSeal(profile: Profile): SealedKey {
  return {
    certificate: profile.sealCertificate,
    armored: profile.sealedKey,
    mac: profile.sealMac,
    params: profile.kdf,
  };
}

/**
 * How to stretch the password of `email`: the server's answer, or what is pinned where a limit keeps it back.
 * Until the password is stretched, nothing can show the server that it knows this device. So this question
 * counts for the network, where others can use up what there is.
 */
export async function askParameters(transport: Transport, email: string, known: Profile | null): Promise<Answer> {
  const ask = (isRepeatable: boolean): Promise<Answer> =>
    transport.call("POST", "/sign-in/parameters", { body: { email }, isRepeatable });
  if (known === null) return ask(true);
  try {
    // Not repeated: a limit that others use up again and again is not to be waited for.
    return await ask(false).catch((error: unknown) => {
      if (isRefusal(error, "unreachable", "unavailable")) return ask(true);
      throw error;
    });
  } catch (error) {
    if (!isRefusal(error, "too-many-attempts")) throw error;
    return { account: known.account, kdf: known.kdf };
  }
}

/** The key, if the server's answer is about the account that this device knows; throws `key-mismatch`, `rollback`. */
export async function agreeWithPins(key: UnlockedKey, document: Answer, known: Profile): Promise<UnlockedKey> {
  if (key.keyId !== known.keyId) {
    throw refusal("key-mismatch", "The server answered with another key than this device knows.");
  }
  if (document["ipns_name"] !== known.ipnsName) {
    throw refusal("rollback", "The server names another vault index than this device knows.");
  }
  // What the device has seen of its own certificate stays: a revocation above all.
  const seen = await Certificate.parse(known.certificate);
  return key.withCertificate(await key.certificate.merge(seen));
}

/** This device's token, which only the right password brings to light. */
export async function deviceToken(known: Profile | null, stateKey: StateKey): Promise<string | null> {
  if (known === null || known.sealedDevice === null) return null;
  try {
    const kept = (await stateKey.open(DEVICE, known.sealedDevice)) as { device?: unknown };
    return typeof kept.device === "string" ? kept.device : null;
  } catch {
    return null;
  }
}
