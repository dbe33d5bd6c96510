// Builds the app over the test engine and serves it on this machine, under the policy that the real server sends.

import { createServer, type Server } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { build } from "vite";

/** As hygieia/server sends it for the page. */
export const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types svelte-trusted-html hygieia-worker hygieia-pdf",
].join("; ");

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
};

export interface Served {
  readonly origin: string;
  close(): Promise<void>;
}

export async function serveScreens(): Promise<Served> {
  const out = await mkdtemp(join(tmpdir(), "hygieia-screens-"));
  await build({
    root: fileURLToPath(new URL("./app", import.meta.url)),
    configFile: false,
    plugins: [svelte({ configFile: false })],
    base: "/",
    logLevel: "warn",
    publicDir: false,
    build: { outDir: out, emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
    worker: { format: "es" },
  });
  const server = createServer((request, response) => {
    if (request.url === "/favicon.ico") {
      response.writeHead(204).end();
      return;
    }
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const file = extname(path) === "" ? "/index.html" : path;
    readFile(join(out, file)).then(
      (body) => {
        response.writeHead(200, {
          "Content-Type": types[extname(file)] ?? "application/octet-stream",
          "Content-Security-Policy": policy,
        });
        response.end(body);
      },
      () => response.writeHead(404).end(),
    );
  });
  const port = await listen(server);
  return {
    origin: `http://localhost:${String(port)}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await rm(out, { recursive: true });
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((done) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      done(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
