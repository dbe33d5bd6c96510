// Builds the app over the test engine, once for all files, and serves it on this machine, page and workers each under the
// policy that the real server sends for it.

import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { build } from "vite";
import type { TestProject } from "vitest/node";

const run = promisify(execFile);
const PYTHON = fileURLToPath(new URL("../../../.venv/bin/python", import.meta.url));
/** Asks the server's own code what it sends with each file of a bundle in the folder named. */
const ASK = `
import json, pathlib, sys
from hygieia.server import web_app
web_app.files = lambda _package: pathlib.Path(sys.argv[1])
print(json.dumps({name: file.headers for name, file in web_app.load_bundle().items()}))
`;

type Headers = Readonly<Record<string, string>>;

declare module "vitest" {
  interface ProvidedContext {
    /** Where the app stands. */
    origin: string;
  }
}

/** What Vitest runs before all files; it calls what this gives back after them. */
export default async function serveScreens({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "hygieia-screens-"));
  const out = join(folder, "web_dist"); // what the server calls it in its package
  await buildInto(out);
  const headers = new Map(Object.entries(JSON.parse((await run(PYTHON, ["-c", ASK, folder])).stdout) as Record<string, Headers>));
  const server = createServer((request, response) => {
    if (request.url === "/favicon.ico") {
      response.writeHead(204).end();
      return;
    }
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const name = extname(path) === "" ? "index.html" : path.slice(1);
    readFile(join(out, name)).then(
      (body) => response.writeHead(200, headers.get(name)).end(body),
      () => response.writeHead(404).end(),
    );
  });
  provide("origin", `http://localhost:${String(await listen(server))}`);
  return async () => {
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true });
  };
}

async function buildInto(outDir: string): Promise<void> {
  await build({
    root: fileURLToPath(new URL("./app", import.meta.url)),
    configFile: false,
    plugins: [svelte({ configFile: false })],
    base: "/",
    logLevel: "warn",
    publicDir: false,
    build: { outDir, emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
    // By these names the server knows whose policy is whose (web/vite.config.ts).
    worker: { format: "es", rollupOptions: { output: { entryFileNames: "assets/worker-[name]-[hash].js" } } },
  });
}

function listen(server: Server): Promise<number> {
  return new Promise((done) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      done(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
