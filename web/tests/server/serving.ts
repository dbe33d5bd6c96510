/** A real `hygieia serve`, and the real command line beside it. */
import { execFile, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = new URL("../../../", import.meta.url).pathname;
const COMMAND = join(ROOT, ".venv/bin/hygieia");
const PYTHON = join(ROOT, ".venv/bin/python");
const START_MS = 60_000;
/** The network itself, whatever a test puts in its place. */
export const networkFetch = globalThis.fetch;
export const PASSWORD = "correct horse battery staple";

export class Server {
  readonly origin: string;
  readonly folder: string;
  private readonly settings: Readonly<Record<string, string>>;
  private process: ChildProcess;

  private constructor(port: number, folder: string, settings: Readonly<Record<string, string>>) {
    this.origin = `http://127.0.0.1:${port}`;
    this.folder = folder;
    this.settings = settings;
    this.process = this.spawn();
  }

  /** `settings`: what the environment says to it, HYGIEIA_ names and all. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Server> {
    const server = new Server(await freePort(), mkdtempSync(join(tmpdir(), "hygieia-web-")), settings);
    await server.ready();
    return server;
  }

  private spawn(): ChildProcess {
    const log = openSync(join(this.folder, "server.log"), "a");
    const data = join(this.folder, "data");
    const { port } = new URL(this.origin);
    const args = ["serve", "--host", "127.0.0.1", "--port", port, "--data", data];
    const env = { ...withoutSettings(), ...this.settings };
    return spawn(COMMAND, args, { cwd: this.folder, env, stdio: ["ignore", log, log] });
  }

  private async ready(): Promise<void> {
    for (const end = Date.now() + START_MS; Date.now() < end && this.process.exitCode === null; ) {
      const isReady = await networkFetch(`${this.origin}/readyz`).then(({ ok }) => ok, () => false);
      if (isReady) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the server does not start: ${readFileSync(join(this.folder, "server.log"), "utf8").slice(-2000)}`);
  }

  /** Ends it as an operator would; the data stays for `again`. */
  async stop(): Promise<void> {
    this.process.kill("SIGTERM");
    await once(this.process, "exit");
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }

  async again(): Promise<void> {
    this.process = this.spawn();
    await this.ready();
  }

  async remove(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Somebody at a shell, with her own client state. */
  person(name: string, password = PASSWORD): (...args: string[]) => string {
    writeFileSync(this.passwordFile(name), `${password}\n`, { mode: 0o600 });
    return (...args) => {
      const [command, given, { env }] = this.command(name, ...args);
      const done = spawnSync(command, given, { env, timeout: 120_000, maxBuffer: 1 << 28, encoding: "buffer" });
      if (done.status !== 0) {
        throw new Error(`hygieia ${args.join(" ")} ended with ${done.status}: ${done.stderr.toString()}`);
      }
      return done.stdout.toString("latin1");
    };
  }

  /** Runs `hygieia admin` beside it, with its settings: how that ended. The test goes on meanwhile, and may serve it. */
  async admin(...args: string[]): Promise<number> {
    const env = { ...withoutSettings(), ...this.settings };
    const given = ["admin", ...args, "--data", join(this.folder, "data")];
    const running = spawn(COMMAND, given, { cwd: this.folder, env, stdio: "ignore" });
    const [status] = (await once(running, "exit")) as [number | null];
    return status ?? -1;
  }

  /** How `person(name)` runs a command, for who wants to run it herself. */
  command(name: string, ...args: string[]): [string, string[], { env: Record<string, string> }] {
    const env = {
      ...withoutSettings(),
      HYGIEIA_HOME: join(this.folder, name),
      HYGIEIA_SERVER: this.origin,
      HYGIEIA_PASSWORD_FILE: this.passwordFile(name),
      PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring",
    };
    return [COMMAND, args, { env }];
  }

  private passwordFile(name: string): string {
    return join(this.folder, `${name}.password`);
  }
}

function withoutSettings(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("HYGIEIA_"));
  return Object.fromEntries(kept) as Record<string, string>;
}

/** The next of the ports that Python's tests and these are given: nobody else is while a server starts again. */
async function freePort(): Promise<number> {
  const { stdout } = await promisify(execFile)(PYTHON, ["-m", "tests.ports"], { cwd: ROOT });
  return Number(stdout);
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
