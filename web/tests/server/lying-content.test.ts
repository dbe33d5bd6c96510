/** A server that serves other headers, bodies and lists than were stored (threats MS-13 to MS-16, RC-01): refused, nothing written. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openSmall } from "../../src/crypto/envelope.ts";
import type { UnlockedKey } from "../../src/crypto/keys.ts";
import { pkeskDigest, rewrap } from "../../src/crypto/rewrap.ts";
import { concat } from "../../src/bytes.ts";
import type { Cid } from "../../src/ipld/cid.ts";
import { LIMITS } from "../../src/limits.ts";
import { fetchOne, readPayload } from "../../src/vault/reading.ts";
import { sealContent } from "../../src/vault/report-build.ts";
import { readHeader, readStructure } from "../../src/vault/report.ts";
import { Liar, notFound, shownAs } from "./liar.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, Server } from "./serving.ts";

const CONTENT_BYTES = 100;
const bens = newEmail();
let server: Server;
/** Ana, who owns `blood` and `eyes`; Ben, who reads both in a browser of his own. */
let hers: Browser;
let his: Browser;
let ana: Page;
let ben: Page;
let liar: Liar;
/** Of Ana's server, and of Ben's: it lies to one at a time. */
let toBen: Liar;
/** Reads `blood`, too: the test has her key, and with it the session key. */
let reader: UnlockedKey;
/** Whom `blood` is not shared with. */
let other: UnlockedKey;
let blood: string;
let eyes: string;

beforeAll(async () => {
  server = await Server.start();
  [hers, his] = [new Browser(server), new Browser(server)];
  [liar, toBen] = [new Liar(server, hers), new Liar(server, his)];
  ben = await signedUp(his, bens);
  ana = await signedUp(hers);
  await ana.store(fileOf("blood.txt", CONTENT_BYTES, 1), fileOf("eyes.txt", CONTENT_BYTES, 2));
  [blood, eyes] = [ana.row("blood").id, ana.row("eyes").id];
  reader = await liar.met(ana, "Reader");
  other = await liar.met(ana, "Other");
  liar.tell({ "/people/find": () => shownAs(reader) });
  await ana.engine.sharing.share({ reports: [blood], people: [reader.certificate.email] });
  liar.behave();
  for (const report of [blood, eyes]) await ana.engine.sharing.share({ reports: [report], people: [bens] });
  his.use();
  await ben.engine.sharing.meet(emailOf(ana));
  await ben.engine.sharing.refreshReceived();
  expect(ben.rows).toHaveLength(2);
});
afterAll(() => server.remove());
beforeEach(() => {
  liar.behave();
  toBen.behave();
  hers.use();
});

function emailOf(page: Page): string {
  return (page.state as { person: { email: string } }).person.email;
}

/** The session key of `blood`, as anyone who reads it has it. */
async function sessionKey(root: Cid) {
  const { header, meta } = await readStructure(liar.blocks, root);
  const payload = await readPayload(liar.blocks, meta, LIMITS.MAX_NOTE_BYTES);
  return openSmall(await fetchOne(liar.blocks, header.cid), payload, reader, LIMITS.MAX_NOTE_BYTES);
}

/** Every packet of `blood` but its owner's: Ben's and the reader's, whom notes name. */
async function withoutOwner(root: Cid): Promise<Cid> {
  const { items } = await sharesOf(blood);
  const noted = items.map(({ pkesk }) => pkesk);
  const kept: Uint8Array[] = [];
  for (const packet of await readHeader(liar.blocks, root)) {
    if (noted.includes(await pkeskDigest(packet))) kept.push(packet);
  }
  expect(kept).toHaveLength(2);
  return liar.under(root, concat(...kept));
}

async function sharesOf(report: string): Promise<{ items: { pkesk: string }[] }> {
  let answer: { items: { pkesk: string }[] } | null = null;
  liar.tell({
    [`/reports/${report}/shares`]: (given) => {
      answer = given as unknown as typeof answer;
      return given;
    },
  });
  await ana.engine.sharing.readersOf(report);
  return answer!;
}

/** What a server puts in the place of `blood`. */
const FORGERIES: Record<string, () => Promise<Cid>> = {
  async "the recipients of another report"() {
    const packets = await readHeader(liar.blocks, ana.row("eyes").cid);
    return liar.under(ana.row("blood").cid, concat(...packets));
  },
  async "no packet of its owner's"() {
    return withoutOwner(ana.row("blood").cid);
  },
  async "a recipient whom nobody noted"() {
    const { cid } = ana.row("blood");
    const opened = await sessionKey(cid);
    const { octets } = await rewrap(await readHeader(liar.blocks, cid), opened.sessionKey, { add: [other.certificate] });
    return liar.under(cid, octets);
  },
  async "another body, under the session key of a reader"() {
    const { cid } = ana.row("blood");
    const { header, meta } = await readStructure(liar.blocks, cid);
    const opened = await sessionKey(cid);
    const [blocks, payload] = await sealContent(new TextEncoder().encode("all is lost"), opened.sessionKey);
    liar.serve(blocks);
    return liar.tied(header, payload, meta);
  },
  async "its two bodies exchanged"() {
    const { header, data, meta } = await readStructure(liar.blocks, ana.row("blood").cid);
    return liar.tied(header, meta, data);
  },
  "another report": () => Promise.resolve(ana.row("eyes").cid),
};

describe("to the owner of a report, a server that serves", () => {
  it.each([
    ["the recipients of another report", "integrity"],
    ["no packet of its owner's", "envelope-refused"],
    ["a recipient whom nobody noted", "recipient-refused"],
    ["another body, under the session key of a reader", "meta-mismatch"],
    ["its two bodies exchanged", "note-refused"],
    ["another report", "meta-mismatch"],
  ])("%s: %s, and nothing is written", async (what, code) => {
    const before = ana.row("blood");
    const root = await FORGERIES[what]!();
    liar.writes.length = 0;
    liar.tell({
      "/people/find": () => shownAs(other),
      [`/reports/${blood}`]: (answer) => ({ ...answer, root }),
    });
    const { sharing } = ana.engine;
    const failed = [{ report: blood, state: "failed", error: { code } }];
    const people = [other.certificate.email];
    expect(await sharing.share({ reports: [blood], people })).toMatchObject(failed);
    expect(await sharing.unshare({ reports: [blood], person: bens })).toMatchObject(failed);
    await expect(ana.engine.edit(blood, { title: "no" })).rejects.toMatchObject({ code });
    expect(liar.writes).toEqual([]);
    expect(ana.row("blood")).toEqual(before);
  });

  it("a report as gone: it is not shared, and stays listed", async () => {
    const gone = [blood, eyes].map((report) => ({ report, root: null, rev: 99, deleted: true }));
    liar.tell({
      "/people/find": () => shownAs(other),
      "/changes": (answer) => ({ ...answer, items: gone, more: false }),
      [`/reports/${blood}`]: notFound,
    });
    const people = [other.certificate.email];
    expect(await ana.engine.sharing.share({ reports: [blood], people })).toMatchObject([
      { state: "failed", error: { code: "not-found" } },
    ]);
    await ana.engine.refresh();
    expect(ana.rows.map(({ id }) => id).sort()).toEqual([blood, eyes].sort());
    expect(liar.writes).toEqual([]);
  });

  it("two reports each under the other's id: neither line follows", async () => {
    const [first, second] = [ana.row("blood"), ana.row("eyes")];
    liar.tell({
      "/changes": (answer) => ({
        ...answer,
        items: [
          { report: blood, root: second.cid, rev: 99, deleted: false },
          { report: eyes, root: first.cid, rev: 99, deleted: false },
        ],
        more: false,
      }),
    });
    await ana.engine.refresh();
    expect([ana.row("blood"), ana.row("eyes")]).toEqual([first, second]);
    expect(liar.writes).toEqual([]);
  });
});

describe("to somebody who reads a report, a server that serves", () => {
  it.each([
    ["the recipients of another report", "integrity"],
    ["another body, under the session key of a reader", "meta-mismatch"],
    ["its two bodies exchanged", "note-refused"],
    ["another report", "meta-mismatch"],
  ])("%s: %s, and what he had stays", async (what, code) => {
    const root = await FORGERIES[what]!();
    his.use();
    const before = ben.row("blood");
    toBen.serve(liar.served);
    toBen.tell({ "/shared": (answer) => withRoot(answer, root) });
    await ben.engine.sharing.refreshReceived();
    const received = ben.engine.sharing.received.current.items.find(({ report }) => report === blood);
    expect(received).toMatchObject({ standing: "refused", error: { code } });
    expect(toBen.writes).toEqual([]);
    expect(ben.row("blood")).toEqual(before);
    expect((await ben.engine.preview(blood, { maxBytes: 1000 })).bytes).toHaveLength(CONTENT_BYTES);
  });

  it("nothing, or the reports in another order: what he has accepted stays, under its own name", async () => {
    his.use();
    const before = [ben.row("blood"), ben.row("eyes")];
    toBen.tell({ "/shared": (answer) => ({ ...answer, items: [...(answer["items"] as unknown[])].reverse() }) });
    await ben.engine.sharing.refreshReceived();
    expect([ben.row("blood"), ben.row("eyes")]).toEqual(before);
    toBen.tell({ "/shared": (answer) => ({ ...answer, items: [], next: null }) });
    await ben.engine.sharing.refreshReceived();
    expect([ben.row("blood"), ben.row("eyes")]).toEqual(before);
    expect(ben.engine.sharing.received.current.items.map(({ standing }) => standing)).toEqual(["ended", "ended"]);
    expect(toBen.writes).toEqual([]);
  });
});

function withRoot(answer: Record<string, unknown>, root: Cid): Record<string, unknown> {
  const items = answer["items"] as { share: { report: string } }[];
  return { ...answer, items: items.map((item) => (item.share.report === blood ? { ...item, root } : item)) };
}
