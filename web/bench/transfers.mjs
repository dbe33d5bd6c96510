// How fast the built app's engine stores and fetches one large file in Chromium, how much memory its renderer takes
// and how long page and worker are held up meanwhile. Beside it stands what bare WebCrypto reaches in the same worker,
// and what the transfer took of the CPU: on a busy machine those tell more than the time does.
//
//   node bench/transfers.mjs [MIB] [ROUNDS]        needs `make web`, .venv, Chromium and Linux

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chromium, openApp } from "./chromium.mjs";
import { bare, DOWN, fill, GCM, PRELUDE, SHA256, SIGN_UP, UP, WATCH_TURNS } from "./in-engine.mjs";
import { cpuSeconds, forgetPeak, memoryOf, peakOf } from "./processes.mjs";
import { startServer } from "./serving.mjs";

const MIB = Number(process.argv[2] ?? 512);
const ROUNDS = Number(process.argv[3] ?? 3);
const LEAF_BYTES = 1 << 20;

const WATCH_PAGE = `
  self.longTasks = [];
  new PerformanceObserver((list) => self.longTasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask" });
`;
/** A long task is told of some time after it has ended. */
const TOLD = "await new Promise((resolve) => setTimeout(resolve, 200)); ";
const LONG_TASKS = "const seen = self.longTasks; self.longTasks = []; return seen;";
const LATEST_TURN = "const latest = self.latestTurn; self.latestTurn = 0; return latest;";

/** The renderer that holds the engine: the largest. */
async function rendererOf(browser) {
  const renderers = (await browser.processes()).filter(({ type }) => type === "renderer").map(({ pid }) => pid);
  return renderers.reduce((a, b) => (memoryOf(b).mib > memoryOf(a).mib ? b : a));
}

/** Runs one transfer; what it took. */
async function measure({ app, browser, server, renderer }, body) {
  const others = (await browser.processes()).map(({ pid }) => pid).filter((pid) => pid !== renderer);
  const total = () => [cpuSeconds(server.pid), cpuSeconds(renderer), others.reduce((sum, pid) => sum + cpuSeconds(pid), 0)];
  // What the bench itself has left behind is not the transfer's, nor is what it takes to collect that.
  for (const session of [app.page, app.engine]) await browser.call("HeapProfiler.collectGarbage", {}, session);
  await app.inPage(TOLD + LONG_TASKS);
  await app.inEngine(TOLD + LATEST_TURN);
  forgetPeak(renderer);
  const before = total();
  const ms = await app.inEngine(body);
  const cpu = total().map((seconds, place) => Number((seconds - before[place]).toFixed(2)));
  const longTasks = await app.inPage(TOLD + LONG_TASKS);
  return {
    mbs: Math.round((MIB * 1048.576) / ms),
    peak_mib: peakOf(renderer),
    cpu_seconds: { server: cpu[0], renderer: cpu[1], browser: cpu[2] },
    page_long_tasks: longTasks.length,
    page_longest_ms: Math.round(Math.max(0, ...longTasks)),
    worker_latest_turn_ms: Math.round(await app.inEngine(LATEST_TURN)),
  };
}

async function measureAll(folder, ended) {
  const server = await startServer(folder);
  ended.push(() => server.stop());
  const browser = new Chromium(join(folder, "profile"));
  ended.push(() => browser.close());
  const app = await openApp(browser, server.origin);
  await app.inPage(WATCH_PAGE);
  await app.inEngine(PRELUDE);
  await app.inEngine(SIGN_UP);
  const report = (row) => console.log(JSON.stringify(row));
  const renderer = await rendererOf(browser);
  const parts = { app, browser, server, renderer };
  for (let round = 1; round <= ROUNDS; round++) {
    // Another size each time: of a file of a size that the vault has, the digest is compared first.
    await app.inEngine(fill(MIB, round));
    report({
      what: "bare",
      gcm_mbs: Math.round(await app.inEngine(bare(GCM))),
      sha256_mbs: Math.round(await app.inEngine(bare(SHA256, LEAF_BYTES))),
      renderer_mib: memoryOf(renderer).mib,
    });
    if (round === 1) await app.inEngine(WATCH_TURNS);
    report({ what: "up", mib: MIB, ...(await measure(parts, UP)) });
    report({ what: "down", mib: MIB, ...(await measure(parts, DOWN)) });
  }
}

const folder = mkdtempSync(join(process.env.HYGIEIA_BENCH_PLACE ?? tmpdir(), "hygieia-bench-"));
const ended = [];
try {
  await measureAll(folder, ended);
} finally {
  for (const end of ended) end();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  rmSync(folder, { recursive: true, force: true });
}
