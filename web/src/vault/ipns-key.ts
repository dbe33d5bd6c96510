/** The account's IPNS key and the records it signs (docs/spec/13-index.md §7). */
import { fromHex, hex, randomBytes, type Bytes } from "../bytes.ts";
import { importSigning } from "../crypto/keys.ts";
import { createRecord, nameOf } from "../ipld/ipns.ts";
import type { Cid } from "../ipld/cid.ts";
import { LIMITS } from "../limits.ts";

/** A 32-byte Ed25519 seed, used for nothing but IPNS records. */
export class IpnsKey {
  readonly name: string;
  private readonly secret: Bytes;
  private readonly key: CryptoKey;
  private readonly publicKey: Bytes;

  private constructor(secret: Bytes, key: CryptoKey, publicKey: Bytes) {
    this.secret = secret;
    this.key = key;
    this.publicKey = publicKey;
    this.name = nameOf(publicKey);
  }

  static async of(secretHex: string): Promise<IpnsKey> {
    const secret = fromHex(secretHex);
    return new IpnsKey(secret, ...(await importSigning(secret)));
  }

  static make(): Promise<IpnsKey> {
    return IpnsKey.of(hex(randomBytes(32)));
  }

  get secretHex(): string {
    return hex(this.secret);
  }

  /** A record for a hundred years: freshness comes from the sequence, not from expiry. */
  signRecord(root: Cid, sequence: number): Promise<Bytes> {
    const days = (LIMITS.IPNS_VALIDITY_YEARS * 1461) / 4;
    const until = new Date((Math.floor(Date.now() / 1000) + days * 86_400) * 1000);
    const signer = {
      publicKey: this.publicKey,
      sign: async (message: Uint8Array) =>
        new Uint8Array(await crypto.subtle.sign("Ed25519", this.key, message as Bytes)),
    };
    return createRecord(signer, root, sequence, until);
  }
}
