/** Seals what a device keeps of its own under the account's password. */
import { base64, concat, fromBase64, fromUtf8, randomBytes, utf8 } from "../bytes.ts";
import { refusal } from "../refusal.ts";
import { hkdf } from "./hkdf.ts";

const NONCE_BYTES = 12;

export class StateKey {
  private readonly key: CryptoKey;

  private constructor(key: CryptoKey) {
    this.key = key;
  }

  static async of(sealPassphrase: string): Promise<StateKey> {
    const raw = await hkdf(utf8(sealPassphrase), new Uint8Array(0), utf8("hygieia client state 1"), 32);
    return new StateKey(await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]));
  }

  /** `context` says what it is and is authenticated with it. */
  async seal(context: string, document: unknown): Promise<string> {
    // 96 random bits: a device seals some thousand documents in its life (SP 800-38D §8.3).
    const iv = randomBytes(NONCE_BYTES);
    const algorithm = { name: "AES-GCM", iv, additionalData: utf8(context) };
    const sealed = await crypto.subtle.encrypt(algorithm, this.key, utf8(JSON.stringify(document)));
    return base64(concat(iv, new Uint8Array(sealed)));
  }

  /** Throws `credentials-refused`: another password sealed it, or it was changed. */
  async open(context: string, sealed: string): Promise<unknown> {
    try {
      const raw = fromBase64(sealed);
      const iv = raw.slice(0, NONCE_BYTES);
      const algorithm = { name: "AES-GCM", iv, additionalData: utf8(context) };
      const plain = await crypto.subtle.decrypt(algorithm, this.key, raw.slice(NONCE_BYTES));
      return JSON.parse(fromUtf8(new Uint8Array(plain)));
    } catch {
      throw refusal("credentials-refused", "The password is wrong.");
    }
  }
}
