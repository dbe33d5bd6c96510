/** A page that has not looked for a while changes a report: first it reads what another device decided (docs/spec/13 §6). */
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { newEmail, startVault, type Page } from "./running.ts";
import { fileOf, type Server } from "./serving.ts";

const [mira, boris, cleo] = [newEmail(), newEmail(), newEmail()];
let server: Server;
let page: Page;
/** Her other device, and those she shares with. */
let other: (...args: string[]) => string;
let reader: (...args: string[]) => string;
let reports = 0;
let id: string;

beforeAll(async () => {
  ({ server, page } = await startVault(mira));
  other = server.person("mira-elsewhere");
  other("login", mira);
  for (const [name, email] of [["boris", boris], ["cleo", cleo]] as const) {
    const shell = server.person(name);
    shell("signup", email, "--name", name, "--kit", join(server.folder, `kit-${name}`));
    await page.engine.sharing.meet(email);
  }
  reader = server.person("boris");
});
afterAll(() => server.remove());

/** A report that boris read, until the other device took him off; the page does not know. */
beforeEach(async () => {
  const name = `report ${++reports}`;
  await page.store(fileOf(`${name}.txt`, 200, reports));
  ({ id } = page.row(name));
  await page.engine.sharing.share({ reports: [id], people: [boris] });
  other("unshare", id, "--with", boris);
});

async function readersNow(): Promise<(string | null)[]> {
  return (await page.engine.sharing.readersOf(id)).readers.map(({ email }) => email).sort();
}

function isOpenToBoris(): boolean {
  const { reports: listed } = JSON.parse(reader("--json", "shared")) as { reports: { id: string; standing: string }[] };
  return listed.some((each) => each.id === id && each.standing === "accepted");
}

it("a new title makes the session key new, as whoever was taken off still has the old one", async () => {
  const before = (await page.engine.versions(id))[0]!;
  await page.engine.edit(id, { title: `renamed ${reports}` });
  const { removed } = await page.engine.sharing.readersOf(id);
  expect(removed).toEqual([]);
  expect(await readersNow()).toEqual([mira]);
  expect(isOpenToBoris()).toBe(false);
  const after = (await page.engine.versions(id))[0]!;
  expect(after).toMatchObject({ change: "update", revision: before.revision + 1 });
});

it("new content is not for whoever was taken off", async () => {
  await page.engine.update(id, { file: fileOf("new.txt", 300, 90 + reports) });
  await page.settled();
  expect(await readersNow()).toEqual([mira]);
  expect(isOpenToBoris()).toBe(false);
});

it("sharing with somebody else brings nobody back", async () => {
  expect(await page.engine.sharing.share({ reports: [id], people: [cleo] })).toMatchObject([{ state: "done" }]);
  expect(await readersNow()).toEqual([cleo, mira].sort());
  expect((await page.engine.sharing.readersOf(id)).removed).toMatchObject([{ email: boris }]);
});

it("taking him off again finds that it is done", async () => {
  expect(await page.engine.sharing.unshare({ reports: [id], person: boris })).toMatchObject([{ state: "unchanged" }]);
  expect(await readersNow()).toEqual([mira]);
});

it("a new key is planned and made by what the other device decided", async () => {
  const plan = await page.engine.sharing.planRekey(id);
  expect([plan.kept, plan.removed.map(({ email }) => email)]).toEqual([[], [boris]]);
  await page.engine.sharing.rekey(id, { keep: [] });
  expect(await readersNow()).toEqual([mira]);
});

it("what another device put in the trash is not shared, and says so", async () => {
  other("rm", id);
  expect(await page.engine.sharing.share({ reports: [id], people: [cleo] })).toMatchObject([
    { state: "failed", error: { code: "conflict" } },
  ]);
});
