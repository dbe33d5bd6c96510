// How fast the built app's engine stores and reads one large file in Chromium, and how much memory its renderer takes.
// By bare CDP, for Playwright's network domain slows uploads tenfold. Beside the figures stands what bare WebCrypto
// reaches in the same worker, so that a busy machine shows.
//
//   node bench/transfers.mjs [MIB]        needs `make web`, .venv and Chromium

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MIB = Number(process.argv[2] ?? 512);
const CHROMIUM = process.env.HYGIEIA_TEST_CHROMIUM ?? "/usr/bin/chromium";
const COMMAND = new URL("../../.venv/bin/hygieia", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "hygieia-bench-"));
const ended = [];

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function startServer() {
  const port = await freePort();
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HYGIEIA_")));
  const args = ["serve", "--host", "127.0.0.1", "--port", String(port), "--data", join(folder, "data")];
  const server = spawn(COMMAND, args, { env, cwd: folder, stdio: "ignore" });
  ended.push(() => server.kill("SIGTERM"));
  for (let tries = 0; tries < 600; tries++) {
    if (await fetch(`http://127.0.0.1:${port}/readyz`).then(({ ok }) => ok, () => false)) return `http://localhost:${port}`;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the server does not start");
}

/** Chromium on a pipe: one JSON message after another, each ended by a NUL. */
function startChromium() {
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"];
  const more = ["--disable-component-update", "--disable-sync", `--user-data-dir=${join(folder, "profile")}`];
  const child = spawn(CHROMIUM, [...flags, ...more, "--remote-debugging-pipe"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
  });
  ended.push(() => child.kill("SIGKILL"));
  const waiting = new Map();
  const listeners = [];
  let next = 1;
  let text = "";
  child.stdio[4].setEncoding("utf8").on("data", (data) => {
    const parts = (text + data).split("\0");
    text = parts.pop();
    for (const part of parts) {
      const message = JSON.parse(part);
      if (message.id === undefined) for (const listen of listeners) listen(message);
      else waiting.get(message.id)(message);
    }
  });
  const call = (method, params = {}, sessionId = undefined) =>
    new Promise((resolve, reject) => {
      const id = next++;
      waiting.set(id, ({ error, result }) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result)));
      child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  return { call, listen: (run) => listeners.push(run) };
}

/** Opens the app and attaches to its engine's worker. */
async function openEngine({ call, listen }, origin) {
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const worker = new Promise((resolve) => {
    listen(({ method, params }) => {
      if (method !== "Target.attachedToTarget") return;
      const { type, url } = params.targetInfo;
      if (type === "worker" && url.includes("worker-main")) resolve(params.sessionId);
    });
  });
  await call("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: true }, sessionId);
  await call("Page.navigate", { url: origin }, sessionId);
  const session = await worker;
  return async (expression) => {
    const params = { expression: `(async () => { ${expression} })()`, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await call("Runtime.evaluate", params, session);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
}

const PRELUDE = `
  const results = new Map(); let at = 1e6; self.uploadsSeen = null; self.downloadsSeen = null;
  const post = self.postMessage.bind(self);
  self.postMessage = (message, transfer) => {
    if (message.kind === "feed" && message.name === "uploads") self.uploadsSeen = message.value;
    if (message.kind === "feed" && message.name === "downloads") self.downloadsSeen = message.value;
    if (message.kind === "reports" && message.message.step === "rows") self.rowsSeen = message.message.rows;
    if (results.has(message.id)) { results.get(message.id)(message); return; }
    if (message.kind !== "file") post(message, transfer);
  };
  self.engineCall = (method, ...args) => new Promise((resolve, reject) => {
    const id = at++;
    results.set(id, (m) => (m.kind === "result" ? resolve(m.value) : reject(new Error(method + ": " + m.error.code))));
    self.onmessage({ data: { kind: "call", id, method, args, hasProgress: false } });
  });
  self.until = async (test) => { while (!test()) await new Promise((r) => setTimeout(r, 20)); };
`;

const FILL = `
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle("bench.bin", { create: true });
  const access = await handle.createSyncAccessHandle();
  const data = new Uint8Array(1 << 20);
  for (let i = 0; i < ${MIB}; i++) {
    for (let p = 0; p < data.length; p += 65536) crypto.getRandomValues(data.subarray(p, p + 65536));
    access.write(data, { at: i * 2 ** 20 });
  }
  access.flush(); access.close();
`;

const UP = `
  const handle = await (await navigator.storage.getDirectory()).getFileHandle("bench.bin");
  const file = await handle.getFile();
  const began = performance.now();
  await self.engineCall("upload", [{ file }]);
  await self.until(() => self.uploadsSeen?.items.at(-1)?.state === "saved" || self.uploadsSeen?.items.at(-1)?.state === "failed");
  if (self.uploadsSeen.items.at(-1).state === "failed") throw new Error(self.uploadsSeen.items.at(-1).error.code);
  return performance.now() - began;
`;

const DOWN = `
  const began = performance.now();
  await self.engineCall("download", self.rowsSeen[0].id, { kind: "browser" });
  await self.until(() => self.downloadsSeen?.at(-1)?.state !== "running");
  if (self.downloadsSeen.at(-1).state !== "done") throw new Error(self.downloadsSeen.at(-1).error?.code);
  return performance.now() - began;
`;

const bare = (what) => `
  const key = await crypto.subtle.importKey("raw", new Uint8Array(32), "AES-GCM", false, ["encrypt"]);
  const data = new Uint8Array(1 << 18);
  const began = performance.now();
  const flying = [];
  for (let i = 0; i < ${4 * 256}; i++) {
    const iv = new Uint8Array(12); new DataView(iv.buffer).setUint32(8, i);
    flying.push(${what});
    if (flying.length > 3) await flying.shift();
  }
  await Promise.all(flying);
  return 256 * 1048.576 / (performance.now() - began);
`;

/** From now on the peak is counted anew. */
async function forgetPeak({ call }) {
  const { processInfo } = await call("SystemInfo.getProcessInfo");
  for (const { type, id } of processInfo) if (type === "renderer") writeFileSync(`/proc/${id}/clear_refs`, "5");
}

/** Peak resident memory of the page's renderer, in MiB. */
async function peakMiB({ call }) {
  const { processInfo } = await call("SystemInfo.getProcessInfo");
  const peaks = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0) / 1024);
  return Math.round(Math.max(...peaks));
}

try {
  const origin = await startServer();
  const browser = startChromium();
  const run = await openEngine(browser, origin);
  await run(PRELUDE);
  await run(`await self.engineCall("signUp", { email: "bench@example.org", name: "Bench", password: "correct horse battery staple" });`);
  await run(FILL);
  const rate = (ms) => Math.round((MIB * 1048.576) / ms);
  const figures = { mib: MIB };
  figures.gcm_mbs = Math.round(await run(bare('crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, data)')));
  figures.sha256_mbs = Math.round(await run(bare('crypto.subtle.digest("SHA-256", data)')));
  await forgetPeak(browser);
  figures.idle_mib = await peakMiB(browser);
  figures.up_mbs = rate(await run(UP));
  figures.up_peak_mib = await peakMiB(browser);
  await forgetPeak(browser);
  figures.down_mbs = rate(await run(DOWN));
  figures.down_peak_mib = await peakMiB(browser);
  console.log(JSON.stringify(figures));
} finally {
  for (const end of ended) end();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  rmSync(folder, { recursive: true, force: true });
}
