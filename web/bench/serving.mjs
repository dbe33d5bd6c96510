// The repository's own server on a free port, its data in a folder.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";

const COMMAND = process.env.HYGIEIA_TEST_COMMAND ?? new URL("../../.venv/bin/hygieia", import.meta.url).pathname;
const START_TRIES = 600;

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Starts it; resolves once it answers. */
export async function startServer(folder) {
  const port = await freePort();
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HYGIEIA_")));
  const args = ["serve", "--host", "127.0.0.1", "--port", String(port), "--data", join(folder, "data")];
  const server = spawn(COMMAND, args, { env, cwd: folder, stdio: "ignore" });
  const stop = () => server.kill("SIGTERM");
  for (let tries = 0; tries < START_TRIES; tries++) {
    const isReady = await fetch(`http://127.0.0.1:${port}/readyz`).then(({ ok }) => ok, () => false);
    // The name, not the number: a page on it is a secure context.
    if (isReady) return { origin: `http://localhost:${port}`, pid: server.pid, stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  stop();
  throw new Error("the server does not start");
}
