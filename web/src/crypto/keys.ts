/**
 * Secret keys in use (docs/spec/03-keys.md): an Ed25519 key that signs and a Curve25519
 * key that opens, held as WebCrypto keys in the worker.
 */
import { concat, equal, fromHex, randomBytes, utf8, utf8Length, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { invalid, refusal } from "../refusal.ts";
import { armor, PUBLIC_KEY } from "./armor.ts";
import { Certificate, type EncryptionSubkey } from "./certificates.ts";
import { curve25519Body, ed25519Body, OWN_ECDH_PARAMS, TAG, writePacket } from "./key-packets.ts";
import {
  composeSignature,
  critical,
  KIND,
  plain,
  signedSubkey,
  signedUserId,
  SUBPACKET,
  type Signer,
} from "./signatures.ts";
import { normaliseEmail } from "./sign-in-words.ts";
import { nowSeconds } from "./times.ts";

const SECRET_BYTES = 32;
// PKCS #8 around a 32-octet seed or scalar (RFC 8410 §7): the only raw form WebCrypto imports.
const PKCS8_ED25519 = fromHex("302e020100300506032b657004220420");
const PKCS8_X25519 = fromHex("302e020100300506032b656e04220420");

/** The 32 octets of each secret, for locking alone. */
export interface KeySecrets {
  readonly signing: Bytes;
  readonly decryption: Bytes;
}

/** A user's own key, open: signs as `certificate` and opens what is encrypted to it. */
export class UnlockedKey implements Signer {
  readonly certificate: Certificate;
  readonly encryptionSubkey: EncryptionSubkey;
  private readonly signing: CryptoKey;
  private readonly decryption: CryptoKey;
  private readonly raw: KeySecrets;
  private isClosed = false;

  private constructor(
    certificate: Certificate,
    subkey: EncryptionSubkey,
    signing: CryptoKey,
    decryption: CryptoKey,
    raw: KeySecrets,
  ) {
    this.certificate = certificate;
    this.encryptionSubkey = subkey;
    this.signing = signing;
    this.decryption = decryption;
    this.raw = raw;
  }

  /**
   * Joins secrets and certificate. The public points are computed from the secrets and compared, so
   * an altered certificate or secret key is caught before anything is signed or encrypted; throws
   * `key-mismatch` (threats MS-04, MS-05).
   */
  static async join(certificate: Certificate, raw: KeySecrets): Promise<UnlockedKey> {
    const [signing, signingPoint] = await importSecret("Ed25519", PKCS8_ED25519, raw.signing);
    const [decryption, point] = await importSecret("X25519", PKCS8_X25519, raw.decryption);
    if (!equal(signingPoint, certificate.signingPoint)) {
      throw refusal("key-mismatch", "The secret key does not belong to this certificate.");
    }
    const matching = (await certificate.decryptionSubkeys()).filter((each) => equal(each.point, point));
    const [subkey] = matching;
    const isOwn =
      subkey !== undefined &&
      matching.length === 1 &&
      subkey.params.hash === OWN_ECDH_PARAMS.hash &&
      subkey.params.cipher === OWN_ECDH_PARAMS.cipher;
    if (!isOwn) {
      throw refusal("key-mismatch", "The secret decryption key does not belong to this certificate.");
    }
    return new UnlockedKey(certificate, subkey, signing, decryption, raw);
  }

  get keyId(): string {
    return this.certificate.keyId;
  }

  get primaryBody(): Uint8Array {
    return this.certificate.primaryBody;
  }

  /** Ed25519 over an OpenPGP signature digest: 64 octets. Throws `interrupted` once it is closed. */
  async sign(digest: Uint8Array): Promise<Uint8Array> {
    this.requireOpen();
    return new Uint8Array(await crypto.subtle.sign("Ed25519", this.signing, digest as Bytes));
  }

  /**
   * The secret shared with `point`, or null for a point that is none or forces a known secret. Throws
   * `interrupted` once it is closed.
   */
  async ecdh(point: Uint8Array): Promise<Bytes | null> {
    this.requireOpen();
    return sharedSecret(this.decryption, point);
  }

  /** For locking under a passphrase alone. Throws `interrupted` once it is closed. */
  secrets(): KeySecrets {
    this.requireOpen();
    return this.raw;
  }

  withCertificate(certificate: Certificate): Promise<UnlockedKey> {
    return UnlockedKey.join(certificate, this.secrets());
  }

  /** Overwrites the secrets that this layer can reach; whoever still holds the key can do nothing with it. */
  close(): void {
    this.isClosed = true;
    this.raw.signing.fill(0);
    this.raw.decryption.fill(0);
  }

  private requireOpen(): void {
    if (this.isClosed) throw refusal("interrupted", "The vault was locked.");
  }
}

export async function sharedSecret(own: CryptoKey, point: Uint8Array): Promise<Bytes | null> {
  try {
    const other = await crypto.subtle.importKey("raw", point as Bytes, "X25519", false, []);
    const algorithm = { name: "X25519", public: other };
    const shared = new Uint8Array(await crypto.subtle.deriveBits(algorithm, own, 256));
    return shared.some((octet) => octet !== 0) ? shared : null;
  } catch {
    return null;
  }
}

/** A bare Ed25519 key, for IPNS records. */
export async function importSigning(seed: Uint8Array): Promise<[key: CryptoKey, publicKey: Bytes]> {
  return importSecret("Ed25519", PKCS8_ED25519, seed);
}

async function importSecret(
  name: "Ed25519" | "X25519",
  head: Uint8Array,
  secret: Uint8Array,
): Promise<[key: CryptoKey, publicKey: Bytes]> {
  const usages: KeyUsage[] = name === "Ed25519" ? ["sign"] : ["deriveBits"];
  const encoded = concat(head, secret);
  // The extractable twin only tells the public point, then it is dropped.
  const twin = await crypto.subtle.importKey("pkcs8", encoded, name, true, usages);
  const { x } = await crypto.subtle.exportKey("jwk", twin);
  const key = await crypto.subtle.importKey("pkcs8", encoded, name, false, usages);
  encoded.fill(0);
  const point = atob(x!.replace(/-/g, "+").replace(/_/g, "/"));
  return [key, Uint8Array.from(point, (letter) => letter.charCodeAt(0))];
}

/** Makes a new key for `Name <email>`; throws `invalid-input` for a name or email not allowed. */
export function generateKey(name: string, email: string): Promise<UnlockedKey> {
  const raw = { signing: randomBytes(SECRET_BYTES), decryption: randomBytes(SECRET_BYTES) };
  return assembleKey(name, email, nowSeconds(), raw);
}

/** The key and certificate that follow from these secrets; deterministic. */
export async function assembleKey(
  name: string,
  email: string,
  created: number,
  secrets: KeySecrets,
): Promise<UnlockedKey> {
  const userId = utf8(`${checkName(name)} <${normaliseEmail(email)}>`.trimStart());
  const raw = { signing: secrets.signing, decryption: clamped(secrets.decryption) };
  const [signing, signingPoint] = await importSigning(raw.signing);
  const [, point] = await importSecret("X25519", PKCS8_X25519, raw.decryption);
  const primary = ed25519Body(created, signingPoint);
  const subkey = curve25519Body(created, point);
  const signer: Signer = {
    primaryBody: primary,
    sign: async (digest) =>
      new Uint8Array(await crypto.subtle.sign("Ed25519", signing, digest as Bytes)),
  };
  const certification = await composeSignature(
    KIND.POSITIVE_CERTIFICATION,
    signedUserId(primary, userId),
    signer,
    created,
    [
      critical(SUBPACKET.KEY_FLAGS, [3]), // certify, sign
      plain(SUBPACKET.PREFERRED_CIPHERS, [9]), // AES-256
      plain(SUBPACKET.PREFERRED_HASHES, [10, 8]), // SHA-512, SHA-256; pgpy loads no others
      plain(SUBPACKET.PREFERRED_COMPRESSION, [0]),
      plain(SUBPACKET.FEATURES, [9]), // SEIPD version 1 and version 2
      plain(SUBPACKET.PREFERRED_AEAD_SUITES, [9, 3, 9, 2]), // AES-256 GCM, then OCB
      plain(SUBPACKET.PRIMARY_USER_ID, [1]),
    ],
  );
  const binding = await composeSignature(
    KIND.SUBKEY_BINDING,
    signedSubkey(primary, subkey),
    signer,
    created,
    [critical(SUBPACKET.KEY_FLAGS, [0x0c])], // both encryption flags
  );
  const packets = concat(
    writePacket(TAG.PUBLIC_KEY, primary),
    writePacket(TAG.USER_ID, userId),
    writePacket(TAG.SIGNATURE, certification),
    writePacket(TAG.PUBLIC_SUBKEY, subkey),
    writePacket(TAG.SIGNATURE, binding),
  );
  return UnlockedKey.join(await Certificate.parse(armor(PUBLIC_KEY, packets), created), raw);
}

/** A person's name for the user id, trimmed; throws `invalid-input`. */
export function checkName(text: string): string {
  const name = text.trim();
  if (utf8Length(name) > LIMITS.MAX_NAME_BYTES) {
    throw invalid("name", "too-long", `A name has at most ${LIMITS.MAX_NAME_BYTES} bytes.`);
  }
  // The zero-width joiners are letters' business in Persian and the scripts of India.
  const shown = name.replace(/\u200c|\u200d| /g, "");
  if (/[\p{C}\p{Z}<>]/u.test(shown)) {
    throw invalid("name", "characters", "A name has no control characters and neither < nor >.");
  }
  return name;
}

/** RFC 7748 §5: programs that store scalars clamped refuse others. */
function clamped(scalar: Bytes): Bytes {
  const octets = scalar.slice();
  octets[0] = octets[0]! & 0xf8;
  octets[31] = (octets[31]! & 0x7f) | 0x40;
  return octets;
}
