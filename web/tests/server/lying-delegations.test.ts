/** A server that makes up, widens or brings back delegations (threats MS-19, MS-20, RC-07): nobody is let in by it. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import { jsonBytes } from "../../src/json.ts";
import { signDelegation, type Delegation } from "../../src/vault/delegation.ts";
import { sealMessage } from "../../src/vault/message.ts";
import { makeId } from "../../src/vault/words.ts";
import { Liar, shownAs } from "./liar.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, Server } from "./serving.ts";
import { compared } from "./somebody.ts";

type Item = Record<string, unknown>;

const [anas, boriss] = [newEmail(), newEmail()];
let server: Server;
let hers: Browser;
let his: Browser;
let ana: Page;
let boris: Page;
let liar: Liar;
/** Ana's key id; a contact whose key the test has, verified; somebody whom nobody knows. */
let own: string;
let carla: UnlockedKey;
let eve: UnlockedKey;
let stored = 0;

beforeAll(async () => {
  server = await Server.start();
  [hers, his] = [new Browser(server), new Browser(server)];
  liar = new Liar(server, hers);
  boris = await signedUp(his, boriss);
  ana = await signedUp(hers, anas);
  carla = await liar.met(ana, "Carla");
  await ana.engine.sharing.verifyPerson(carla.certificate.email, { kind: "seen", key: carla.keyId });
  eve = await generateKey("Eve", newEmail());
  own = (await liar.certificateOf(ana)).keyId;
  liar.behave();
  await compared({ browser: hers, page: ana, email: anas }, { browser: his, page: boris, email: boriss });
});
afterAll(() => server.remove());
beforeEach(() => {
  hers.use();
  liar.behave();
});

function inDays(days: number): string {
  return formatTime(nowSeconds() + days * 86_400);
}

function delegation(from: string, to: string, change: Partial<Delegation> = {}): Delegation {
  const scope = { subjects: "*", categories: "*", professions: "*" } as const;
  const times = { created: formatTime(nowSeconds()), expires: inDays(30) };
  const rights = ["read", "upload"] as const;
  return { id: makeId(), from, to, ...scope, rights, parent: null, owner: null, email: null, ...times, extra: {}, ...change };
}

/** An item of Ana's inbox, as only a server could put it there: `signer` signs what is said to be by `from`. */
async function message(signer: UnlockedKey, said: Delegation): Promise<Item> {
  const note = await signDelegation(signer, said);
  const { root, blocks } = await sealMessage(jsonBytes(note), [await liar.certificateOf(ana), signer.certificate]);
  liar.serve(blocks);
  return { id: makeId(), root, created: said.created, size_bytes: 9000, sender: null };
}

const inbox = (items: readonly unknown[]) => ({ "/inbox": (answer: Item) => ({ ...answer, items, next: null }) });

async function delegations(): Promise<string[]> {
  await ana.engine.sharing.refreshDelegations();
  return ana.engine.sharing.delegations.current.items.map(({ id }) => id);
}

/** Who reads what Ana stores now, beside herself. */
async function readersOfNext(category = "lab"): Promise<(string | null)[]> {
  const name = `report ${++stored}`;
  await ana.engine.upload([{ file: fileOf(`${name}.txt`, 90, stored), category }]);
  await ana.settled();
  const { readers } = await ana.engine.sharing.readersOf(ana.row(name).id);
  return readers.filter(({ isOwner }) => !isOwner).map(({ email }) => email);
}

/** What was written, but for messages that were let go. */
function written(): string[] {
  return liar.writes.filter((path) => !path.startsWith("/inbox/"));
}

it("one that its giver did not sign is not entered, nor one by nobody she knows; nobody reads by them", async () => {
  const before = await delegations();
  const forged = [
    await message(eve, delegation(carla.keyId, own)),
    await message(carla, delegation(own, eve.keyId)),
    await message(eve, delegation(eve.keyId, own)),
    await message(carla, delegation(own, carla.keyId)),
  ];
  liar.writes.length = 0;
  liar.tell(inbox(forged));
  expect(await delegations()).toEqual(before);
  expect(ana.engine.sharing.requests.current).toEqual([]);
  expect(written()).toEqual([]);
  expect(await ana.engine.sharing.uploadRights()).toEqual([]);
  liar.behave();
  expect(await readersOfNext()).toEqual([]);
});

it("one passed on beyond what she gave: delegation-refused when she says yes, and nobody is let in", async () => {
  const { sharing } = ana.engine;
  // Given to somebody whose key the test has: the message itself goes nowhere.
  liar.tell({
    "/people/find": () => shownAs(carla),
    "/inbox": () => ({ id: makeId(), root: "", created: formatTime(nowSeconds()), size_bytes: 0, sender: null, items: [], next: null }),
  });
  const scope = { categories: ["lab"], subjects: "*", professions: "*" } as const;
  const rights = ["read", "redelegate"] as const;
  const given = await sharing.delegate({ to: carla.certificate.email, ...scope, rights, expires: inDays(60), parent: null });
  const plain = { categories: ["lab"], rights: ["read"], parent: given.id, owner: own, email: eve.certificate.email } as const;
  const wider: Partial<Delegation>[] = [{ categories: "*" }, { rights: ["read", "upload"] }, { expires: inDays(90) }];
  for (const change of wider) {
    const said = delegation(carla.keyId, eve.keyId, { ...plain, ...change });
    liar.writes.length = 0;
    liar.tell({ "/people/find": () => shownAs(eve), ...inbox([await message(carla, said)]) });
    expect(await delegations()).toEqual([given.id]);
    await expect(sharing.grant(said.id)).rejects.toMatchObject({ code: "delegation-refused" });
    expect(written()).toEqual([]);
  }
  liar.behave();
  await sharing.endDelegation(given.id);
});

it("one to another key than the person's whom it names: certificate-changed, and not entered", async () => {
  const { sharing } = ana.engine;
  liar.tell({ "/people/find": () => shownAs(carla), ...inbox([]) });
  const scope = { categories: "*", subjects: "*", professions: "*" } as const;
  const rights = ["read", "redelegate"] as const;
  const given = await sharing.delegate({ to: carla.certificate.email, ...scope, rights, expires: inDays(60), parent: null });
  const said = delegation(carla.keyId, eve.keyId, { rights: ["read"], parent: given.id, owner: own, email: boriss });
  const item = await message(carla, said);
  liar.writes.length = 0;
  liar.tell(inbox([item]));
  await sharing.refreshDelegations();
  expect(sharing.requests.current).toMatchObject([{ kind: "redelegation", id: said.id }]);
  await expect(sharing.grant(said.id)).rejects.toMatchObject({ code: "certificate-changed", facts: { person: boriss } });
  expect(written()).toEqual([]);
  expect(await delegations()).toEqual([given.id]);
  await sharing.refuse(said.id);
  liar.behave();
  await sharing.endDelegation(given.id);
});

it("one that has ended does not come back, however often its note is shown", async () => {
  his.use();
  const scope = { categories: "*", subjects: "*", professions: "*" } as const;
  const request = { to: anas, ...scope, rights: ["read", "upload"] as const, expires: inDays(60), parent: null };
  const { id } = await boris.engine.sharing.delegate(request);
  hers.use();
  let items: unknown[] = [];
  liar.tell({
    "/inbox": (answer) => {
      items = answer["items"] as unknown[];
      return answer;
    },
  });
  expect(await delegations()).toContain(id);
  expect(items).toHaveLength(1);
  his.use();
  await boris.engine.sharing.endDelegation(id);
  hers.use();
  liar.behave();
  expect(await delegations()).not.toContain(id);
  // The message was acknowledged, and its blocks may be gone: the liar kept them.
  liar.writes.length = 0;
  liar.tell(inbox(items));
  expect(await delegations()).not.toContain(id);
  expect(await ana.engine.sharing.uploadRights()).toEqual([]);
  expect(written()).toEqual([]);
  const file = fileOf("late.txt", 30, 99);
  await expect(ana.engine.upload([{ file, owner: boriss }])).rejects.toMatchObject({ code: "delegation-refused" });
});
