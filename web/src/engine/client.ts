/** The engine as the page has it: calls go to the worker, feeds come from it. */
import type { Call, FeedMessage, Feeds, FromWorker, Method } from "../worker/protocol.ts";
import { fromSent, unpacked } from "../worker/protocol.ts";
import workerUrl from "../worker/main.ts?worker&url";
import { scriptPolicy } from "../trusted-scripts.ts";
import { EngineError } from "./errors.ts";
import { Source } from "./feed.ts";
import type { Engine, ReportList, ReportRow } from "./interface.ts";

const EMPTY: ReportList = { status: "closed", rows: [], refused: [], error: null };

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: EngineError) => void;
  readonly onProgress: ((value: unknown) => void) | undefined;
}

/** What a handle can be asked where the browser keeps handles (not in TypeScript's own library). */
interface AskingHandle {
  requestPermission?(how: { mode: "read" }): Promise<PermissionState>;
}

class Client {
  readonly feeds: { [name in keyof Feeds]: Source<Feeds[name]> } = {
    state: new Source<Feeds["state"]>({ kind: "starting" }),
    uploads: new Source<Feeds["uploads"]>({
      items: [],
      totalBytes: 0,
      sentBytes: 0,
      secondsLeft: null,
      isPaused: false,
    }),
    downloads: new Source<Feeds["downloads"]>([]),
    connection: new Source<Feeds["connection"]>({ kind: "online", waiting: 0, dropped: 0, gateways: [], retryAt: null }),
    settings: new Source<Feeds["settings"]>({
      gateways: [],
      lockMinutes: 15,
      theme: "system",
      language: "system",
      isSlashSearch: true,
    }),
    copies: new Source<Feeds["copies"]>({ status: "unknown", items: [], tested: 0, total: 0, failed: [], error: null }),
    lockingIn: new Source<Feeds["lockingIn"]>(null),
    contacts: new Source<Feeds["contacts"]>([]),
    received: new Source<Feeds["received"]>({ status: "closed", items: [], error: null }),
    delegations: new Source<Feeds["delegations"]>({ status: "closed", items: [], error: null }),
    requests: new Source<Feeds["requests"]>([]),
    notices: new Source<Feeds["notices"]>([]),
  };
  readonly reports = new Source<ReportList>(EMPTY);
  private readonly worker = new Worker(scriptUrl(workerUrl), { type: "module", name: "hygieia" });
  private readonly pending = new Map<number, Pending>();
  private rows: ReportRow[] = [];
  private nextId = 1;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.receive(data);
    this.worker.onerror = () => this.broke();
  }

  /**
   * Only a page may ask a person whether it may read her file again, and only after a click of hers;
   * the engine then opens what she allowed.
   */
  async reopenUploads(ids?: readonly string[]): Promise<unknown> {
    const handles = (await this.call("uploadHandles", [ids])) as readonly AskingHandle[];
    for (const handle of handles) await handle.requestPermission?.({ mode: "read" }).catch(() => "denied");
    return this.call("reopenUploads", [ids]);
  }

  call(method: Call["method"], args: readonly unknown[], onProgress?: (value: never) => void): Promise<unknown> {
    const id = this.nextId++;
    const message: Call = { kind: "call", id, method, args, hasProgress: onProgress !== undefined };
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject, onProgress: onProgress as Pending["onProgress"] });
      this.worker.postMessage(message);
    });
  }

  private receive(message: FromWorker): void {
    if (message.kind === "feed") this.feed(message);
    else if (message.kind === "reports") this.list(message.message);
    else if (message.kind === "file") saveFile(message.file, message.fileName);
    else this.answer(message);
  }

  private feed({ name, value }: FeedMessage): void {
    (this.feeds[name] as Source<unknown>).set(unpacked(value));
  }

  private answer(message: Extract<FromWorker, { id: number }>): void {
    const pending = this.pending.get(message.id);
    if (message.kind === "progress") {
      pending?.onProgress?.(unpacked(message.value));
      return;
    }
    this.pending.delete(message.id);
    if (message.kind === "result") pending?.resolve(unpacked(message.value));
    else pending?.reject(fromSent(message.error));
  }

  private list(message: Extract<FromWorker, { kind: "reports" }>["message"]): void {
    if (message.step === "begin") {
      const error = message.error === null ? null : fromSent(message.error);
      this.reports.set({ ...EMPTY, status: message.status, error });
    } else if (message.step === "rows") {
      this.rows = message.isFirst ? [...message.rows] : [...this.rows, ...message.rows];
    } else {
      const refused = message.refused.map(({ report, error }) => ({ report, error: fromSent(error) }));
      this.reports.set({ status: "ready", rows: this.rows, refused, error: null });
    }
  }

  /** The worker itself could not be loaded or has died: nothing that waits will be answered. */
  private broke(): void {
    for (const { reject } of this.pending.values()) {
      reject(new EngineError("failed", "The vault's engine stopped. Load the page again."));
    }
    this.pending.clear();
  }
}

/** Hands a file on disk to the browser's downloads; its address is given back a minute later. */
function saveFile(file: File, fileName: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const SERVICE_WORKER = "/service-worker.js";
/** The one that the engine's worker has, so that no file passes through the other (see there). */
const ASIDE = "/service-worker-aside.js";
const scriptUrl = scriptPolicy("hygieia-worker", [workerUrl, SERVICE_WORKER, ASIDE]);

/** Keeps the app itself for when there is no network; nothing of the vault goes into its cache. */
export async function registerServiceWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  // First: the app's own takes over every worker that no closer registration claims.
  const scope = new URL(workerUrl, location.href).pathname.replace(/main-[^/]*$/, "");
  await navigator.serviceWorker.register(scriptUrl(ASIDE), { scope });
  await navigator.serviceWorker.register(scriptUrl(SERVICE_WORKER));
}

/** Calls that nobody waits for: what they could fail at shows in a feed. */
const UNAWAITED: readonly string[] = [
  ...["lock", "stillHere",  "clearUploads", "cancelDownload"],
  ...["pauseUploads", "continueUploads", "pauseUpload", "continueUpload"],
];
const FEEDS = [
  ...["state", "uploads", "downloads", "connection", "settings", "copies", "lockingIn"],
  ...["contacts", "received", "delegations", "requests", "notices"],
] as readonly (keyof Feeds)[];

/** Starts the engine's worker. Call once; the page must be a secure context. */
export function startEngine(): Engine {
  const client = new Client();
  const feeds: Record<string, unknown> = { reports: client.reports };
  for (const name of FEEDS) feeds[name] = client.feeds[name];
  return new Proxy(feeds, {
    get(target, name: string) {
      if (name in target) return target[name];
      // Not a thenable, whoever asks.
      if (name === "then") return undefined;
      return (...given: unknown[]) => {
        const last = given.at(-1);
        const onProgress = typeof last === "function" ? (last as (value: never) => void) : undefined;
        const args = given.filter((item) => typeof item !== "function");
        if (name === "reopenUploads") return client.reopenUploads(args[0] as readonly string[] | undefined);
        const answer = client.call(name as Method, args, onProgress);
        return UNAWAITED.includes(name) ? void answer.catch(() => {}) : answer;
      };
    },
  }) as unknown as Engine;
}
