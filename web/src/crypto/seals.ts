/**
 * Sealed keys: a secret key locked by the password or by the recovery code (docs/spec/03).
 * The MAC comes first: S2K usage 254 leaves public fields unauthenticated, so nothing is parsed
 * before the MAC over certificate, sealed key, account and KDF parameters has been checked.
 */
import { equal } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { isRefusal, refusal } from "../refusal.ts";
import { armor, PUBLIC_KEY } from "./armor.ts";
import { Certificate } from "./certificates.ts";
import { equalMac, macOf } from "./hkdf.ts";
import type { Stretched } from "./kdf.ts";
import { hashedKey, TAG, writePacket } from "./key-packets.ts";
import { UnlockedKey } from "./keys.ts";
import { COUNT_FOR_CODE, COUNT_FOR_STRETCHED, lockKey, unlockKey } from "./locked-keys.ts";
import { parseCode } from "./recovery-code.ts";
import { checkKdf, type KdfParams } from "./sign-in-words.ts";
import { composeSignature, KIND, plain, SUBPACKET } from "./signatures.ts";
import { nowSeconds } from "./times.ts";

/** A key under the password: `certificate` as it was at sealing, `mac` over all of it. */
export interface SealedKey {
  readonly certificate: string;
  readonly armored: string;
  readonly mac: string;
  readonly params: KdfParams;
}

/** The same key under the recovery code. */
export interface RecoverySeal {
  readonly armored: string;
  readonly mac: string;
}

export interface SealedFor {
  readonly email: string;
  readonly account: string;
}

export async function sealKey(
  key: UnlockedKey,
  stretched: Stretched,
  whom: SealedFor,
  params: KdfParams,
): Promise<SealedKey> {
  const passphrase = stretched.sealPassphrase;
  const armored = await lockKey(key, passphrase, COUNT_FOR_STRETCHED);
  await openSecrets(armored, passphrase, key.certificate);
  const { armored: certificate } = key.certificate;
  const mac = await sealMac(passphrase, whom, params, certificate, armored);
  return { certificate, armored, mac, params };
}

/**
 * Opens a sealed key under the stretched password; `currentCertificate`, what the server calls
 * "your certificate" now, is merged. Throws `kdf-refused`, `sealed-key-refused` (a wrong password
 * or anything altered), `key-mismatch`.
 */
export async function unsealKey(
  sealed: SealedKey,
  stretched: Stretched,
  whom: SealedFor,
  currentCertificate: string | null,
): Promise<UnlockedKey> {
  const params = checkKdf(sealed.params);
  checkSizes(sealed.armored, sealed.certificate);
  const passphrase = stretched.sealPassphrase;
  const expected = await sealMac(passphrase, whom, params, sealed.certificate, sealed.armored);
  if (!equalMac(sealed.mac, expected)) {
    throw refusal("sealed-key-refused", "The password is wrong, or the sealed key was changed.");
  }
  const key = await openSecrets(sealed.armored, passphrase, await ownCertificate(sealed.certificate));
  if (currentCertificate === null) return key;
  const current = await ownCertificate(currentCertificate);
  if (current.keyId !== key.keyId) {
    throw refusal("key-mismatch", "The server shows a certificate that is not of the key in hand.");
  }
  return key.withCertificate(await key.certificate.merge(current));
}

/** Throws `invalid-input` for a mistyped code. */
export async function sealForRecovery(key: UnlockedKey, typed: string): Promise<RecoverySeal> {
  const code = await parseCode(typed);
  const armored = await lockKey(key, code, COUNT_FOR_CODE);
  await openSecrets(armored, code, key.certificate);
  return { armored, mac: await recoveryMac(code, key.keyId, armored) };
}

/** Throws `invalid-input` (mistyped), `sealed-key-refused` (another code), `key-mismatch`. */
export async function unsealWithCode(
  seal: RecoverySeal,
  typed: string,
  certificate: Certificate,
): Promise<UnlockedKey> {
  const code = await parseCode(typed);
  checkSizes(seal.armored, "");
  const expected = await recoveryMac(code, certificate.keyId, seal.armored);
  if (!equalMac(seal.mac, expected)) {
    throw refusal("sealed-key-refused", "The code is wrong, or the recovery key was changed.");
  }
  return openSecrets(seal.armored, code, certificate);
}

/** A ready-made revocation without a reason, readable only with the recovery code (docs/spec/14). */
export async function sealRevocation(key: UnlockedKey, typed: string): Promise<string> {
  const code = await parseCode(typed);
  const reason = plain(SUBPACKET.REVOCATION_REASON, [0]);
  const body = await composeSignature(
    KIND.KEY_REVOCATION,
    hashedKey(key.primaryBody),
    key,
    nowSeconds(),
    [reason],
  );
  // The label under which gpg, sq and OpenPGP.js all take a revocation in.
  const text = armor(PUBLIC_KEY, writePacket(TAG.SIGNATURE, body));
  const openpgp = await import("openpgp/lightweight");
  return openpgp.encrypt({
    message: await openpgp.createMessage({ text }),
    passwords: code,
    // SKESK version 4 around SEIPD version 1: what every program opens.
    config: { aeadProtect: false, s2kType: openpgp.enums.s2k.iterated, s2kIterationCountByte: 255 },
  });
}

async function openSecrets(
  armored: string,
  passphrase: string,
  certificate: Certificate,
): Promise<UnlockedKey> {
  const opened = await unlockKey(armored, passphrase);
  const subkeys = await certificate.decryptionSubkeys();
  const isBound = subkeys.some(({ body }) => equal(body, opened.subkeyBody));
  if (!equal(opened.primaryBody, certificate.primaryBody) || !isBound) {
    throw refusal("key-mismatch", "The sealed key and its certificate are of different keys.");
  }
  return UnlockedKey.join(certificate, opened);
}

async function ownCertificate(armored: string): Promise<Certificate> {
  try {
    return await Certificate.parse(armored);
  } catch (error) {
    if (!isRefusal(error, "certificate-refused")) throw error;
    throw refusal("key-mismatch", "Your own certificate, as received, is not valid.");
  }
}

function checkSizes(armored: string, certificate: string): void {
  if (armored.length > LIMITS.MAX_SEALED_KEY_BYTES || certificate.length > LIMITS.MAX_CERTIFICATE_BYTES) {
    throw refusal("sealed-key-refused", "The sealed key is larger than any sealed key.");
  }
}

function sealMac(
  passphrase: string,
  { email, account }: SealedFor,
  { m, t, p }: KdfParams,
  certificate: string,
  sealed: string,
): Promise<string> {
  const lines = `hygieia seal 1\n${email}\n${account}\n${m} ${t} ${p}\n`;
  return macOf(passphrase, "hygieia seal-mac 1", lines + certificate + sealed);
}

function recoveryMac(code: string, keyId: string, recoveryKey: string): Promise<string> {
  return macOf(code, "hygieia recovery-mac 1", `hygieia recovery 1\n${keyId}\n${recoveryKey}`);
}
