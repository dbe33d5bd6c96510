/** What a clinic's server stands on, and a Debian that has none of our programs. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const REPOSITORY = new URL("../../../", import.meta.url).pathname;

/** FerretDB and Kubo (tests/clinic_stores.py); `settings` of a server on them. */
export class Stores {
  readonly settings: Readonly<Record<string, string>>;
  private readonly process: ChildProcess;

  private constructor(process: ChildProcess, settings: Readonly<Record<string, string>>) {
    this.process = process;
    this.settings = settings;
  }

  /** Throws when one of them does not start: what was promised is not skipped. */
  static async start(): Promise<Stores> {
    const program = spawn(join(REPOSITORY, ".venv/bin/python"), ["-m", "tests.clinic_stores"], {
      cwd: REPOSITORY,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: program.stdout });
    for await (const line of lines) {
      const settings = JSON.parse(line) as Record<string, string>;
      return new Stores(program, settings);
    }
    throw new Error("MongoDB's or Kubo's program does not start: run `make test-servers`");
  }

  async end(): Promise<void> {
    this.process.stdin!.end();
    await once(this.process, "exit");
  }
}

const FENCE = /^```sh ?(\w*)\n(.*?)^```$/gms;

/**
 * Follows docs/guide/open-without-hygieia.md as it stands, where nothing of ours is, with a gateway that is not trusted.
 * The SHA-256 of each file that came out, in order.
 */
export function openByHand(given: { kit: Buffer; password: string; gateway: string }): string[] {
  const root = process.env["HYGIEIA_TEST_CHROOT"];
  if (root === undefined) throw new Error("HYGIEIA_TEST_CHROOT names no Debian: run `make test-servers`");
  const folder = mkdtempSync(join(root, "tmp", "page-"));
  try {
    writeFileSync(join(folder, "hygieia-kit.json"), given.kit);
    writeFileSync(join(folder, "script.sh"), `${shellLines()}\nsha256sum vault/* | cut -d ' ' -f 1 | sort > list\n`);
    const inside = folder.slice(root.replace(/\/$/, "").length);
    const done = spawnSync("chroot", [root, "bash", "-c", `cd ${inside} && exec bash script.sh`], {
      env: { HOME: inside, PATH: "/usr/sbin:/usr/bin:/sbin:/bin", GATEWAY: given.gateway },
      input: `${given.password}\n`,
      encoding: "utf8",
      timeout: 150_000,
    });
    if (done.status !== 0) throw new Error(done.stdout + done.stderr);
    return readFileSync(join(folder, "list"), "utf8").trim().split("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function shellLines(): string {
  const guide = readFileSync(join(REPOSITORY, "docs/guide/open-without-hygieia.md"), "utf8");
  const blocks = [...guide.matchAll(FENCE)].map(([, mark, text]) => ({ mark, text: text! }));
  const careful = blocks.filter(({ mark }) => mark === "careful").map(({ text }) => text);
  return blocks
    .filter(({ mark }) => mark !== "careful" && mark !== "cleanup")
    .flatMap(({ mark, text }) => (mark === "setup" ? [text, ...careful] : [text]))
    .join("\n");
}
