/** A server that lies about people and readers (THREATS MS-10, MS-11, MS-19, RC-04): refused, nothing written. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { headerFor, makeSessionKey } from "../../src/vault/report-build.ts";
import { generateKey } from "../../src/crypto/keys.ts";
import { rewrap } from "../../src/crypto/rewrap.ts";
import { directory, join, leaf, type Built } from "../../src/ipld/builder.ts";
import type { Block, Cid } from "../../src/ipld/cid.ts";
import { DATA_NAME, META_NAME } from "../../src/ipld/shapes.ts";
import { readHeader, readStructure } from "../../src/vault/report.ts";
import type { BlockSource } from "../../src/vault/reading.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, networkFetch, Server } from "./serving.ts";

let server: Server;
let browser: Browser;
let page: Page;
let id: string;
const boris = newEmail();
const writes: string[] = [];
const lies = new Map<Cid, Uint8Array>();

beforeAll(async () => {
  server = await Server.start();
  server.person("boris")("signup", boris, "--name", "Boris", "--kit", `${server.folder}/kit`);
  browser = new Browser(server);
  page = await signedUp(browser);
  await page.store(fileOf("blood.txt", 100, 1));
  ({ id } = page.row("blood"));
  const { key } = await page.engine.sharing.meet(boris);
  await page.engine.sharing.verifyPerson(boris, { kind: "seen", key });
});
afterAll(() => server.remove());
beforeEach(() => {
  writes.length = 0;
  browser.meddle = () => null;
});

type Change = (answer: Record<string, unknown>) => Record<string, unknown>;

/** Has answers to `path` changed on the way, blocks made up, and remembers what would be written. */
function lie(path: string, change: Change): void {
  browser.meddle = async (request, forward) => {
    const { pathname } = new URL(request.url);
    if (request.method === "PUT") writes.push(pathname);
    const made = [...lies].find(([cid]) => pathname === `/ipfs/${cid}`);
    if (made !== undefined) return new Response(made[1] as Uint8Array<ArrayBuffer>);
    if (pathname !== `/api/v1${path}`) return null;
    const answer = await forward();
    return new Response(JSON.stringify(change((await answer.json()) as Record<string, unknown>)));
  };
}

const blocks: BlockSource = {
  fetch: (cids) =>
    Promise.all(
      cids.map(async (cid) => {
        const answer = await networkFetch(`${server.origin}/ipfs/${cid}?format=raw`);
        return { cid, data: new Uint8Array(await answer.arrayBuffer()) };
      }),
    ),
};

/** The same report under another header, as only a server could serve it. */
async function under(root: Cid, header: Uint8Array): Promise<Cid> {
  const { data, meta } = await readStructure(blocks, root);
  const [headerBlock, built] = await leaf(header);
  const made: Block[] = [headerBlock];
  const files: [string, Built][] = [];
  for (const [name, payload] of [[DATA_NAME, data], [META_NAME, meta]] as const) {
    const [block, file] = await join(built, payload);
    made.push(block);
    files.push([name, file]);
  }
  const [rootBlock, newRoot] = await directory(files);
  for (const block of [...made, rootBlock]) lies.set(block.cid, block.data);
  return newRoot.cid;
}

describe("a server that shows", () => {
  it("another certificate for a contact: sharing stops, and the pin stays", async () => {
    const mallory = await generateKey("Boris", boris);
    lie("/people/find", (answer) => ({ ...answer, certificate: mallory.certificate.armored }));
    const before = page.engine.sharing.contacts.current[0]!.key;
    const refused = page.engine.sharing.share({ reports: [id], people: [boris] });
    await expect(refused).rejects.toMatchObject({ code: "certificate-changed", facts: { person: boris } });
    expect(writes.filter((path) => path.includes("/reports/"))).toEqual([]);
    expect(page.engine.sharing.contacts.current).toMatchObject([{ key: before, trust: "changed" }]);
    const taken = page.engine.sharing.acceptPerson(boris, "f".repeat(64));
    await expect(taken).rejects.toMatchObject({ code: "certificate-changed" });
    browser.meddle = () => null;
    // It was a lie: the number of the pinned key, compared again, undoes the warning.
    const { key } = await page.engine.sharing.meet(boris);
    expect(key).toBe(before);
    expect(await page.engine.sharing.verifyPerson(boris, { kind: "seen", key })).toMatchObject({ trust: "verified" });
  });

  it("her own key for another's address is refused", async () => {
    let armored = "";
    browser.meddle = async (request, forward) => {
      if (!request.url.endsWith("/account")) return null;
      const answer = (await (await forward()).json()) as { certificate: string };
      armored = answer.certificate;
      return new Response(JSON.stringify(answer));
    };
    await page.engine.quota();
    lie("/people/find", (answer) => ({ ...answer, certificate: armored }));
    await expect(page.engine.sharing.meet(boris)).rejects.toMatchObject({ code: "invalid-input" });
  });

  it("a recipient whom nobody noted: recipient-refused, and nothing is written", async () => {
    const { cid } = page.row("blood");
    const ghost = await generateKey("Ghost", "ghost@example.org");
    const { octets } = await rewrap(await readHeader(blocks, cid), makeSessionKey(), { add: [ghost.certificate] });
    const root = await under(cid, octets);
    lie(`/reports/${id}`, (answer) => ({ ...answer, root }));
    const [outcome] = await page.engine.sharing.share({ reports: [id], people: [boris] });
    expect(outcome).toMatchObject({ state: "failed", error: { code: "recipient-refused" } });
    await expect(page.engine.edit(id, { title: "no" })).rejects.toMatchObject({ code: "recipient-refused" });
    expect(writes).toEqual([]);
    lies.clear();
  });

  it("a header without the owner's packet: envelope-refused, and nothing is written", async () => {
    const { cid } = page.row("blood");
    const ghost = await generateKey("Ghost", "ghost@example.org");
    const header = await headerFor(makeSessionKey(), [ghost.certificate]);
    const root = await under(cid, header.block.data);
    lie(`/reports/${id}`, (answer) => ({ ...answer, root }));
    const [outcome] = await page.engine.sharing.share({ reports: [id], people: [boris] });
    expect(outcome).toMatchObject({ state: "failed", error: { code: "envelope-refused" } });
    expect(writes).toEqual([]);
    lies.clear();
  });

  it("an older header: rollback, and nobody is dropped silently", async () => {
    const before = page.row("blood").cid;
    await page.engine.sharing.share({ reports: [id], people: [boris] });
    expect(page.row("blood").cid).not.toBe(before);
    const cleo = newEmail();
    server.person("cleo")("signup", cleo, "--name", "Cleo", "--kit", `${server.folder}/kit-c`);
    lie(`/reports/${id}`, (answer) => ({ ...answer, root: before }));
    const [outcome] = await page.engine.sharing.share({ reports: [id], people: [cleo] });
    expect(outcome).toMatchObject({ state: "failed", error: { code: "rollback" } });
    await expect(page.engine.edit(id, { title: "no" })).rejects.toMatchObject({ code: "rollback" });
    expect(writes.filter((path) => path.includes("/reports/"))).toEqual([]);
    browser.meddle = () => null;
    const { readers } = await page.engine.sharing.readersOf(id);
    expect(readers.map(({ email }) => email)).toContain(boris);
  });

  it("more recipients than were sealed, when a report is stored: recipient-refused", async () => {
    lie("/reports", (answer) => {
      const reports = answer["reports"] as { report: { readers: number } }[] | undefined;
      for (const { report } of reports ?? []) report.readers += 1;
      return answer;
    });
    await page.store(fileOf("ghostly.txt", 120, 7));
    expect(page.uploads!.items.at(-1)).toMatchObject({ state: "failed", error: { code: "recipient-refused" } });
  });

  it("a note for a report that names another packet, or another reader: refused, not entered", async () => {
    const own = (page.state as { person: { email: string } }).person.email;
    const theirs = new Browser(server);
    const sharer = await signedUp(theirs);
    await sharer.store(fileOf("mine.txt", 60, 10), fileOf("second.txt", 61, 11));
    await sharer.engine.sharing.meet(own);
    for (const title of ["mine", "second"]) {
      await sharer.engine.sharing.share({ reports: [sharer.row(title).id], people: [own] });
    }
    browser.use();
    lie("/shared", (answer) => {
      const items = answer["items"] as { share: Record<string, unknown> }[];
      const [a, b] = items;
      [a!.share["note"], b!.share["note"]] = [b!.share["note"], a!.share["note"]];
      return answer;
    });
    await page.engine.sharing.refreshReceived();
    const { items } = page.engine.sharing.received.current;
    expect(items.map(({ standing, error }) => [standing, error?.code])).toEqual([
      ["refused", "note-refused"],
      ["refused", "note-refused"],
    ]);
    expect(page.rows.some(({ isMine }) => !isMine)).toBe(false);
  });
});
