/** Whether the server answers, as the screens are told, and how long it is asked for. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Gateways } from "../../src/api/gateways.ts";
import { Transport, type Answer } from "../../src/api/transport.ts";
import { refusal } from "../../src/refusal.ts";
import { Reach } from "../../src/worker/reach.ts";

const ROUND_MS = 5000;

/** A server that is there or not, and tells whoever listens as the real transport does. */
class Away extends Transport {
  isThere = false;
  asked = 0;

  override async call(): Promise<Answer> {
    this.asked++;
    this.onReach(this.isThere);
    if (!this.isThere) throw refusal("unreachable", "The server does not answer.");
    return {};
  }
}

let server: Away;
let reach: Reach;
let returns: number;
let isOnline: boolean;

const kind = (): string => reach.view.current.kind;
const ask = (): Promise<unknown> => server.call().catch(() => null);
const rounds = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * ROUND_MS);

beforeEach(() => {
  vi.useFakeTimers();
  isOnline = true;
  vi.stubGlobal("navigator", {
    get onLine() {
      return isOnline;
    },
  });
  server = new Away("http://vault.example");
  reach = new Reach(server, new Gateways([]));
  returns = 0;
  reach.onReturn = () => returns++;
});
afterEach(() => {
  reach.rest();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a server that is away", () => {
  it("is asked for again until it answers, and no more then", async () => {
    await ask();
    expect(kind()).toBe("gateways");
    await rounds(3);
    expect(server.asked).toBe(4);
    server.isThere = true;
    await rounds(3);
    expect([kind(), returns, server.asked]).toEqual(["online", 1, 5]);
  });

  it("is asked for once a round, however many requests fail meanwhile", async () => {
    for (let count = 0; count < 5; count++) await ask();
    await rounds(1);
    expect(server.asked).toBe(6);
  });

  it("is asked for again after the vault was locked and opened, where the first request fails as before", async () => {
    await ask();
    reach.rest();
    await rounds(2);
    expect(server.asked).toBe(1);
    await ask();
    server.isThere = true;
    await rounds(1);
    expect([kind(), returns]).toEqual(["online", 1]);
  });

  it("is told from a network that is away, also when it is lost or comes back only later", async () => {
    isOnline = false;
    await ask();
    expect(kind()).toBe("offline");
    isOnline = true;
    await ask();
    expect(kind()).toBe("gateways");
    isOnline = false;
    await rounds(1);
    expect(kind()).toBe("offline");
  });
});
