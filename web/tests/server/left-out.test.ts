/** Delegates who cannot be given what is there already: named, and given it once they can be. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { generateKey } from "../../src/crypto/keys.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";
import { compared, emailsReading, request, Somebody } from "./somebody.ts";

let server: Server;
let [ana, boris]: Somebody[] = [];
beforeAll(async () => {
  server = await Server.start();
  ana = await Somebody.signedUp(server);
  boris = await Somebody.signedUp(server);
});
afterAll(() => server.remove());
beforeEach(() => compared(ana!, boris!));

/** From now on Boris has another key, as the server has it, until they are compared again. */
async function changeKey(): Promise<void> {
  const other = await generateKey("Boris", boris!.email);
  ana!.browser.meddle = async (asked, forward) => {
    if (!asked.url.endsWith("/people/find")) return null;
    const answer = (await (await forward()).json()) as object;
    return new Response(JSON.stringify({ ...answer, certificate: other.certificate.armored }));
  };
  await ana!.at.engine.sharing.meet(boris!.email);
  ana!.browser.meddle = () => null;
}

/** A page of hers that is opened anew, and goes on with what is left. */
async function openedAgain(): Promise<void> {
  ana!.page.engine.lock();
  ana!.page = await ana!.browser.page();
  await ana!.at.engine.unlock(PASSWORD);
  await ana!.page.engine.sharing.refreshDelegations();
}

function leftOut(): unknown[] {
  return ana!.at.engine.sharing.notices.current.filter(({ kind }) => kind === "left-out");
}

async function seen(): Promise<void> {
  const { sharing } = ana!.at.engine;
  await sharing.seen(sharing.notices.current.map(({ id }) => id));
}

const slowly = { timeout: 60_000 };

it("reports of the past wait for a delegate whose key changed, and are given once it was compared", async () => {
  const past = await ana!.store("old letter.txt", "letter", 1);
  const { id } = await ana!.at.engine.sharing.delegate(request(boris!.email, { categories: ["letter"] }));
  await changeKey();
  await expect(ana!.at.engine.sharing.applyToPast(id)).rejects.toMatchObject({ code: "certificate-changed" });
  await openedAgain();
  const named = { kind: "left-out", reports: [past], people: [{ email: boris!.email, why: "changed" }] };
  await expect.poll(leftOut, slowly).toMatchObject([named]);
  await seen();
  // She was told, and it waits on.
  await openedAgain();
  await expect.poll(leftOut, slowly).toMatchObject([named]);
  expect(await emailsReading(ana!, past)).toEqual([ana!.email]);
  await seen();
  await compared(ana!, boris!);
  await openedAgain();
  await expect.poll(() => emailsReading(ana!, past), slowly).toContain(boris!.email);
  expect(leftOut()).toEqual([]);
});

it("a report that somebody stored for her waits for a delegate in the same way", async () => {
  const cleo = await Somebody.signedUp(server);
  await compared(ana!, cleo);
  await ana!.at.engine.sharing.delegate(request(cleo.email, { rights: ["upload"] }));
  await ana!.at.engine.sharing.delegate(request(boris!.email));
  await cleo.at.engine.sharing.refreshDelegations();
  await changeKey();
  await cleo.at.engine.upload([{ file: fileOf("lab.txt", 300, 2), owner: ana!.email, category: "lab" }]);
  await cleo.page.settled();
  await ana!.at.engine.sharing.lookAgain();
  const { id } = ana!.page.row("lab");
  const named = { kind: "left-out", reports: [id], people: [{ email: boris!.email, why: "changed" }] };
  expect(leftOut()).toMatchObject([named]);
  await seen();
  await openedAgain();
  await expect.poll(leftOut, slowly).toMatchObject([named]);
  expect(await emailsReading(ana!, id)).not.toContain(boris!.email);
  await seen();
  await compared(ana!, boris!);
  await openedAgain();
  await expect.poll(() => emailsReading(ana!, id), slowly).toContain(boris!.email);
  expect(leftOut()).toEqual([]);
});
