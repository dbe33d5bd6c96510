/**
 * Secret keys locked by a passphrase with plain OpenPGP S2K, usage 254 (docs/spec/03). What may stand
 * in a locked key is checked here; OpenPGP.js derives the S2K key and does the CFB.
 */
import { bigEndian, concat, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { EngineError, refusal } from "../refusal.ts";
import { armor, ArmorError, dearmor, PRIVATE_KEY } from "./armor.ts";
import {
  CURVE25519_BODY_BYTES,
  ED25519_BODY_BYTES,
  padded32,
  splitPackets,
  TAG,
  writeMpi,
  writePacket,
  type Packet,
} from "./key-packets.ts";
import { equal } from "../bytes.ts";
import type { KeySecrets, UnlockedKey } from "./keys.ts";

/** 65,536 octets: a seal passphrase already is 256 bits of Argon2id. */
export const COUNT_FOR_STRETCHED = 0x60;
/** The most that the format can ask: part of a recovery code may be seen over a shoulder. */
export const COUNT_FOR_CODE = 0xff;

const SPECIFIER_BYTES = 29; // usage, cipher, S2K type, hash, salt, count, IV

export interface OpenedSecrets extends KeySecrets {
  readonly primaryBody: Uint8Array;
  readonly subkeyBody: Uint8Array;
}

/** The armored secret key: the certificate's packets, its two keys locked by `passphrase`. */
export async function lockKey(key: UnlockedKey, passphrase: string, count: number): Promise<string> {
  const { signing, decryption } = key.secrets();
  const parts: Uint8Array[] = [];
  for (const { tag, body } of key.certificate.packets) {
    if (tag === TAG.PUBLIC_KEY) {
      parts.push(writePacket(TAG.SECRET_KEY, await lockOne(body, signing, passphrase, count)));
    } else if (equal(body, key.encryptionSubkey.body)) {
      // OpenPGP writes this scalar as a big-endian number (RFC 9580 §5.5.5.6.1.1).
      const scalar = decryption.slice().reverse();
      parts.push(writePacket(TAG.SECRET_SUBKEY, await lockOne(body, scalar, passphrase, count)));
    } else {
      parts.push(writePacket(tag, body));
    }
  }
  return armor(PRIVATE_KEY, concat(...parts));
}

async function lockOne(
  body: Uint8Array,
  secret: Uint8Array,
  passphrase: string,
  count: number,
): Promise<Uint8Array> {
  const openpgp = await import("openpgp/lightweight");
  const mpi = writeMpi(secret);
  const sum = mpi.reduce((total, octet) => (total + octet) & 0xffff, 0);
  const packet = new openpgp.SecretKeyPacket();
  await packet.read(concat(body, [0], mpi, bigEndian(sum, 2)));
  await packet.encrypt(passphrase, {
    ...openpgp.config,
    aeadProtect: false,
    s2kType: openpgp.enums.s2k.iterated,
    s2kIterationCountByte: count,
  });
  return packet.write();
}

/**
 * Opens a locked key; throws `sealed-key-refused`. Exactly one secret primary and one secret subkey,
 * both locked: unprotected, dummy, Argon2 and additional keys are refused (threats MS-02, MS-06).
 */
export async function unlockKey(armored: string, passphrase: string): Promise<OpenedSecrets> {
  let packets: Packet[];
  try {
    const data = dearmor(PRIVATE_KEY, armored, LIMITS.MAX_SEALED_KEY_BYTES);
    packets = splitPackets(data, LIMITS.MAX_CERTIFICATE_PACKETS);
  } catch (error) {
    if (error instanceof ArmorError || error instanceof EngineError) {
      throw wrong("The sealed key is not an armored OpenPGP secret key.");
    }
    throw error;
  }
  const tags: readonly number[] = [TAG.SECRET_KEY, TAG.SECRET_SUBKEY, TAG.PUBLIC_KEY, TAG.PUBLIC_SUBKEY];
  const [primary, subkey, ...more] = packets.filter(({ tag }) => tags.includes(tag));
  if (primary?.tag !== TAG.SECRET_KEY || subkey?.tag !== TAG.SECRET_SUBKEY || more.length > 0) {
    throw wrong("The sealed key is not one primary key with one subkey.");
  }
  return {
    primaryBody: primary.body.slice(0, ED25519_BODY_BYTES),
    subkeyBody: subkey.body.slice(0, CURVE25519_BODY_BYTES),
    signing: await openOne(primary.body, ED25519_BODY_BYTES, passphrase),
    decryption: (await openOne(subkey.body, CURVE25519_BODY_BYTES, passphrase)).reverse(),
  };
}

async function openOne(body: Uint8Array, publicBytes: number, passphrase: string): Promise<Bytes> {
  const locked = body.subarray(publicBytes);
  const [usage, cipher, specifier, hash] = locked;
  if (usage !== 254 || cipher !== 9) throw wrong("The sealed key is not locked, or not as a seal is.");
  if (specifier !== 3 || (hash !== 8 && hash !== 10) || locked.length < SPECIFIER_BYTES) {
    throw wrong("The sealed key is locked in a way that is not accepted.");
  }
  const openpgp = await import("openpgp/lightweight");
  const packet = new openpgp.SecretKeyPacket();
  try {
    await packet.read(body as Bytes);
    await packet.decrypt(passphrase);
  } catch {
    throw wrong("The sealed key does not open with this passphrase.");
  }
  const secret = (packet.privateParams as { seed?: Uint8Array; d?: Uint8Array } | null) ?? {};
  const found = secret.seed ?? secret.d;
  if (found === undefined || found.length > 32) throw wrong("The sealed key holds a malformed secret.");
  return padded32(found);
}

function wrong(message: string): EngineError {
  return refusal("sealed-key-refused", message);
}
