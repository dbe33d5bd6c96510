// Debian 13's sq beside the page's own code, both ways: what either writes, the other opens.

import { afterEach, beforeEach, expect, test } from "vitest";

import { randomBytes, utf8 } from "../../src/bytes.ts";
import { Certificate } from "../../src/crypto/certificates.ts";
import { assembleKey, generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { COUNT_FOR_STRETCHED, lockKey, unlockKey } from "../../src/crypto/locked-keys.ts";
import { readCarried, verifyNote, type Note } from "../../src/crypto/notes.ts";
import { encryptBytes } from "../../src/crypto/payload.ts";
import { makeHeader } from "../../src/crypto/session-keys.ts";
import { parseTime } from "../../src/crypto/times.ts";
import { makeSessionKey } from "../../src/vault/report-build.ts";
import { Debian } from "./debian.ts";

const CONTEXT = "hygieia report-meta 1";
const CREATED = "2026-03-01T10:00:00Z";
const [old, next] = ["5e".repeat(32), "7f".repeat(32)];

let debian: Debian;
beforeEach(() => {
  debian = new Debian();
});
afterEach(() => {
  debian.remove();
});

function sq(...words: string[]): void {
  debian.run(["sq", "--overwrite", ...words]);
}

/** The page's key as sq takes it: locked by the page, opened by sq with the passphrase. */
async function hand(key: UnlockedKey): Promise<void> {
  debian.write("locked.pgp", await lockKey(key, old, COUNT_FOR_STRETCHED));
  debian.write("old", old);
  sq("--password-file", "old", "key", "password", "--cert-file", "locked.pgp", "--clear-password", "--output", "open.pgp");
}

/** A note whose signature sq makes with the key in hand, at the time that the note names. */
function signedBySq(body: string, context: string): Note {
  const note = `${CONTEXT}\n${body}`;
  debian.write("note.txt", note);
  const notation = ["--signature-notation", "context@hygieia", context];
  sq("--time", CREATED, "sign", "--signer-file", "open.pgp", "--signature-file", "note.sig", ...notation, "note.txt");
  return readCarried({ note, signature: debian.read("note.sig").toString() }, CONTEXT);
}

test("a certificate that sq makes is read, and its key opens what the page encrypts to it", async () => {
  const person = ["--name", "Sequoia Sam", "--email", "sam@example.org"];
  const files = ["--without-password", "--output", "sam.key", "--rev-cert", "sam.rev"];
  sq("key", "generate", "--shared-key", ...person, ...files);
  sq("key", "delete", "--cert-file", "sam.key", "--output", "sam.cert");
  const certificate = await Certificate.parse(debian.read("sam.cert").toString());
  expect([certificate.name, certificate.email]).toEqual(["Sequoia Sam", "sam@example.org"]);

  const content = utf8("Haemoglobin 132 g/L\n".repeat(40_000));
  const sessionKey = makeSessionKey();
  const { octets } = await makeHeader(sessionKey, [certificate]);
  debian.write("data.pgp", Buffer.concat([octets, ...(await encryptBytes(content, sessionKey))]));
  sq("decrypt", "--recipient-file", "sam.key", "--output", "out", "data.pgp");
  expect(debian.read("out").equals(content)).toBe(true);
});

test("a note that sq signs is valid, for its own signer, context, time and words alone", async () => {
  const secrets = { signing: randomBytes(32), decryption: randomBytes(32) };
  const key = await assembleKey("Ana", "ana@example.org", parseTime("2026-01-02T00:00:00Z"), secrets);
  const other = await generateKey("Boris", "boris@example.org");
  await hand(key);
  const body = `{"created":"${CREATED}","title":"Röntgen"}`;
  const note = signedBySq(body, CONTEXT);
  expect(await verifyNote(note, key.certificate)).toBe("valid");
  expect(await verifyNote(note, other.certificate)).toBe("unknown-signer");
  const forged = { ...note, text: note.text.replace("title", "titel") };
  expect(await verifyNote(forged, key.certificate)).toBe("invalid");
  const elsewhere = signedBySq(body, "hygieia share 1");
  expect(await verifyNote(elsewhere, key.certificate)).toBe("invalid");
  const later = signedBySq(body.replace("10:00", "10:01"), CONTEXT);
  expect(await verifyNote(later, key.certificate)).toBe("invalid");
});

test("a key that sq locks anew opens under the new passphrase, and no longer under the old one", async () => {
  const key = await generateKey("Ana", "ana@example.org");
  await hand(key);
  debian.write("next", next);
  sq("key", "password", "--cert-file", "open.pgp", "--new-password-file", "next", "--output", "again.pgp");
  const locked = debian.read("again.pgp").toString();
  const opened = await unlockKey(locked, next);
  const { signing, decryption } = key.secrets();
  expect([opened.signing, opened.decryption]).toEqual([signing, decryption]);
  await expect(unlockKey(locked, old)).rejects.toMatchObject({ code: "sealed-key-refused" });
});
