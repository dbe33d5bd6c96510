/** A server that lies to one browser: answers changed on the way, blocks made up, people who are not there. */
import { Certificate } from "../../src/crypto/certificates.ts";
import { generateKey, type UnlockedKey } from "../../src/crypto/keys.ts";
import { pkeskDigest } from "../../src/crypto/rewrap.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import { directory, join, leaf, type Built } from "../../src/ipld/builder.ts";
import type { Block, Cid } from "../../src/ipld/cid.ts";
import { DATA_NAME, META_NAME } from "../../src/ipld/shapes.ts";
import type { BlockSource } from "../../src/vault/reading.ts";
import { readStructure } from "../../src/vault/report.ts";
import { signShare } from "../../src/vault/share-note.ts";
import { newEmail, type Browser, type Page } from "./running.ts";
import { networkFetch, type Server } from "./serving.ts";

type Answer = Record<string, unknown>;
/** What is answered instead; a Response where it is no answer of the API's usual kind. */
export type Change = (answer: Answer) => Answer | Response;

export class Liar {
  /** What was sent to be kept since the last `behave`: paths of the API, the blocks of an upload among them. */
  readonly writes: string[] = [];
  /** The true server's blocks. */
  readonly blocks: BlockSource;
  private readonly browser: Browser;
  private readonly made = new Map<Cid, Uint8Array>();

  constructor(server: Server, browser: Browser) {
    this.browser = browser;
    this.blocks = { fetch: (cids) => Promise.all(cids.map((cid) => fetched(server, cid))) };
  }

  /** Tells the truth again, and forgets what was seen. */
  behave(): void {
    this.writes.length = 0;
    this.made.clear();
    this.browser.meddle = () => null;
  }

  /** Has answers to these paths changed on the way, and remembers what would be written. */
  tell(paths: Readonly<Record<string, Change>>): void {
    this.browser.meddle = async (request, forward) => {
      const path = new URL(request.url).pathname.replace("/api/v1", "");
      const isWritten = request.method === "PUT" || request.method === "DELETE";
      if (isWritten || (request.method === "POST" && /^\/(uploads|reports|inbox)/.test(path))) this.writes.push(path);
      const made = [...this.made].find(([cid]) => path === `/ipfs/${cid}`);
      if (made !== undefined) return new Response(made[1] as Uint8Array<ArrayBuffer>);
      const change = request.method === "DELETE" ? undefined : paths[path];
      if (change === undefined) return null;
      const changed = change((await (await forward()).json()) as Answer);
      return changed instanceof Response ? changed : new Response(JSON.stringify(changed));
    };
  }

  /** Serves blocks that the true server has not got, from the next `tell` on. */
  serve(blocks: readonly Block[]): void {
    for (const block of blocks) this.made.set(block.cid, block.data);
  }

  /** The blocks made up so far. */
  get served(): Block[] {
    return [...this.made].map(([cid, data]) => ({ cid, data }));
  }

  /** The same report under another header, as only a server could serve it. */
  async under(root: Cid, header: Uint8Array): Promise<Cid> {
    const { data, meta } = await readStructure(this.blocks, root);
    const [block, built] = await leaf(header);
    this.serve([block]);
    return this.tied(built, data, meta);
  }

  /** A report's directory over these parts. */
  async tied(header: Built, data: Built, meta: Built): Promise<Cid> {
    const files: [string, Built][] = [];
    for (const [name, payload] of [[DATA_NAME, data], [META_NAME, meta]] as const) {
      const [block, file] = await join(header, payload);
      this.serve([block]);
      files.push([name, file]);
    }
    const [block, root] = await directory(files);
    this.serve([block]);
    return root.cid;
  }

  /** A contact whose key the test has, met by `page`. */
  async met(page: Page, name: string): Promise<UnlockedKey> {
    const key = await generateKey(name, newEmail());
    this.tell({ "/people/find": () => shownAs(key) });
    await page.engine.sharing.meet(key.certificate.email);
    return key;
  }

  /** What the page's own certificate is, as the server has it. */
  async certificateOf(page: Page): Promise<Certificate> {
    let armored = "";
    this.tell({
      "/account": (answer) => {
        armored = answer["certificate"] as string;
        return answer;
      },
    });
    await page.engine.quota();
    return Certificate.parse(armored);
  }
}

export function notFound(): Response {
  return new Response(JSON.stringify({ code: "not-found", detail: "There is no such report." }), { status: 404 });
}

/** The server's answer for somebody whose key the test has. */
export function shownAs({ certificate }: UnlockedKey): Answer {
  return { name: certificate.name, certificate: certificate.armored };
}

/** An item of the list of share notes: `signer` says that a packet is `reader`'s. */
export async function noteOf(signer: UnlockedKey, report: string, packet: Uint8Array, reader = signer.keyId) {
  const said = { report, reader, pkesk: await pkeskDigest(packet), delegation: null, former: null };
  const note = await signShare(signer, { ...said, created: formatTime(nowSeconds()) });
  return { sharer: signer.keyId, note: JSON.stringify(note) };
}

async function fetched({ origin }: Server, cid: Cid): Promise<Block> {
  const answer = await networkFetch(`${origin}/ipfs/${cid}?format=raw`);
  if (!answer.ok) throw new Error(`the server has no block ${cid}`);
  return { cid, data: new Uint8Array(await answer.arrayBuffer()) };
}
