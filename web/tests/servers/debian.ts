/** A Debian 13 that has sq, curl, jq and argon2, and none of our programs. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A folder of its own in the chroot, and programs run there. */
export class Debian {
  private readonly root: string;
  private readonly folder: string;

  constructor() {
    const root = process.env["HYGIEIA_TEST_CHROOT"];
    if (root === undefined) throw new Error("HYGIEIA_TEST_CHROOT names no Debian: run `make test-servers`");
    this.root = root;
    this.folder = mkdtempSync(join(root, "tmp", "page-"));
  }

  write(name: string, content: string | Uint8Array): void {
    writeFileSync(join(this.folder, name), content);
  }

  read(name: string): Buffer {
    return readFileSync(join(this.folder, name));
  }

  /** Runs a command there. Throws with what it said when it fails. */
  run(line: readonly string[], given: { input?: string; environment?: Readonly<Record<string, string>> } = {}): void {
    const inside = this.folder.slice(this.root.replace(/\/$/, "").length);
    const done = spawnSync("chroot", [this.root, "env", `--chdir=${inside}`, ...line], {
      env: { HOME: inside, PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...given.environment },
      input: given.input ?? "",
      encoding: "utf8",
      timeout: 150_000,
    });
    if (done.status !== 0) throw new Error(done.stdout + done.stderr);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
