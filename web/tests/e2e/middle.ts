/** Somebody between the page and its server: sees every request, and may answer falsely, change, delay or cut it. */
import { once } from "node:events";
import { createServer, request as ask, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";

import { Server } from "../server/serving.ts";

export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Of its body, as far as it says so. */
  readonly bytes: number;
}

export interface Given {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
}

/**
 * What happens to a request. `pass`: nothing; `cut`: it breaks before the server hears of it; `cut-answer`: the server
 * does what is asked, and nobody hears of that; a function: the server's answer, changed.
 */
export type Fate = "pass" | "cut" | "cut-answer" | ((given: Given) => Given | Promise<Given>);

export class Middle {
  /** Decides over each request. */
  meddle: (asked: Asked) => Fate = () => "pass";
  /** All that was asked, in order. */
  readonly asked: Asked[] = [];
  readonly origin: string;
  private readonly listener: HttpServer;
  private server: Server | null = null;

  private constructor(listener: HttpServer, origin: string) {
    this.listener = listener;
    this.origin = origin;
  }

  /** Stands before a new server that takes this address for its own. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<[Middle, Server]> {
    const middle = await Middle.open();
    const server = await Server.start({ HYGIEIA_PUBLIC_URL: middle.origin, ...settings });
    middle.standBefore(server);
    return [middle, server];
  }

  /** One with an address, and nobody behind it yet. */
  static async open(): Promise<Middle> {
    const listener = createServer();
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as { port: number };
    const middle = new Middle(listener, `http://localhost:${port}`);
    listener.on("request", (request: IncomingMessage, response: ServerResponse) => {
      void middle.handle(request, response).catch(() => request.socket.destroy());
    });
    return middle;
  }

  standBefore(server: Server): void {
    this.server = server;
  }

  async stop(): Promise<void> {
    this.listener.closeAllConnections();
    this.listener.close();
    await once(this.listener, "close");
  }

  /** What was asked of `path` by `method` since the last `forget`. */
  count(method: string, path: RegExp): number {
    return this.asked.filter((one) => one.method === method && path.test(one.path)).length;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = Number(request.headers["content-length"] ?? 0);
    const asked = { method: request.method!, path: request.url!, bytes };
    this.asked.push(asked);
    const fate = this.meddle(asked);
    if (fate === "cut" || this.server === null) {
      request.socket.destroy();
      return;
    }
    const given = await forward(this.server.origin, request);
    if (fate === "cut-answer") {
      given.resume();
      await once(given, "end");
      request.socket.destroy();
    } else if (fate === "pass") {
      response.writeHead(given.statusCode!, given.headers);
      given.pipe(response);
    } else {
      await answer(response, await fate(await whole(given)));
    }
  }
}

async function forward(origin: string, request: IncomingMessage): Promise<IncomingMessage> {
  // What is to be rewritten is wanted as it is.
  const headers = { ...request.headers, "accept-encoding": "identity" };
  const onward = ask(origin + request.url!, { method: request.method!, headers });
  request.pipe(onward);
  const [given] = (await once(onward, "response")) as [IncomingMessage];
  return given;
}

async function whole(given: IncomingMessage): Promise<Given> {
  const pieces: Buffer[] = [];
  for await (const piece of given) pieces.push(piece as Buffer);
  const headers = given.headers as Given["headers"];
  return { status: given.statusCode!, headers, body: Buffer.concat(pieces) };
}

async function answer(response: ServerResponse, { status, headers, body }: Given): Promise<void> {
  const own = Object.entries(headers).filter(([name]) => !["content-length", "transfer-encoding"].includes(name));
  response.writeHead(status, { ...Object.fromEntries(own), "content-length": String(body.length) });
  response.end(body);
  await once(response, "finish");
}

/** An answer of JSON, changed. */
export function rewriting(change: (document: Record<string, unknown>) => unknown): Fate {
  return (given) => {
    const document = JSON.parse(given.body.toString()) as Record<string, unknown>;
    return { ...given, body: Buffer.from(JSON.stringify(change(document))) };
  };
}

/** The same octets but for one bit of the last. */
export function flipped(body: Buffer): Buffer {
  const octets = Buffer.from(body);
  octets[octets.length - 1]! ^= 1;
  return octets;
}
