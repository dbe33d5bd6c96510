/** A report given back to a key for which it has another packet already. */
import { expect, it } from "vitest";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { pkeskDigest } from "../../src/crypto/rewrap.ts";
import { wrap } from "../../src/crypto/session-keys.ts";
import { asOpenedBy, checkGivenBack, formerKeysOf } from "../../src/vault/give-back.ts";
import { People, type FormerKey } from "../../src/vault/people.ts";
import { makeSessionKey } from "../../src/vault/report-build.ts";
import { readReport, type Report } from "../../src/vault/report.ts";
import { openShare } from "../../src/vault/share-note.ts";
import { addReaders } from "../../src/vault/sharing.ts";
import { Blocks, contact, NOW, stored } from "./sharers.ts";

const ingrid = (): Promise<UnlockedKey> => generateKey("Ingrid", "ingrid@example.org");

it("counts by the packet that its note names, whichever was tried first", async () => {
  const [old, now, boris] = [await ingrid(), await ingrid(), await generateKey("Boris", "boris@example.org")];
  const former: FormerKey = { key: old.keyId, certificate: old.certificate.armored };
  const hers = contact(now, { former_keys: [former] });
  const blocks = new Blocks();
  const given = async (report: Report, had?: ReadonlyMap<string, FormerKey>) => {
    const built = await addReaders(report, [now.certificate], { key: boris, created: NOW, ...(had && { former: had }) });
    const asIf = new People(now.certificate, [former], [contact(boris)]);
    return { opened: await readReport(blocks.add(built.blocks), built.entry.cid, now, asIf), note: built.noted.notes[0]! };
  };
  const first = await stored(blocks, old);
  expect(formerKeysOf([contact(boris), hers], first.meta)).toEqual(new Map([[now.keyId, former]]));
  const { opened: plain } = await given(first);
  const { opened, note } = await given(plain, new Map([[now.keyId, former]]));
  const people = new People(now.certificate, [], [contact(boris)]);
  const said = await openShare(note, { report: first.meta.id, signer: boris.keyId, people });
  const other = { ...opened, ownPacket: plain.ownPacket };
  const asked = { me: now.certificate, people, contacts: [contact(boris)] };
  await expect(checkGivenBack(other, said, asked)).rejects.toMatchObject({ code: "note-refused" });
  const chosen = await asOpenedBy(other, said.share.pkesk, now);
  expect((await checkGivenBack(chosen, said, asked)).former).toEqual(former);
  // Neither a packet of somebody else's, nor one that opens to another session key.
  const false_ = await wrap(makeSessionKey(), await now.certificate.encryptionSubkey());
  const laden = { ...other, packets: [...other.packets, false_] };
  for (const packet of [first.ownPacket, false_]) {
    expect(await asOpenedBy(laden, await pkeskDigest(packet), now)).toBe(laden);
  }
});
