/** Whether a kit just made was really kept: its file, its code, or a part of the code is shown again. */
import { mistyped, parseCode, parseGroup } from "../crypto/recovery-code.ts";
import type { Kit, KitProof } from "../engine/interface.ts";
import { refusal } from "../refusal.ts";
import { readKit } from "../vault/kit.ts";

/** Throws `invalid-input` naming the groups that are wrong, `kit-refused` for another file. */
export async function checkProof(kit: Kit, proof: KitProof): Promise<void> {
  if (proof.kind === "file") {
    const file = await readKit(proof.bytes);
    const made = await readKit(kit.file);
    const isSame = file.recovery_mac === made.recovery_mac && file.seal_mac === made.seal_mac;
    if (!isSame) throw refusal("kit-refused", "This is another kit than the one just made.");
    return;
  }
  if (proof.kind === "code") {
    if ((await parseCode(proof.text)) !== kit.code) throw mistyped([]);
    return;
  }
  const numbers = new Set(proof.groups.map(({ number }) => number));
  if (numbers.size < 2) throw mistyped([]);
  const wrong: number[] = [];
  for (const { number, text } of proof.groups) {
    const group = await parseGroup(number, text).catch(() => null);
    if (group !== kit.groups[number - 1]) wrong.push(number);
  }
  if (wrong.length > 0) throw mistyped(wrong);
}
