/** People with a browser each, who meet and give each other ongoing shares. */
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import type { NewDelegation } from "../../src/engine/interface.ts";
import type { Vault } from "../../src/worker/vault.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, type Server } from "./serving.ts";

/** Somebody with a browser of her own; `at` makes it the one in use. */
export class Somebody {
  readonly email = newEmail();
  readonly browser: Browser;
  page!: Page;

  private constructor(server: Server) {
    this.browser = new Browser(server);
  }

  static async signedUp(server: Server): Promise<Somebody> {
    const somebody = new Somebody(server);
    somebody.page = await signedUp(somebody.browser, somebody.email);
    return somebody;
  }

  get at(): Page {
    this.browser.use();
    return this.page;
  }

  /** The open vault itself, for what no client of ours sends. */
  get vault(): Vault {
    return (this.at.engine as unknown as { door: { vault: Vault } }).door.vault;
  }

  async store(name: string, category: string, seed: number): Promise<string> {
    const file = fileOf(name, 400, seed);
    await this.at.engine.upload([{ file, category }]);
    await this.at.settled();
    return this.page.row(name.replace(/\.[a-z]+$/, "")).id;
  }
}

export async function compared(one: Somebody, other: Somebody): Promise<void> {
  for (const [a, b] of [[one, other], [other, one]] as const) {
    const { key } = await a.at.engine.sharing.meet(b.email);
    await a.at.engine.sharing.verifyPerson(b.email, { kind: "seen", key });
  }
}

export function request(to: string, change: Partial<NewDelegation> = {}): NewDelegation {
  const scope = { categories: ["lab"], subjects: "*", professions: "*" } as const;
  const expires = inDays(90);
  return { to, ...scope, rights: ["read"], expires, parent: null, ...change };
}

export function inDays(days: number): string {
  return formatTime(nowSeconds() + days * 86_400);
}

export async function emailsReading(somebody: Somebody, report: string): Promise<(string | null)[]> {
  const { readers } = await somebody.at.engine.sharing.readersOf(report);
  return readers.map(({ email }) => email).sort();
}
