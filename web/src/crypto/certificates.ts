/**
 * Certificates, parsed and checked before anyone encrypts to them or believes their signatures
 * (docs/spec/03-keys.md, RFC 9580 §10.1): the same verdicts as hygieia/openpgp/certificates.py.
 */
import { concat, hex, type Bytes } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { armor, ArmorError, dearmor, PUBLIC_KEY } from "./armor.ts";
import {
  creationTime,
  fingerprintOf,
  keyIdOf,
  readCurve25519,
  readEd25519,
  splitPackets,
  TAG,
  writePacket,
  wrong,
  type EcdhParams,
  type Packet,
} from "./key-packets.ts";
import {
  Checker,
  CLOCK_SKEW_SECONDS,
  flagsOf,
  groupComponents,
  hasEnded,
  isForEncryption,
  keyExpiry,
  mayEncryptAt,
  type BoundSubkey,
  type Component,
  type RevocationKind,
  type RevokedAt,
} from "./self-signatures.ts";
import { findSubpacket, SUBPACKET, type Signature } from "./signatures.ts";
import { nowSeconds } from "./times.ts";

const FLAG_SIGN = 0x02;

/** A subkey that may be encrypted to, with what the ECDH wrap needs. */
export interface EncryptionSubkey {
  readonly point: Bytes;
  readonly fingerprint: Bytes;
  readonly params: EcdhParams;
  readonly body: Uint8Array;
}

interface Parts {
  armored: string;
  keyId: string;
  fingerprint: Bytes;
  name: string;
  email: string;
  packets: readonly Packet[];
  signingPoint: Bytes;
  selfSignatures: readonly Signature[];
  revocations: readonly RevokedAt[];
  subkeys: readonly BoundSubkey[];
  verified: ReadonlySet<string>;
}

/** A certificate whose every binding was verified. `name` and `email` are its own words. */
export class Certificate {
  readonly armored: string;
  /** 64 hex digits (docs/spec/01): its identity. */
  readonly keyId: string;
  /** 20 octets: for display and other programs. */
  readonly fingerprint: Bytes;
  readonly name: string;
  readonly email: string;
  readonly packets: readonly Packet[];
  readonly signingPoint: Bytes;
  private readonly parts: Parts;

  private constructor(parts: Parts) {
    this.parts = parts;
    this.armored = parts.armored;
    this.keyId = parts.keyId;
    this.fingerprint = parts.fingerprint;
    this.name = parts.name;
    this.email = parts.email;
    this.packets = parts.packets;
    this.signingPoint = parts.signingPoint;
  }

  /** Reads and checks an armored certificate; throws `certificate-refused`. */
  static async parse(armored: string, now = nowSeconds()): Promise<Certificate> {
    let data: Bytes;
    try {
      data = dearmor(PUBLIC_KEY, armored, LIMITS.MAX_CERTIFICATE_BYTES);
    } catch (error) {
      if (error instanceof ArmorError) throw wrong("This is not an armored OpenPGP certificate.");
      throw error;
    }
    return Certificate.fromPackets(armored, splitPackets(data, LIMITS.MAX_CERTIFICATE_PACKETS), now);
  }

  private static async fromPackets(armored: string, packets: Packet[], now: number): Promise<Certificate> {
    const [primary, ...rest] = groupComponents(packets);
    const { body } = primary.packet;
    const signingPoint = readEd25519(body);
    if (creationTime(body) > now + CLOCK_SKEW_SECONDS) {
      throw wrong("A certificate says that it was made in the future.");
    }
    const checker = await Checker.of(body, signingPoint, now);
    const [direct, revocations] = await checker.primary(primary.signatures);
    const userIds = await checker.userIds(rest);
    const subkeys = await checker.subkeys(rest);
    const words = userIds.map(([userId]) => splitUserId(userId));
    return new Certificate({
      armored,
      keyId: await keyIdOf(body),
      fingerprint: await fingerprintOf(body),
      name: words.find((each) => each.name !== "")?.name ?? "",
      email: words.find((each) => each.email !== "")?.email ?? "",
      packets,
      signingPoint,
      selfSignatures: [userIds[0]![1], ...direct],
      revocations,
      subkeys,
      verified: checker.verified,
    });
  }

  get primaryBody(): Bytes {
    return this.packets[0]!.body;
  }

  get created(): number {
    return creationTime(this.primaryBody);
  }

  get isRevoked(): boolean {
    return this.parts.revocations.length > 0;
  }

  /** The gravest revocation, or null. */
  get revocationKind(): RevocationKind | null {
    const kinds = new Set(this.parts.revocations.map(({ kind }) => kind));
    for (const kind of ["compromised", "retired", "superseded"] as const) if (kinds.has(kind)) return kind;
    return null;
  }

  /** When the primary key ends, in seconds since 1970; null: never. */
  get expires(): number | null {
    return keyExpiry(this.created, this.said(SUBPACKET.KEY_EXPIRATION), this.parts.selfSignatures[0]!);
  }

  /** A subpacket about the primary key: its user id's certification before a direct one. */
  private said(kind: number): Uint8Array | undefined {
    for (const signature of this.parts.selfSignatures) {
      const body = findSubpacket(signature, kind);
      if (body !== undefined) return body;
    }
    return undefined;
  }

  /** The newest subkey that may be encrypted to; throws `certificate-refused`. */
  async encryptionSubkey(at = nowSeconds()): Promise<EncryptionSubkey> {
    if (this.isRevoked) throw wrong("A certificate was revoked by its owner.");
    if (at < this.created - CLOCK_SKEW_SECONDS || hasEnded(this.expires, at)) {
      throw wrong("A certificate is expired or not valid yet.");
    }
    const usable = this.parts.subkeys.filter((subkey) => mayEncryptAt(subkey, at));
    if (usable.length === 0) {
      throw wrong("A certificate has no Curve25519 key to encrypt to that is neither revoked nor expired.");
    }
    return forEncryption(usable.reduce((a, b) => (creationTime(b.body) > creationTime(a.body) ? b : a)));
  }

  /** Every subkey ever bound for encryption: what its owner may still open. */
  decryptionSubkeys(): Promise<EncryptionSubkey[]> {
    return Promise.all(this.parts.subkeys.filter(isForEncryption).map(forEncryption));
  }

  /** Whether its primary key was flagged for signing and had not ended; nothing of compromise. */
  maySignAt(seconds: number): boolean {
    if ((flagsOf(this.said(SUBPACKET.KEY_FLAGS)) & FLAG_SIGN) === 0) return false;
    if (seconds < this.created - CLOCK_SKEW_SECONDS || hasEnded(this.expires, seconds)) return false;
    return this.parts.revocations.every(
      (each) => each.kind === "compromised" || seconds <= each.seconds + CLOCK_SKEW_SECONDS,
    );
  }

  /** This certificate with what `other` adds that this key signed; a revocation seen once stays. */
  async merge(other: Certificate, now = nowSeconds()): Promise<Certificate> {
    if (other.keyId !== this.keyId) {
      throw wrong("Two certificates of different keys cannot be merged.");
    }
    const packets = merged(groupComponents(this.packets), groupComponents(other.packets), other.parts.verified);
    return packets.length === this.packets.length ? this : Certificate.ofPackets(packets, now);
  }

  static ofPackets(packets: readonly Packet[], now = nowSeconds()): Promise<Certificate> {
    const data = concat(...packets.map(({ tag, body }) => writePacket(tag, body)));
    return Certificate.parse(armor(PUBLIC_KEY, data), now);
  }
}

/** Our components with the verified signatures theirs adds, then those only they have. */
function merged(
  ours: readonly Component[],
  theirs: readonly Component[],
  verified: ReadonlySet<string>,
): Packet[] {
  const found = new Map<string, { packet: Packet; signatures: Map<string, Packet> }>();
  const nameOf = ({ tag, body }: Packet): string => `${tag} ${hex(body)}`;
  for (const { packet, signatures } of ours) {
    found.set(nameOf(packet), { packet, signatures: new Map(signatures.map((each) => [nameOf(each), each])) });
  }
  for (const { packet, signatures } of theirs) {
    for (const each of signatures.filter(({ body }) => verified.has(hex(body)))) {
      const name = nameOf(packet);
      if (!found.has(name)) found.set(name, { packet, signatures: new Map() });
      const known = found.get(name)!.signatures;
      if (!known.has(nameOf(each))) known.set(nameOf(each), each);
    }
  }
  const rank = (tag: number): number => (tag === TAG.PUBLIC_KEY ? 0 : tag === TAG.PUBLIC_SUBKEY ? 2 : 1);
  const ordered = [...found.values()].sort((a, b) => rank(a.packet.tag) - rank(b.packet.tag));
  return ordered.flatMap(({ packet, signatures }) => [packet, ...signatures.values()]);
}

async function forEncryption({ body }: BoundSubkey): Promise<EncryptionSubkey> {
  const [point, params] = readCurve25519(body);
  return { point, params, body, fingerprint: await fingerprintOf(body) };
}

/** Name and address of `Name <email>`; a user id of another shape is one or the other. */
function splitUserId(userId: Uint8Array): { name: string; email: string } {
  const text = new TextDecoder().decode(userId);
  const bracket = text.lastIndexOf("<");
  if (bracket >= 0 && text.endsWith(">")) {
    return { name: text.slice(0, bracket).trim(), email: text.slice(bracket + 1, -1).trim() };
  }
  const word = text.trim();
  return text.includes("@") && !text.includes(" ") ? { name: "", email: word } : { name: word, email: "" };
}
