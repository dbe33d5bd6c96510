/** The note with which a forgotten password is reset: `hygieia reset 1` (docs/spec/09). */
import { sha256Hex } from "../bytes.ts";
import type { Stretched } from "../crypto/kdf.ts";
import type { UnlockedKey } from "../crypto/keys.ts";
import { signNote, type CarriedNote } from "../crypto/notes.ts";
import type { SealedKey } from "../crypto/seals.ts";
import { formatTime, nowSeconds } from "../crypto/times.ts";

/** `origin`: the server's, in lower case, without a final slash or a default port. */
export async function signReset(
  key: UnlockedKey,
  about: { origin: string; account: string; nonce: string; sealed: SealedKey; stretched: Stretched },
): Promise<CarriedNote> {
  const { m, t, p } = about.sealed.params;
  return signNote(key, "hygieia reset 1", {
    origin: about.origin,
    account: about.account,
    nonce: about.nonce,
    seal_mac: about.sealed.mac,
    kdf: { m, t, p },
    login: await sha256Hex(about.stretched.loginSecret),
    created: formatTime(nowSeconds()),
  });
}
