import { describe, it } from "vitest";
import { Certificate } from "../../src/crypto/certificates.ts";
import { parseTime } from "../../src/crypto/times.ts";
import { readObject } from "../../src/json.ts";
import { delegationBody, openDelegation } from "../../src/vault/delegation.ts";
import { Delegations } from "../../src/vault/delegations.ts";
import { People, type ContactRow } from "../../src/vault/people.ts";
import { judge, vectorsOf, type Vector } from "./vectors.ts";

async function contactOf({ certificate, state }: Vector): Promise<ContactRow> {
  const { keyId, name, email } = await Certificate.parse(certificate);
  return { key: keyId, certificate, state, name, email, former_keys: [] };
}

const READERS: Record<string, (vector: Vector) => Promise<Vector>> = {
  async delegation(vector) {
    const people = new People(await Certificate.parse(vector.certificate));
    const found = await openDelegation(readObject(vector.data, 1 << 20), people);
    return { delegation: delegationBody(found) };
  },
  async readers(vector) {
    const me = await Certificate.parse(vector.owner);
    const contacts = await Promise.all(vector.contacts.map(contactOf));
    const people = new People(me, [], contacts as ContactRow[]);
    const delegations = await Delegations.of(vector.delegations, people, contacts as ContactRow[]);
    const { subject, category, profession } = vector.report;
    const facts = { owner: me.keyId, subject, category };
    const chosen = await delegations.readers(facts, profession, parseTime(vector.at));
    return { readers: Object.fromEntries(chosen.delegations), left_out: chosen.leftOut.map(({ key }) => key).sort() };
  },
};

describe("the vectors of delegations", () => {
  it.each(vectorsOf("delegations"))("$name gives its verdict", async ({ vector }) => {
    await judge(vector, READERS[vector.kind]!);
  });
});
