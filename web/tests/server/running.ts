/** A real `hygieia serve`, the real command line beside it, and browsers that have no screen. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import type { ReportRow, Uploads, VaultState } from "../../src/engine/interface.ts";
import { EngineInWorker } from "../../src/worker/engine.ts";
import type { ReportsMessage } from "../../src/worker/protocol.ts";
import { Store } from "../../src/worker/store.ts";

const COMMAND = new URL("../../../.venv/bin/hygieia", import.meta.url).pathname;
const START_MS = 60_000;
export const PASSWORD = "correct horse battery staple";

export class Server {
  readonly origin: string;
  readonly folder: string;
  private process: ChildProcess;

  private constructor(port: number, folder: string) {
    this.origin = `http://127.0.0.1:${port}`;
    this.folder = folder;
    this.process = this.spawn();
  }

  static async start(): Promise<Server> {
    const server = new Server(await freePort(), mkdtempSync(join(tmpdir(), "hygieia-web-")));
    await server.ready();
    return server;
  }

  private spawn(): ChildProcess {
    const log = openSync(join(this.folder, "server.log"), "a");
    const data = join(this.folder, "data");
    const { port } = new URL(this.origin);
    const args = ["serve", "--host", "127.0.0.1", "--port", port, "--data", data];
    return spawn(COMMAND, args, { cwd: this.folder, env: withoutSettings(), stdio: ["ignore", log, log] });
  }

  private async ready(): Promise<void> {
    for (const end = Date.now() + START_MS; Date.now() < end; ) {
      const isReady = await bare(`${this.origin}/readyz`).then(({ ok }) => ok, () => false);
      if (isReady) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the server does not start");
  }

  /** Ends it as an operator would; the data stays for `again`. */
  async stop(): Promise<void> {
    this.process.kill("SIGTERM");
    await once(this.process, "exit");
  }

  async again(): Promise<void> {
    this.process = this.spawn();
    await this.ready();
  }

  async remove(): Promise<void> {
    if (this.process.exitCode === null) await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Somebody at a shell, with her own client state. */
  person(name: string, password = PASSWORD): (...args: string[]) => string {
    const passwordFile = join(this.folder, `${name}.password`);
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    const env = {
      ...withoutSettings(),
      HYGIEIA_HOME: join(this.folder, name),
      HYGIEIA_SERVER: this.origin,
      HYGIEIA_PASSWORD_FILE: passwordFile,
      PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring",
    };
    return (...args) => {
      const done = spawnSync(COMMAND, args, { env, timeout: 120_000, maxBuffer: 1 << 28, encoding: "buffer" });
      if (done.status !== 0) {
        throw new Error(`hygieia ${args.join(" ")} ended with ${done.status}: ${done.stderr.toString()}`);
      }
      return done.stdout.toString("latin1");
    };
  }
}

function withoutSettings(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("HYGIEIA_"));
  return Object.fromEntries(kept) as Record<string, string>;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}

const bare = globalThis.fetch;

/**
 * What a browser keeps between pages: cookies and IndexedDB. `page` opens a page, as a reload does.
 * One browser at a time is the one in use: Node has one `fetch` and one `indexedDB`.
 */
export class Browser {
  /** Sees each request, and may answer in the network's place. */
  meddle: (request: Request) => Promise<Response> | Response | null = () => null;
  private readonly databases = new IDBFactory();
  private cookie: string | null = null;
  private readonly origin: string;

  constructor(server: Server) {
    this.origin = server.origin;
  }

  async page(): Promise<Page> {
    Object.assign(globalThis, { indexedDB: this.databases, fetch: this.fetch.bind(this) });
    const page = new Page(new EngineInWorker(await Store.open(), this.origin));
    await page.engine.start();
    return page;
  }

  private async fetch(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
    const request = new Request(input, init);
    const own = await this.meddle(request.clone());
    if (own !== null) return own;
    const headers = new Headers(init.headers);
    headers.set("Origin", this.origin);
    if (this.cookie !== null && init.credentials !== "omit") headers.set("Cookie", this.cookie);
    const response = await bare(input, { ...init, headers });
    const [cookie] = response.headers.getSetCookie();
    if (cookie !== undefined) this.cookie = cookie.split(";")[0]!.endsWith("=") ? null : cookie.split(";")[0]!;
    return response;
  }
}

/** A page: the engine, and what its screens would show. */
export class Page {
  readonly engine: EngineInWorker;
  rows: ReportRow[] = [];
  status = "closed";
  uploads: Uploads | null = null;

  constructor(engine: EngineInWorker) {
    this.engine = engine;
    engine.onUploads = (uploads) => (this.uploads = uploads);
    engine.reports.send = (message: ReportsMessage) => {
      if (message.step === "rows") this.rows = message.isFirst ? [...message.rows] : [...this.rows, ...message.rows];
      this.status = message.step === "begin" ? message.status : "ready";
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
    for (const end = Date.now() + 60_000; Date.now() < end; ) {
      if (this.uploads!.items.every(({ state }) => rests.has(state))) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`uploads do not end: ${JSON.stringify(this.uploads)}`);
  }
}

export function fileOf(name: string, size: number, seed = 1): File {
  const data = new Uint8Array(size);
  let word = seed >>> 0;
  for (let i = 0; i < size; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    data[i] = word >>> 24;
  }
  return new File([data], name, { lastModified: 1_700_000_000_000 });
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
