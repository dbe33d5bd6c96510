import { describe, expect, it } from "vitest";
import { Certificate } from "../../src/crypto/certificates.ts";
import { EngineError } from "../../src/refusal.ts";
import { accepted, meet, verified } from "../../src/vault/contacts.ts";
import { checkContact, People, type ContactRow } from "../../src/vault/people.ts";
import { openShare } from "../../src/vault/share-note.ts";
import { vectorsOf, type Vector } from "./vectors.ts";

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
};

describe("the vectors of sharing", () => {
  it.each(vectorsOf("sharing"))("$name gives its verdict", async ({ vector }) => {
    const read = READERS[vector.kind]!;
    const { refused } = vector.expect;
    if (refused === undefined) {
      expect(await read(vector)).toEqual(vector.expect);
      return;
    }
    const error: unknown = await read(vector).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe(refused);
  });
});
