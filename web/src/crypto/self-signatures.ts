/**
 * What a certificate's own key says of its parts: grouped, verified, weighed (RFC 9580 §10.1,
 * §5.2.1; hygieia/openpgp/self_signatures.py). One `Checker` serves one certificate and has one
 * budget for all of its signatures.
 */
import { hex } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import {
  checkVersion,
  creationTime,
  fingerprintOf,
  hashedKey,
  isCurve25519,
  TAG,
  wrong,
  type Packet,
} from "./key-packets.ts";
import {
  createdOf,
  findSubpacket,
  hasKnownHash,
  hasUnknownCritical,
  KIND,
  namesIssuer,
  parseSignature,
  secondsOf,
  signedSubkey,
  signedUserId,
  SUBPACKET,
  verifies,
  type Signature,
} from "./signatures.ts";

export const CLOCK_SKEW_SECONDS = LIMITS.CLOCK_SKEW_SECONDS;
const MAX_USER_ID_BYTES = 1024;
const MAX_CHECKED_SIGNATURES = 64;
const MAX_SUBKEYS = 16;
const FLAGS_ENCRYPT = 0x0c;

/** What a revocation means for signatures made before it (RFC 9580 §5.2.3.31). */
export type RevocationKind = "superseded" | "retired" | "compromised";

export interface RevokedAt {
  readonly kind: RevocationKind;
  readonly seconds: number;
}

/** A key, user id or subkey packet with the signatures that follow it. */
export interface Component {
  readonly packet: Packet;
  readonly signatures: readonly Packet[];
}

/** A subkey that its primary key binds, by a signature that verifies. */
export interface BoundSubkey {
  readonly body: Uint8Array;
  readonly binding: Signature;
  readonly revocations: readonly RevokedAt[];
}

export function isForEncryption({ binding, body }: BoundSubkey): boolean {
  return (flagsOf(findSubpacket(binding, SUBPACKET.KEY_FLAGS)) & FLAGS_ENCRYPT) !== 0 && isCurve25519(body);
}

export function mayEncryptAt(subkey: BoundSubkey, seconds: number): boolean {
  const created = creationTime(subkey.body);
  const expiration = findSubpacket(subkey.binding, SUBPACKET.KEY_EXPIRATION);
  const expires = keyExpiry(created, expiration, subkey.binding);
  return (
    isForEncryption(subkey) &&
    subkey.revocations.length === 0 &&
    seconds >= created - CLOCK_SKEW_SECONDS &&
    !hasEnded(expires, seconds)
  );
}

export class Checker {
  /** Bodies, in hex, of the signature packets that verified. */
  readonly verified = new Set<string>();
  private readonly body: Uint8Array;
  private readonly point: Uint8Array;
  private readonly fingerprint: Uint8Array;
  private readonly latest: number;
  private budget = MAX_CHECKED_SIGNATURES;

  private constructor(body: Uint8Array, point: Uint8Array, fingerprint: Uint8Array, now: number) {
    this.body = body;
    this.point = point;
    this.fingerprint = fingerprint;
    this.latest = now + CLOCK_SKEW_SECONDS;
  }

  static async of(body: Uint8Array, point: Uint8Array, now: number): Promise<Checker> {
    return new Checker(body, point, await fingerprintOf(body), now);
  }

  /** Direct-key signatures of the primary key, newest first, and its revocations. */
  async primary(signatures: readonly Packet[]): Promise<[Signature[], RevokedAt[]]> {
    const valid = await this.own(signatures, hashedKey(this.body));
    const direct = valid.filter(({ kind }) => kind === KIND.DIRECT_KEY);
    direct.sort((a, b) => made(b) - made(a));
    return [direct, revocations(valid, KIND.KEY_REVOCATION)];
  }

  /** Certified user ids with their newest certification: flagged primary first, then newest. */
  async userIds(components: readonly Component[]): Promise<[Uint8Array, Signature][]> {
    const found: { flagged: number; at: number; body: Uint8Array; certification: Signature }[] = [];
    for (const component of components) {
      if (component.packet.tag !== TAG.USER_ID) continue;
      const certification = await this.certification(component);
      if (certification === null) continue;
      const flag = findSubpacket(certification, SUBPACKET.PRIMARY_USER_ID);
      const flagged = flag?.length === 1 && flag[0] === 1 ? 1 : 0;
      found.push({ flagged, at: made(certification), body: component.packet.body, certification });
    }
    if (found.length === 0) throw wrong("A certificate has no user id signed by its own key.");
    found.sort((a, b) => b.flagged - a.flagged || b.at - a.at);
    return found.map(({ body, certification }) => [body, certification]);
  }

  private async certification({ packet, signatures }: Component): Promise<Signature | null> {
    const valid = await this.own(signatures, signedUserId(this.body, packet.body));
    const certifications = valid.filter(({ kind }) => kind >= 0x10 && kind <= 0x13);
    if (certifications.length === 0) return null;
    const newest = certifications.reduce((a, b) => (made(b) > made(a) ? b : a));
    const isWithdrawn = valid.some(
      (each) => each.kind === KIND.CERTIFICATION_REVOCATION && made(each) >= made(newest),
    );
    return isWithdrawn ? null : newest;
  }

  /** Every subkey with its newest binding; one without any makes the certificate refused. */
  async subkeys(components: readonly Component[]): Promise<BoundSubkey[]> {
    const found = components.filter(({ packet }) => packet.tag === TAG.PUBLIC_SUBKEY);
    if (found.length > MAX_SUBKEYS) throw wrong(`A certificate has more than ${MAX_SUBKEYS} subkeys.`);
    const bound: BoundSubkey[] = [];
    for (const { packet, signatures } of found) {
      checkVersion(packet.body);
      const valid = await this.own(signatures, signedSubkey(this.body, packet.body));
      const bindings = valid.filter(({ kind }) => kind === KIND.SUBKEY_BINDING);
      if (bindings.length === 0) {
        throw wrong("A certificate has a subkey that its own key does not bind.");
      }
      const binding = bindings.reduce((a, b) => (made(b) > made(a) ? b : a));
      bound.push({ body: packet.body, binding, revocations: revocations(valid, KIND.SUBKEY_REVOCATION) });
    }
    return bound;
  }

  /**
   * The verified self-signatures among `packets`. Those made in the future do not count yet, except
   * revocations. Others' certifications and hashes not accepted are passed over; one that claims to
   * be by this key and does not verify means that someone has been at the certificate.
   */
  private async own(packets: readonly Packet[], signed: Uint8Array): Promise<Signature[]> {
    const valid: Signature[] = [];
    for (const packet of packets) {
      const signature = this.claimedOwn(packet);
      if (signature === null) continue;
      if (this.budget-- === 0) {
        throw wrong(`A certificate has more than ${MAX_CHECKED_SIGNATURES} signatures of its own.`);
      }
      if (!(await verifies(signature, this.point, signed))) {
        throw wrong("A certificate has a signature that does not verify.");
      }
      this.verified.add(hex(packet.body));
      const created = createdOf(signature);
      if (created === null) continue;
      const isRevocation =
        signature.kind === KIND.KEY_REVOCATION || signature.kind === KIND.SUBKEY_REVOCATION;
      if (created <= this.latest || isRevocation) valid.push(signature);
    }
    return valid;
  }

  private claimedOwn(packet: Packet): Signature | null {
    let signature: Signature;
    try {
      signature = parseSignature(packet.body);
    } catch {
      return null;
    }
    const counts =
      namesIssuer(signature, this.fingerprint) && !hasUnknownCritical(signature) && hasKnownHash(signature);
    return counts ? signature : null;
  }
}

/** Groups packets as RFC 9580 §10.1 orders them; throws `certificate-refused`. */
export function groupComponents(packets: readonly Packet[]): [primary: Component, ...rest: Component[]] {
  const first = packets[0];
  if (first === undefined || first.tag !== TAG.PUBLIC_KEY) {
    throw wrong("A certificate does not start with a public key.");
  }
  const primary = { packet: first, signatures: [] as Packet[] };
  const groups: [typeof primary, ...(typeof primary)[]] = [primary];
  let subkeysBegun = false;
  for (const packet of packets.slice(1)) {
    if (packet.tag === TAG.SIGNATURE) {
      groups.at(-1)?.signatures.push(packet);
      continue;
    }
    const isUser = packet.tag === TAG.USER_ID || packet.tag === TAG.USER_ATTRIBUTE;
    subkeysBegun ||= packet.tag === TAG.PUBLIC_SUBKEY;
    if (packet.tag !== TAG.PUBLIC_SUBKEY && (subkeysBegun || !isUser)) {
      throw wrong("A certificate has a packet that does not belong there.");
    }
    if (packet.tag === TAG.USER_ID && packet.body.length > MAX_USER_ID_BYTES) {
      throw wrong("A certificate has a user id that is too long.");
    }
    groups.push({ packet, signatures: [] });
  }
  return groups;
}

function revocations(signatures: readonly Signature[], kind: number): RevokedAt[] {
  return signatures
    .filter((each) => each.kind === kind)
    .map((each) => ({ kind: reasonOf(each), seconds: made(each) }));
}

function reasonOf(signature: Signature): RevocationKind {
  const code = findSubpacket(signature, SUBPACKET.REVOCATION_REASON)?.[0] ?? 0;
  return code === 1 ? "superseded" : code === 3 ? "retired" : "compromised";
}

/** Creation time of a signature that a `Checker` let through, so it has one. */
function made(signature: Signature): number {
  return createdOf(signature) ?? 0;
}

export function flagsOf(body: Uint8Array | undefined): number {
  return body?.[0] ?? 0;
}

/** When a key ends, by its own expiration or by that of the signature that binds it; null: never. */
export function keyExpiry(
  keyCreated: number,
  expiration: Uint8Array | undefined,
  binding: Signature,
): number | null {
  const ends: number[] = [];
  const own = secondsOf(expiration);
  const ofBinding = secondsOf(findSubpacket(binding, SUBPACKET.SIGNATURE_EXPIRATION));
  if (own > 0) ends.push(keyCreated + own);
  if (ofBinding > 0) ends.push(made(binding) + ofBinding);
  return ends.length > 0 ? Math.min(...ends) : null;
}

/** Whether an expiry has passed, with the clock's tolerance (docs/spec/01 §4). */
export function hasEnded(expires: number | null, seconds: number): boolean {
  return expires !== null && seconds > expires + CLOCK_SKEW_SECONDS;
}
