/** What a clinic's server stands on, and the guide for whoever has no server at all. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { Debian } from "./debian.ts";

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
  const elsewhere = new Debian();
  try {
    elsewhere.write("hygieia-kit.json", given.kit);
    elsewhere.write("script.sh", `${shellLines()}\nsha256sum vault/* | cut -d ' ' -f 1 | sort > list\n`);
    elsewhere.run(["bash", "script.sh"], {
      input: `${given.password}\n`,
      environment: { GATEWAY: given.gateway },
    });
    return elsewhere.read("list").toString().trim().split("\n");
  } finally {
    elsewhere.remove();
  }
}

function shellLines(): string {
  const guide = readFileSync(join(REPOSITORY, "docs/guide/open-without-hygieia.md"), "utf8");
  const blocks = [...guide.matchAll(FENCE)].map(([, mark, text]) => ({ mark, text: text! }));
  const careful = blocks.filter(({ mark }) => mark === "careful").map(({ text }) => text);
  return blocks
    .filter(({ mark }) => !["careful", "cleanup", "code"].includes(mark!))
    .flatMap(({ mark, text }) => (mark === "setup" ? [text, ...careful] : [text]))
    .join("\n");
}
