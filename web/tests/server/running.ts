/** Browsers that have no screen: the engine under Node, with cookies and IndexedDB of their own. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import type { ReportRow, Uploads, VaultState } from "../../src/engine/interface.ts";
import { EngineInWorker } from "../../src/worker/engine.ts";
import type { ReportsMessage } from "../../src/worker/protocol.ts";
import { Store } from "../../src/worker/store.ts";
import { networkFetch, PASSWORD, Server } from "./serving.ts";

/**
 * What a browser keeps between pages: cookies and IndexedDB. `page` opens a page, as a reload does.
 * One browser at a time is the one in use: Node has one `fetch` and one `indexedDB`.
 */
export class Browser {
  /** Sees each request, and may answer in the network's place; `forward` asks the network. */
  meddle: (request: Request, forward: () => Promise<Response>) => Promise<Response | null> | Response | null =
    () => null;
  private readonly databases = new IDBFactory();
  private cookie: string | null = null;
  private readonly origin: string;

  constructor(server: Server) {
    this.origin = server.origin;
  }

  /** Makes this browser the one in use: before each thing done in it, where there are several. */
  use(): void {
    Object.assign(globalThis, { indexedDB: this.databases, fetch: this.fetch.bind(this) });
  }

  async page(): Promise<Page> {
    this.use();
    const page = new Page(new EngineInWorker(await Store.open(), this.origin));
    await page.engine.start();
    return page;
  }

  private async fetch(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
    const request = new Request(input, init);
    const forward = (): Promise<Response> => this.forward(input, init);
    return (await this.meddle(request, forward)) ?? forward();
  }

  private async forward(input: RequestInfo | URL, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Origin", this.origin);
    if (this.cookie !== null && init.credentials !== "omit") headers.set("Cookie", this.cookie);
    const response = await networkFetch(input, { ...init, headers });
    const [cookie] = response.headers.getSetCookie();
    const named = cookie?.split(";")[0];
    if (named !== undefined) this.cookie = named.endsWith("=") ? null : named;
    return response;
  }
}

/** A page: the engine, and what its screens would show. */
export class Page {
  readonly engine: EngineInWorker;
  rows: ReportRow[] = [];
  status = "closed";
  error: unknown = null;
  /** Reports that did not open, and why. */
  refused: readonly { report: string; error: { code: string } }[] = [];
  uploads: Uploads | null = null;

  constructor(engine: EngineInWorker) {
    this.engine = engine;
    engine.onUploads = (uploads) => (this.uploads = uploads);
    engine.reports.send = (message: ReportsMessage) => {
      if (message.step === "rows") this.rows = message.isFirst ? [...message.rows] : [...this.rows, ...message.rows];
      if (message.step === "end") this.refused = message.refused;
      this.status = message.step === "begin" ? message.status : "ready";
      this.error = message.step === "begin" ? message.error : null;
    };
  }

  get state(): VaultState {
    return this.engine.state.current;
  }

  row(title: string): ReportRow {
    const found = this.rows.find((row) => row.title === title);
    if (found === undefined) throw new Error(`no report ${title} among ${this.rows.map((row) => row.title).join()}`);
    return found;
  }

  /** Stores files, and waits until each has ended one way or another. */
  async store(...files: File[]): Promise<readonly string[]> {
    const ids = await this.engine.upload(files.map((file) => ({ file })));
    await this.settled();
    return ids;
  }

  async settled(): Promise<void> {
    const rests = new Set(["saved", "failed", "cancelled", "duplicate", "paused", "needs-file"]);
    // A test may set the clock: what has gone by is asked of another.
    for (const end = performance.now() + 180_000; performance.now() < end; ) {
      if (this.uploads!.items.every(({ state }) => rests.has(state))) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`uploads do not end: ${JSON.stringify(this.uploads)}`);
  }
}

/** Email of somebody nobody has been before. */
let people = 0;
export function newEmail(): string {
  return `person${++people}@example.org`;
}

export async function signedUp(browser: Browser, email = newEmail()): Promise<Page> {
  const page = await browser.page();
  await page.engine.signUp({ email, name: "Ana", password: PASSWORD });
  await page.engine.confirmKit({ kind: "code", text: (await page.engine.pendingKit())!.code });
  return page;
}

/** A server of its own with one person, whose browser has her vault open. */
export async function startVault(email = newEmail()): Promise<{ server: Server; browser: Browser; page: Page }> {
  const server = await Server.start();
  const browser = new Browser(server);
  return { server, browser, page: await signedUp(browser, email) };
}
