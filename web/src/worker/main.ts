/** The worker's face to the page: calls in, results, progress and feeds out. */
import { EngineInWorker } from "./engine.ts";
import { Downloads } from "./downloads.ts";
import { packed, toSent, type Call, type Feeds, type FromWorker } from "./protocol.ts";
import { Store } from "./store.ts";

declare const self: DedicatedWorkerGlobalScope;

const COPIED_WITHIN_MS = 10 * 60_000;

function send(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}

function tell<N extends keyof Feeds>(name: N, value: Feeds[N]): void {
  send({ kind: "feed", name, value: packed(value) } as FromWorker);
}

async function begin(): Promise<EngineInWorker> {
  const engine = new EngineInWorker(await Store.open(), self.location.origin);
  engine.state.subscribe((value) => tell("state", value));
  engine.connection.subscribe((value) => tell("connection", value));
  engine.settings.subscribe((value) => tell("settings", value));
  engine.lockingIn.subscribe((value) => tell("lockingIn", value));
  engine.downloads.view.subscribe((value) => tell("downloads", value));
  engine.copies.view.subscribe((value) => tell("copies", value));
  engine.sharing.contacts.subscribe((value) => tell("contacts", value));
  engine.sharing.received.subscribe((value) => tell("received", value));
  engine.sharing.delegations.subscribe((value) => tell("delegations", value));
  engine.sharing.requests.subscribe((value) => tell("requests", value));
  engine.sharing.notices.subscribe((value) => tell("notices", value));
  engine.onUploads = (value) => tell("uploads", value);
  engine.onFile = (file, fileName) => send({ kind: "file", file, fileName });
  engine.reports.send = (message) => send({ kind: "reports", message });
  // What another tab has just handed out is still being copied.
  await Downloads.sweep(COPIED_WITHIN_MS);
  await engine.start();
  return engine;
}

const engine = begin();

self.onmessage = async ({ data }: MessageEvent<Call>) => {
  const { id, method, args, hasProgress } = data;
  try {
    const target = await engine;
    const report = (value: unknown): void => send({ kind: "progress", id, value: packed(value) });
    // `sessions` names the list on the page's side; here it is what keeps them.
    const name = method === "sessions" ? "listSessions" : method;
    const owner = (name in target.sharing ? target.sharing : target) as object as Record<string, unknown>;
    const run = owner[name];
    if (typeof run !== "function") throw new TypeError("no such method");
    const value: unknown = await run.apply(owner, hasProgress ? [...args, report] : [...args]);
    send({ kind: "result", id, value: packed(value) });
  } catch (error) {
    send({ kind: "error", id, error: toSent(error) });
  }
};
