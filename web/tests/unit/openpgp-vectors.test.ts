import { describe, expect, it } from "vitest";
import { fromHex, hex, sha256Hex, type Bytes } from "../../src/bytes.ts";
import { Certificate } from "../../src/crypto/certificates.ts";
import { openSmall } from "../../src/crypto/envelope.ts";
import { normalisePassword, saltFor, stretch } from "../../src/crypto/kdf.ts";
import { UnlockedKey } from "../../src/crypto/keys.ts";
import { parseNote, verifyNote } from "../../src/crypto/notes.ts";
import { padme, paddingBytes } from "../../src/crypto/padding.ts";
import { decryptBytes } from "../../src/crypto/payload.ts";
import { parseCode } from "../../src/crypto/recovery-code.ts";
import { unsealKey, unsealWithCode } from "../../src/crypto/seals.ts";
import { parseHeader, unwrapEach } from "../../src/crypto/session-keys.ts";
import { checkKdf, normaliseEmail } from "../../src/crypto/sign-in-words.ts";
import { parseTime } from "../../src/crypto/times.ts";
import { readObject } from "../../src/json.ts";
import { refusal } from "../../src/refusal.ts";
import { encryptVector, judge, NOT_READ, octetsOf, vectorsOf, type Vector } from "./vectors.ts";

const ROOMS = [
  "json",
  "words",
  "kdf",
  "recovery-codes",
  "certificates",
  "seals",
  "notes",
  "headers",
  "session-keys",
  "payloads",
  "encryptions",
  "padding",
  "envelopes",
] as const;
const PAYLOAD_TAG = 0xd2;
/** Of a recipient, without the packet's tag and length. */
const PACKET_BYTES = 87;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

async function keyOf(vector: Vector): Promise<UnlockedKey> {
  return UnlockedKey.join(await Certificate.parse(vector.certificate), {
    signing: fromHex(vector.signing_secret),
    decryption: fromHex(vector.decryption_secret),
  });
}

async function about(content: Bytes): Promise<Vector> {
  return { size_bytes: content.length, sha256: await sha256Hex(content) };
}

/** An envelope's packets, and the place where its payload begins; the page itself reads each from blocks of its own. */
function splitHeader(data: Bytes): [packets: Uint8Array[], payloadAt: number] {
  let at = 0;
  while (at < data.length && data[at] !== PAYLOAD_TAG) at += data[at + 1] === 255 ? 6 + PACKET_BYTES : 2 + PACKET_BYTES;
  const packets = parseHeader(data.subarray(0, at));
  if (at >= data.length) throw refusal("envelope-refused", "The envelope has no payload.");
  return [packets, at];
}

const READERS: Record<string, (vector: Vector) => Promise<Vector>> = {
  async json(vector) {
    readObject(await octetsOf(vector.data), vector.max_bytes);
    return {};
  },
  async email(vector) {
    return { value: normaliseEmail(vector.text) };
  },
  async password(vector) {
    return { value: normalisePassword(vector.text) };
  },
  async time(vector) {
    return { value: parseTime(vector.text) };
  },
  async "kdf-params"(vector) {
    checkKdf(vector.kdf);
    return {};
  },
  async stretch({ password, email, account, kdf }) {
    const stretched = await stretch(password, email, account, kdf);
    return {
      salt: await saltFor(email, account),
      seal_passphrase: stretched.sealPassphrase,
      login_secret: stretched.loginSecret,
    };
  },
  async "recovery-code"(vector) {
    return { value: await parseCode(vector.text) };
  },
  async certificate(vector) {
    const now = parseTime(vector.now);
    const certificate = await Certificate.parse(vector.armored, now);
    const subkey = await certificate.encryptionSubkey(now).catch(() => null);
    return {
      key_id: certificate.keyId,
      fingerprint: hex(certificate.fingerprint),
      name: certificate.name,
      email: certificate.email,
      encryption: subkey === null ? null : hex(subkey.fingerprint),
    };
  },
  async merge(vector) {
    const now = parseTime(vector.now);
    const pinned = await Certificate.parse(vector.pinned, now);
    const merged = await pinned.merge(await Certificate.parse(vector.received, now), now);
    return { revoked: merged.isRevoked, packets: merged.packets.length };
  },
  async seal(vector) {
    const key = await unsealKey(
      {
        certificate: vector.certificate,
        armored: vector.sealed_key,
        mac: vector.seal_mac,
        params: vector.kdf,
      },
      { sealPassphrase: vector.seal_passphrase, loginSecret: "" },
      { email: vector.email, account: vector.account },
      vector.current_certificate,
    );
    return { key_id: key.keyId, revoked: key.certificate.isRevoked };
  },
  async recovery(vector) {
    const certificate = await Certificate.parse(vector.certificate);
    const seal = { armored: vector.recovery_key, mac: vector.recovery_mac };
    return { key_id: (await unsealWithCode(seal, vector.code, certificate)).keyId };
  },
  async note(vector) {
    const now = parseTime(vector.now);
    const note = parseNote(await octetsOf(vector.data), vector.context);
    const verdict = await verifyNote(note, await Certificate.parse(vector.certificate, now), now);
    return { verdict: verdict.replace("-", " ") };
  },
  async header(vector) {
    const packets = parseHeader(await octetsOf(vector.data));
    if ("count" in vector.expect) return { count: packets.length };
    return { digests: await Promise.all(packets.map((packet) => sha256Hex(packet))) };
  },
  async "session-key"(vector) {
    const packets = parseHeader(await octetsOf(vector.data));
    for await (const { sessionKey } of unwrapEach(packets, await keyOf(vector))) {
      return { session_key: hex(sessionKey) };
    }
    throw refusal("envelope-refused", "This key is not among the recipients.");
  },
  async payload(vector) {
    const data = await octetsOf(vector.data);
    return about(await decryptBytes([data], fromHex(vector.session_key), NO_LIMIT));
  },
  async encrypt(vector) {
    return about(await encryptVector(vector));
  },
  async padme(vector) {
    for (const [length, padded] of vector.cases) expect(padme(length)).toBe(padded);
    return {};
  },
  async padding(vector) {
    for (const [size, floor, body] of vector.cases) expect(paddingBytes(size, floor)).toBe(body);
    return {};
  },
  async envelope(vector) {
    const data = await octetsOf(vector.data);
    const [packets, at] = splitHeader(data);
    expect(packets.length).toBeGreaterThan(0);
    const key = await keyOf(vector);
    const opened = await openSmall(data.subarray(0, at), [data.subarray(at)], key, NO_LIMIT);
    return about(opened.content);
  },
};

describe.each(ROOMS)("the vectors of %s", (room) => {
  const vectors = vectorsOf(room).filter(({ vector }) => !NOT_READ.includes(vector.kind));
  it.each(vectors)("$name gives the verdict written in it", async ({ vector }) => {
    const error = await judge(vector, READERS[vector.kind]!);
    if (vector.expect.group !== undefined) {
      const groups = vector.expect.group === null ? [] : [vector.expect.group];
      expect(error?.facts.groups).toEqual(groups);
    }
  });
});

describe("a payload", () => {
  it("opens alike however its octets are cut", async () => {
    const { vector } = vectorsOf("encryptions").find(({ name }) => name.endsWith("ok-three-mib-and-more"))!;
    const whole = await encryptVector(vector);
    const key = fromHex(vector.session_key);
    const content = await octetsOf(vector.content);
    for (const size of [whole.length, 1 << 20, 65_537, 1021]) {
      const pieces = [];
      for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
      expect(await sha256Hex(await decryptBytes(pieces, key, NO_LIMIT))).toBe(await sha256Hex(content));
    }
  });
});
