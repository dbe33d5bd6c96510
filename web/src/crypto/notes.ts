/**
 * Signed notes (docs/spec/05-notes.md): every statement that must not be forged.
 * Verifying one yields a verdict that the caller has to show or act upon, not a boolean.
 */
import { utf8 } from "../bytes.ts";
import { isObject, readObject, writeJson, type JsonObject } from "../json.ts";
import { LIMITS } from "../limits.ts";
import { isRefusal, refusal, type EngineError } from "../refusal.ts";
import { armor, ArmorError, dearmor, SIGNATURE } from "./armor.ts";
import type { Certificate } from "./certificates.ts";
import { splitPackets, TAG, writePacket } from "./key-packets.ts";
import type { UnlockedKey } from "./keys.ts";
import { CLOCK_SKEW_SECONDS } from "./self-signatures.ts";
import {
  composeSignature,
  createdOf,
  findSubpacket,
  KIND,
  namesIssuer,
  notation,
  notationsOf,
  parseSignature,
  secondsOf,
  SUBPACKET,
  verifies,
  type Signature,
} from "./signatures.ts";
import { formatTime, nowSeconds, parseTime } from "./times.ts";

const CONTEXT_NOTATION = "context@hygieia";
const CONTEXT = /^hygieia [a-z]+(?:-[a-z]+)* [1-9][0-9]{0,3}$/;

export type Verdict = "valid" | "unknown-signer" | "changed-key" | "invalid";

/** A parsed note; nothing in it is true until `verifyNote` gives its verdict. */
export interface Note {
  readonly context: string;
  readonly body: JsonObject;
  /** What was signed, context line included. */
  readonly text: string;
  readonly signature: string;
  readonly created: number;
  readonly packet: Signature;
}

export interface CarriedNote extends JsonObject {
  note: string;
  signature: string;
}

/** Reads the JSON of a note whose context must be `context`; throws `note-refused`. */
export function parseNote(data: string | Uint8Array, context: string, maxBytes = LIMITS.MAX_NOTE_BYTES): Note {
  let outer: JsonObject;
  try {
    outer = readObject(data, maxBytes);
  } catch (error) {
    if (!isRefusal(error, "invalid-input")) throw error;
    throw wrong("A note cannot be read.");
  }
  return readCarried(outer, context, maxBytes);
}

/** A note from the object that carries it; throws `note-refused`. */
export function readCarried(carried: unknown, context: string, maxBytes = LIMITS.MAX_NOTE_BYTES): Note {
  const { note, signature } = isObject(carried as JsonObject) ? (carried as JsonObject) : {};
  const isNote =
    typeof note === "string" && typeof signature === "string" && Object.keys(carried as object).length === 2;
  if (!isNote) throw wrong("A note is an object of exactly two strings, note and signature.");
  const start = `${context}\n`;
  if (!CONTEXT.test(context) || !note.startsWith(start)) {
    throw wrong(`A note is not of the context expected: ${context}.`);
  }
  const text = note.slice(start.length);
  if (!text.startsWith("{") || !text.endsWith("}")) {
    throw wrong("A note has something around its JSON object.");
  }
  try {
    const body = readObject(text, maxBytes);
    const created = parseTime(body["created"]);
    return { context, body, text: note, signature, created, packet: readSignature(signature) };
  } catch (error) {
    if (!isRefusal(error, "invalid-input")) throw error;
    throw wrong("A note cannot be read.");
  }
}

function readSignature(armored: string): Signature {
  try {
    const packets = splitPackets(dearmor(SIGNATURE, armored, LIMITS.MAX_SIGNATURE_BYTES), 1);
    const packet = packets.find(({ tag }) => tag === TAG.SIGNATURE);
    if (packet !== undefined) return parseSignature(packet.body);
  } catch (error) {
    const isExpected =
      error instanceof ArmorError || error instanceof RangeError || isRefusal(error, "certificate-refused");
    if (!isExpected) throw error;
  }
  throw wrong("A note does not carry exactly one EdDSA signature.");
}

/**
 * Judges a note against the pinned certificate of who should have signed it, at its signature's
 * time (docs/spec/03): a key retired since leaves it valid, one compromised since is `changed-key`.
 */
export async function verifyNote(
  note: Note,
  certificate: Certificate,
  now = nowSeconds(),
): Promise<Verdict> {
  if (!namesIssuer(note.packet, certificate.fingerprint)) return "unknown-signer";
  if (!isAcceptable(note, now)) return "invalid";
  if (!(await verifies(note.packet, certificate.signingPoint, utf8(note.text)))) return "invalid";
  if (!certificate.maySignAt(note.created)) return "invalid";
  return certificate.revocationKind === "compromised" ? "changed-key" : "valid";
}

/** Type, hash, time and notation, all before the signature itself. */
function isAcceptable({ packet, created, context }: Note, now: number): boolean {
  const notations = notationsOf(packet, CONTEXT_NOTATION);
  return (
    packet.kind === KIND.BINARY &&
    (packet.hash === 8 || packet.hash === 10) &&
    createdOf(packet) === created &&
    created <= now + CLOCK_SKEW_SECONDS &&
    secondsOf(findSubpacket(packet, SUBPACKET.SIGNATURE_EXPIRATION)) === 0 &&
    notations.length === 1 &&
    notations[0] === context
  );
}

/** Signs a note over `body`; its time is the body's `created`, now where it has none. */
export async function signNote(
  key: UnlockedKey,
  context: string,
  body: JsonObject,
): Promise<CarriedNote> {
  const dated = "created" in body ? body : { ...body, created: formatTime(nowSeconds()) };
  const note = `${context}\n${writeJson(dated)}`;
  const created = parseTime(dated["created"]);
  const packet = await composeSignature(KIND.BINARY, utf8(note), key, created, [
    notation(CONTEXT_NOTATION, context),
  ]);
  return { note, signature: armor(SIGNATURE, writePacket(TAG.SIGNATURE, packet)) };
}

function wrong(message: string): EngineError {
  return refusal("note-refused", message);
}
