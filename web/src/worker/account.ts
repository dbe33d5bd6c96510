/** The account, as the page asks for it: coming in and going out, password, kit, sessions. */
import * as answers from "../api/answers.ts";
import type { Transport } from "../api/transport.ts";
import type { DeviceSession, KeyProgress, Kit, KitProof, Quota, ServerFacts } from "../engine/interface.ts";
import { invalid, isRefusal, refusal } from "../refusal.ts";
import type { Door } from "./door.ts";
import { checkProof } from "./kit-proof.ts";
import { resealKept } from "./resealing.ts";
import { resetPassword } from "./resetting.ts";
import type { ListedSession } from "./known-sessions.ts";
import type { Report, Sessions } from "./session.ts";
import type { Store } from "./store.ts";

export type Progress<T> = ((value: T) => void) | undefined;

interface Parts {
  readonly store: Store;
  readonly transport: Transport;
  readonly sessions: Sessions;
}

export class Account {
  private readonly door: Door;
  private readonly store: Store;
  private readonly transport: Transport;
  private readonly sessions: Sessions;

  constructor(door: Door, { store, transport, sessions }: Parts) {
    this.door = door;
    this.store = store;
    this.transport = transport;
    this.sessions = sessions;
  }

  async server(): Promise<ServerFacts> {
    const answer = await this.transport.call("GET", "/server");
    const registration = answers.text(answer, "registration");
    return {
      version: answers.text(answer, "version"),
      registration: registration === "open" || registration === "invite" ? registration : "closed",
      gateways: answers.texts(answer, "gateways"),
    };
  }

  // -- coming in and going out

  async signUp(
    request: { email: string; name: string; password: string; invite?: string; sharedComputer?: boolean },
    onProgress: Progress<KeyProgress>,
  ): Promise<Kit> {
    this.store.shareComputer(request.sharedComputer === true);
    const report = reporter(onProgress);
    const session = await this.sessions.signUp(request, report);
    report("index", 85);
    const vault = await this.door.open(session);
    const kit = await vault.pendingKit();
    report("index", 100);
    if (kit === null) throw refusal("failed", "The kit could not be made; make a new one under Security.");
    return kit;
  }

  async signIn(
    request: { email: string; password: string; sharedComputer?: boolean },
    onProgress: Progress<KeyProgress>,
  ): Promise<void> {
    this.store.shareComputer(request.sharedComputer === true);
    await this.door.open(await this.sessions.signIn(request, reporter(onProgress)));
  }

  async unlock(password: string): Promise<void> {
    const session = await this.sessions.unlock(password);
    try {
      await this.door.open(session);
    } catch (error) {
      if (!isRefusal(error, "not-signed-in")) throw error;
      // The session has ended meanwhile; the password that opens the key begins another one.
      const { email } = session.profile;
      await this.door.open(await this.sessions.signIn({ email, password }, () => {}));
    }
  }

  async signOut(options: { everywhere?: boolean; forget?: boolean }): Promise<void> {
    if (options.everywhere === true) await this.transport.call("DELETE", "/sessions");
    await this.transport.call("DELETE", "/sessions/current").catch((error: unknown) => {
      // It had ended already, or ends by itself.
      if (!isRefusal(error, "not-signed-in", "unreachable", "unavailable")) throw error;
    });
    await this.door.leave("signed-out", options.forget === true || this.store.isSharedComputer);
  }

  async resetPassword(
    request: { kitFile: Uint8Array; code: string; newPassword: string; sharedComputer?: boolean },
    onProgress: Progress<KeyProgress>,
  ): Promise<void> {
    this.store.shareComputer(request.sharedComputer === true);
    const report = reporter(onProgress);
    const session = await resetPassword(this.store, this.transport, this.sessions, request, report);
    const vault = await this.door.open(session, { isReset: true });
    report("index", 80);
    await vault.index.rotate();
    report("index", 100);
  }

  async delete({ email, password }: { email: string; password: string }): Promise<void> {
    const { profile } = this.door.vault.session;
    if (email.trim().toLowerCase() !== profile.email) {
      throw invalid("email", "shape", "The address typed is not this account's; nothing was deleted.");
    }
    const stretched = await this.sessions.stretchPinned(profile, password);
    const body = { confirm: profile.email, login_secret: stretched.loginSecret };
    await this.transport.call("POST", "/account/delete", { body });
    await this.door.leave("deleted", true);
  }

  // -- the kit and the password

  async confirmKit(proof: KitProof): Promise<void> {
    const { vault } = this.door;
    const kit = await vault.pendingKit();
    if (kit === null) return;
    await checkProof(kit, proof);
    await vault.dropPendingKit();
    this.door.state.set({ kind: "open", person: this.door.person(vault.session) });
  }

  async newKit(password: string, onProgress: Progress<KeyProgress>): Promise<Kit> {
    const { vault } = this.door;
    reporter(onProgress)("kit", 10);
    const kit = await this.door.holdOpen(() => vault.renewKit(password));
    this.door.state.set({ kind: "kit", person: this.door.person(vault.session), isFirst: false });
    return kit;
  }

  async changePassword(
    { current, next }: { current: string; next: string },
    onProgress: Progress<KeyProgress>,
  ): Promise<void> {
    const { vault } = this.door;
    const report = reporter(onProgress);
    const { stateKey } = vault.session;
    await this.door.holdOpen(async () => {
      vault.session = await this.sessions.changePassword(vault.session, current, next, report);
      await resealKept(this.store, stateKey, vault.session.stateKey);
      report("index", 75);
      await vault.index.rotate();
    });
    report("index", 100);
  }

  // -- sessions and quota

  async listSessions(): Promise<DeviceSession[]> {
    const { vault } = this.door;
    const sessions = await this.fetchSessions();
    const { markUnknown } = await import("./desks.ts");
    return markUnknown(vault, sessions);
  }

  async knowSession(id: string): Promise<void> {
    const { know } = await import("./desks.ts");
    await know(this.door.vault, id);
  }

  private async fetchSessions(): Promise<ListedSession[]> {
    const answer = await this.transport.call("GET", "/sessions");
    return answers.parts(answer, "items").map((item) => ({
      id: answers.text(item, "id"),
      label: answers.text(item, "label"),
      address: answers.text(item, "address"),
      created: answers.text(item, "created"),
      lastUsed: answers.text(item, "last_used"),
      expires: answers.text(item, "expires"),
      isCurrent: item["current"] === true,
    }));
  }

  async endSession(id: string): Promise<void> {
    const current = (await this.fetchSessions()).find((session) => session.id === id);
    if (current?.isCurrent) await this.signOut({});
    else await this.transport.call("DELETE", `/sessions/${encodeURIComponent(id)}`);
  }

  async quota(): Promise<Quota> {
    const quota = answers.part(await this.transport.call("GET", "/account"), "quota");
    return { usedBytes: answers.number(quota, "used_bytes"), limitBytes: answers.number(quota, "limit_bytes") };
  }
}

function reporter(onProgress: Progress<KeyProgress>): Report {
  return (step, percent) => onProgress?.({ step, percent });
}
