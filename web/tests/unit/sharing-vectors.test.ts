import { describe, it } from "vitest";
import { Certificate } from "../../src/crypto/certificates.ts";
import { accepted, meet, verified } from "../../src/vault/contacts.ts";
import { checkGivenBack } from "../../src/vault/give-back.ts";
import { checkContact, People, type ContactRow } from "../../src/vault/people.ts";
import { readReport } from "../../src/vault/report.ts";
import { openShare } from "../../src/vault/share-note.ts";
import { judge, keyOf, sourceOf, vectorsOf, type Vector } from "./vectors.ts";

async function step(known: ContactRow | null, said: Vector): Promise<ContactRow> {
  if ("meet" in said) return meet(known, await Certificate.parse(said.meet), { email: "boris@example.org" });
  if ("accept" in said) return accepted(known!, await Certificate.parse(said.accept));
  return verified(known!, said.verify);
}

const READERS: Record<string, (vector: Vector) => Promise<Vector>> = {
  async share({ me, contacts, report, signer, data }) {
    for (const contact of contacts) checkContact(contact);
    const people = new People(await Certificate.parse(me), [], contacts);
    const { share, verdict } = await openShare(data, { report, signer, people });
    const { former, ...body } = share;
    return { share: former === null ? body : { ...body, former }, verdict: verdict.replace("-", " ") };
  },
  async contact({ contact, steps }) {
    let known: ContactRow | null = contact;
    for (const said of steps) known = await step(known, said);
    return { contact: known };
  },
  async "give-back"(vector) {
    const { contacts, data, report: id, root, signer } = vector;
    for (const contact of contacts) checkContact(contact);
    const key = await keyOf(vector);
    const me = key.certificate;
    const people = new People(me, [], contacts);
    const said = await openShare(data, { report: id, signer, people });
    const { former } = said.share;
    // The former key as if it were confirmed, to judge what it signed.
    const asIf = new People(me, former === null ? [] : [former], contacts);
    const report = await readReport(sourceOf(vector), root, key, asIf, { id });
    const given = await checkGivenBack(report, said, { me, people, contacts });
    return { former: given.former.key, giver: given.giver.key, verdict: report.verdict.replace("-", " ") };
  },
};

describe("the vectors of sharing", () => {
  it.each([...vectorsOf("sharing"), ...vectorsOf("give-backs")])("$name gives its verdict", async ({ vector }) => {
    await judge(vector, READERS[vector.kind]!);
  });
});
