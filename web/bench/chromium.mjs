// Chromium driven by bare CDP: Playwright's network domain slows transfers tenfold.

import { spawn } from "node:child_process";
import { descendants } from "./processes.mjs";

const CHROMIUM = process.env.HYGIEIA_TEST_CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"];
const MORE = ["--disable-component-update", "--disable-sync", "--remote-debugging-pipe"];

/** One browser with a profile in `folder`. Messages go over a pipe: JSON, each ended by a NUL. */
export class Chromium {
  #child;
  #waiting = new Map();
  #listeners = new Set();
  #next = 1;

  constructor(folder) {
    this.#child = spawn(CHROMIUM, [...FLAGS, ...MORE, `--user-data-dir=${folder}`], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    let text = "";
    this.#child.stdio[4].setEncoding("utf8").on("data", (data) => {
      const parts = (text + data).split("\0");
      text = parts.pop();
      for (const part of parts) this.#receive(JSON.parse(part));
    });
  }

  #receive(message) {
    if (message.id === undefined) for (const listen of this.#listeners) listen(message);
    else this.#waiting.get(message.id)(message);
  }

  call(method, params = {}, sessionId = undefined) {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, ({ error, result }) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result)));
      this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  listen(run) {
    this.#listeners.add(run);
  }

  /** Its processes by kind: `browser`, `renderer`, `utility`, … */
  async processes() {
    const { processInfo } = await this.call("SystemInfo.getProcessInfo");
    return processInfo.map(({ type, id }) => ({ type, pid: id }));
  }

  close() {
    for (const pid of [...descendants(this.#child.pid), this.#child.pid]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // it has ended by itself
      }
    }
  }
}

/** Runs the body of an async function in `session` (a page or a worker); its JSON value. */
async function run(browser, session, body) {
  const params = { expression: `(async () => { ${body} })()`, awaitPromise: true, returnByValue: true };
  const { result, exceptionDetails } = await browser.call("Runtime.evaluate", params, session);
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

/** Opens the app at `origin`: runs code in its page and in its engine's worker. */
export async function openApp(browser, origin) {
  const { targetId } = await browser.call("Target.createTarget", { url: "about:blank" });
  const { sessionId: page } = await browser.call("Target.attachToTarget", { targetId, flatten: true });
  const worker = new Promise((resolve) => {
    browser.listen(({ method, params }) => {
      if (method !== "Target.attachedToTarget") return;
      const { type, url } = params.targetInfo;
      if (type === "worker" && url.includes("worker-main")) resolve(params.sessionId);
    });
  });
  await browser.call("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: true }, page);
  
  await browser.call("Page.navigate", { url: origin }, page);
  const engine = await worker;
  // The target is there before its script has run.
  while (!(await run(browser, engine, "return self.onmessage !== null;"))) await new Promise((resolve) => setTimeout(resolve, 50));
  return {
    page,
    engine,
    inPage: (body) => run(browser, page, body),
    inEngine: (body) => run(browser, engine, body),
  };
}
