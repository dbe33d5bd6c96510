/** A forgotten password: a new one by kit file and code, the server alive (docs/spec/09). */
import * as answers from "../api/answers.ts";
import type { Transport } from "../api/transport.ts";
import { stretch } from "../crypto/kdf.ts";
import { sealKey } from "../crypto/seals.ts";
import { DEFAULT_KDF } from "../crypto/sign-in-words.ts";
import { StateKey } from "../crypto/state-key.ts";
import { refusal } from "../refusal.ts";
import { openWithCode, readKit } from "../vault/kit.ts";
import { signReset } from "../vault/reset-note.ts";
import { checkStrength } from "./password-strength.ts";
import { pinned } from "./pins.ts";
import { sealJson, type Report, type Session, type Sessions } from "./session.ts";
import type { Store } from "./store.ts";

/**
 * Seals the key under a new password, proving by the key itself that it is its owner's. All sessions
 * end and this device's begins; the caller renews the index's session key next. The code is checked
 * against the kit before anything else. Throws `kit-refused`, `invalid-input`, `sealed-key-refused`,
 * `credentials-refused`.
 */
export async function resetPassword(
  store: Store,
  transport: Transport,
  sessions: Sessions,
  request: { kitFile: Uint8Array; code: string; newPassword: string },
  report: Report,
): Promise<Session> {
  const kit = await readKit(request.kitFile);
  report("kit", 5);
  const key = await openWithCode(kit, request.code);
  const { email, account } = kit;
  const known = await store.profile();
  if (known !== null && known.account !== account) {
    throw refusal("conflict", "This browser belongs to another account; sign that one out first.");
  }
  const password = await checkStrength(request.newPassword, { email, name: key.certificate.name });
  report("password", 25);
  const stretched = await stretch(password, email, account, DEFAULT_KDF);
  const sealed = await sealKey(key, stretched, kit, DEFAULT_KDF);
  report("account", 55);
  const begun = await transport.call("POST", "/account/reset/start", { body: { email }, isRepeatable: true });
  if (begun["account"] !== account) {
    throw refusal("kit-refused", "The server knows another account under this kit's address.");
  }
  const nonce = answers.text(begun, "nonce");
  const note = await signReset(key, { origin: transport.origin, account, nonce, sealed, stretched });
  const answer = await sessions.startWith("/account/reset", {
    email,
    ...note,
    nonce,
    seal_certificate: sealed.certificate,
    ...sealJson(sealed, stretched),
  });
  const document = answers.part(answer, "account");
  if (document["account"] !== account) {
    throw refusal("key-mismatch", "The server answered with another account.");
  }
  const profile = {
    ...pinned(email, answers.text(document, "name"), account, key, sealed),
    ipnsName: kit.ipns_name,
    floor: { sequence: kit.sequence, root: kit.index_cid },
  };
  const stateKey = await StateKey.of(stretched.sealPassphrase);
  return sessions.begin(profile, key, stateKey, answer);
}
