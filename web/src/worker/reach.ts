/** Whether the vault's server answers, what waits for it, and which gateways are read from. */
import type { Gateways } from "../api/gateways.ts";
import type { Transport } from "../api/transport.ts";
import { Source } from "../engine/feed.ts";
import type { Connection } from "../engine/interface.ts";

const ASK_AGAIN_MS = 5000;

export class Reach {
  readonly view = new Source<Connection>({ kind: "online", waiting: 0, dropped: 0, gateways: [], retryAt: null });
  /** Told when the server answers again. */
  onReturn: () => void = () => {};
  private readonly transport: Transport;
  private readonly gateways: Gateways;
  private waiting = 0;
  private dropped = 0;
  private again: ReturnType<typeof setTimeout> | undefined;

  constructor(transport: Transport, gateways: Gateways) {
    this.transport = transport;
    this.gateways = gateways;
    transport.onReach = (isReached) => this.reached(isReached);
    gateways.onChange = () => this.tell();
  }

  /** How many changes wait to be sent, and how many that waited can never be made. */
  setWaiting({ waiting, dropped }: { readonly waiting: readonly unknown[]; readonly dropped: number }): void {
    this.waiting = waiting.length;
    this.dropped = dropped;
    this.tell();
  }

  /** The vault is closed: nothing of it waits. Whether the server answers is asked for by who needs it next. */
  rest(): void {
    this.stopAsking();
    this.waiting = 0;
    this.dropped = 0;
  }

  private reached(isReached: boolean): void {
    const before = this.view.current.kind;
    if (isReached) {
      this.stopAsking();
      if (before === "online") return;
      this.tell("online");
      this.onReturn();
      return;
    }
    const kind = globalThis.navigator?.onLine === false ? "offline" : "gateways";
    if (kind !== before) this.tell(kind);
    this.askLater();
  }

  private stopAsking(): void {
    clearTimeout(this.again);
    this.again = undefined;
  }

  private askLater(): void {
    this.again ??= setTimeout(() => this.askAgain(), ASK_AGAIN_MS);
  }

  /** Asks until the server answers. */
  private askAgain(): void {
    this.again = undefined;
    this.transport.call("GET", "/server", { isRepeatable: false }).catch(() => {
      if (this.view.current.kind !== "online") this.askLater();
    });
  }

  private tell(kind: Connection["kind"] = this.view.current.kind): void {
    this.view.set({
      kind,
      waiting: this.waiting,
      dropped: this.dropped,
      gateways: this.gateways.records.map(({ url, blocks, bytes, state }) => ({ url, blocks, bytes, state })),
      retryAt: null,
    });
  }
}
