/** Changes that waited for the server, when it is back: made, kept, or dropped and told. */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { Browser, signedUp, type Page } from "./running.ts";
import { fileOf, PASSWORD, Server } from "./serving.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());

const isDown = (): never => {
  throw new TypeError("network");
};

/** Somebody with three reports, and offline. */
async function offline(browser: Browser): Promise<{ page: Page; email: string }> {
  const page = await signedUp(browser);
  await page.store(fileOf("one.txt", 10, 1), fileOf("two.txt", 20, 2), fileOf("three.txt", 30, 3));
  const { email } = (page.state as { person: { email: string } }).person;
  browser.meddle = isDown;
  return { page, email };
}

function connectionOf(page: Page): { waiting: number; dropped: number } {
  const { waiting, dropped } = page.engine.connection.current;
  return { waiting, dropped };
}

it("those that can never be made are dropped and counted, and the others are made", async () => {
  const browser = new Browser(server);
  const { page, email } = await offline(browser);
  const [one, two, three] = ["one", "two", "three"].map((title) => page.row(title).id);
  await page.engine.edit(one!, { title: "One" });
  await page.engine.trash([two!, three!]);
  expect(connectionOf(page)).toEqual({ waiting: 2, dropped: 0 });
  page.engine.lock();
  const other = new Browser(server);
  const elsewhere = await other.page();
  await elsewhere.engine.signIn({ email, password: PASSWORD });
  for (const id of [one!, two!]) {
    await elsewhere.engine.trash([id]);
    await elsewhere.engine.purge([id]);
  }
  elsewhere.engine.lock();
  browser.meddle = () => null;
  const again = await browser.page();
  await again.engine.unlock(PASSWORD);
  await vi.waitFor(() => expect(connectionOf(again)).toEqual({ waiting: 0, dropped: 2 }), 60_000);
  await again.engine.refresh();
  expect(again.rows.map(({ title }) => title)).toEqual(["three"]);
  expect(again.row("three").deleted).not.toBeNull();
  await again.engine.restore([three!]);
  expect(connectionOf(again)).toEqual({ waiting: 0, dropped: 0 });
});

it("on a shared computer too they are made once the server answers, and are gone with the vault", async () => {
  const { email } = await offline(new Browser(server));
  const browser = new Browser(server);
  const page = await browser.page();
  await page.engine.signIn({ email, password: PASSWORD, sharedComputer: true });
  browser.meddle = isDown;
  await page.engine.edit(page.row("one").id, { title: "One" });
  expect(page.row("One").state).toBe("waiting");
  browser.meddle = () => null;
  await vi.waitFor(() => expect(connectionOf(page)).toEqual({ waiting: 0, dropped: 0 }), 60_000);
  await vi.waitFor(() => expect(page.row("One")).toMatchObject({ state: "saved", revision: 2 }), 60_000);
  browser.meddle = isDown;
  await page.engine.edit(page.row("two").id, { title: "Two" });
  page.engine.lock();
  expect(page.state.kind).toBe("none");
  browser.meddle = () => null;
  await page.engine.signIn({ email, password: PASSWORD, sharedComputer: true });
  expect(connectionOf(page)).toEqual({ waiting: 0, dropped: 0 });
  expect(page.rows.map(({ title }) => title).sort()).toEqual(["One", "three", "two"]);
});

it("those that cannot be made now wait on, and hold up no change of another report", async () => {
  const browser = new Browser(server);
  const { page } = await offline(browser);
  const [one, two] = ["one", "two"].map((title) => page.row(title).id);
  await page.engine.edit(one!, { title: "One" });
  await page.engine.edit(two!, { title: "Two" });
  browser.meddle = (request) => {
    if (request.method !== "PUT" || !request.url.endsWith(one!)) return null;
    return new Response(JSON.stringify({ code: "quota-exceeded" }), { status: 507 });
  };
  await vi.waitFor(() => expect(connectionOf(page)).toEqual({ waiting: 1, dropped: 0 }), 60_000);
  expect(page.row("One").state).toBe("waiting");
  expect(page.row("Two")).toMatchObject({ state: "saved", revision: 2 });
  await page.engine.trash([two!]);
  expect(page.row("Two").state).toBe("saved");
  browser.meddle = () => null;
  page.engine.lock();
  const again = await browser.page();
  await again.engine.unlock(PASSWORD);
  await vi.waitFor(() => expect(again.row("One")).toMatchObject({ state: "saved", revision: 2 }), 60_000);
  expect(connectionOf(again)).toEqual({ waiting: 0, dropped: 0 });
});

it("one that another device's came before is made upon that one", async () => {
  const browser = new Browser(server);
  const { page, email } = await offline(browser);
  const { id } = page.row("one");
  await page.engine.edit(id, { title: "One" });
  page.engine.lock();
  const other = new Browser(server);
  const elsewhere = await other.page();
  await elsewhere.engine.signIn({ email, password: PASSWORD });
  let changes = 0;
  browser.meddle = async (request) => {
    if (request.method !== "PUT" || !request.url.endsWith(id)) return null;
    if (++changes === 1) {
      other.use();
      await elsewhere.engine.edit(id, { category: "imaging" });
      browser.use();
    }
    return null;
  };
  const again = await browser.page();
  await again.engine.unlock(PASSWORD);
  await vi.waitFor(() => expect(connectionOf(again)).toEqual({ waiting: 0, dropped: 0 }), 60_000);
  expect(changes).toBe(2);
  await again.engine.refresh();
  expect(again.row("One")).toMatchObject({ state: "saved", revision: 3, category: "imaging" });
});
