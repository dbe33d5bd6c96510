/** People with a browser each, who meet and give each other ongoing shares. */
import { generateKey } from "../../src/crypto/keys.ts";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import type { NewDelegation } from "../../src/engine/interface.ts";
import type { Vault } from "../../src/worker/vault.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, type Server } from "./serving.ts";

interface Person {
  readonly browser: Browser;
  readonly page: Page;
  readonly email: string;
}

/** Somebody with a browser of her own; `at` makes it the one in use. */
export class Somebody implements Person {
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

  /** The server shows her another key for `other`, who is changed to her from then on. */
  async meetChanged(other: Person): Promise<void> {
    const { certificate } = await generateKey("Another", other.email);
    this.browser.meddle = async (asked, forward) => {
      if (!asked.url.endsWith("/people/find")) return null;
      const answer = (await (await forward()).json()) as object;
      return new Response(JSON.stringify({ ...answer, certificate: certificate.armored }));
    };
    await this.at.engine.sharing.meet(other.email);
    this.browser.meddle = () => null;
  }

  async store(name: string, category: string, seed: number): Promise<string> {
    const file = fileOf(name, 400, seed);
    await this.at.engine.upload([{ file, category }]);
    await this.at.settled();
    return this.page.row(name.replace(/\.[a-z]+$/, "")).id;
  }
}

/** Both have compared their numbers, so that each is verified to the other. */
export async function compared(one: Person, other: Person): Promise<void> {
  for (const [{ browser, page }, { email }] of [[one, other], [other, one]] as const) {
    browser.use();
    const { key } = await page.engine.sharing.meet(email);
    await page.engine.sharing.verifyPerson(email, { kind: "seen", key });
  }
}

/** Three people, the first of whom has compared numbers with each of the others. */
export async function threePeople(server: Server): Promise<[Somebody, Somebody, Somebody]> {
  const first = await Somebody.signedUp(server);
  const second = await Somebody.signedUp(server);
  const third = await Somebody.signedUp(server);
  for (const other of [second, third]) await compared(first, other);
  return [first, second, third];
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
