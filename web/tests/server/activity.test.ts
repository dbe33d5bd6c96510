/** The activity trail: read, checked, anchored in the index, and a server that changes it. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { newEmail, startVault, type Browser, type Page } from "./running.ts";
import { fileOf, type Server } from "./serving.ts";

let server: Server;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  ({ server, browser, page } = await startVault());
  await page.store(fileOf("blood.txt", 100, 1));
});
afterAll(() => server.remove());

type Trail = { items: { hash: string; entry: string }[]; next: string | null };

/** Has the server answer about the trail with something else. */
function meddle(change: (trail: Trail) => Trail): void {
  browser.meddle = async (request, forward) => {
    if (!new URL(request.url).pathname.endsWith("/activity")) return null;
    const answer = await forward();
    if (!answer.ok) return answer;
    return new Response(JSON.stringify(change((await answer.json()) as Trail)));
  };
}

it("tells what was done, newest first, page by page, and hangs together", async () => {
  const { sharing } = page.engine;
  const boris = newEmail();
  server.person("boris")("signup", boris, "--name", "Boris", "--kit", `${server.folder}/kit`);
  await sharing.meet(boris);
  await sharing.share({ reports: [page.row("blood").id], people: [boris] });
  const first = await sharing.activity({ after: null, limit: 2 });
  expect(first.items).toHaveLength(2);
  const rest = await sharing.activity({ after: first.next, limit: 500 });
  const all = [...first.items, ...rest.items];
  expect(all.map(({ number }) => number)).toEqual(all.map((_, place) => all.length - place));
  const shared = all.find(({ action }) => action === "shared");
  expect(shared).toMatchObject({ by: { trust: "me" }, reports: [page.row("blood").id], more: 0 });
  expect(shared!.people).toMatchObject([{ email: boris }]);
  expect(all.at(-1)).toMatchObject({ action: "signed-up" });
  const check = await sharing.checkActivity();
  expect(check).toMatchObject({ state: "whole", firstBad: null });
  expect(check.anchored).toBeGreaterThan(0);
  const { fileName, bytes } = await sharing.exportActivity();
  expect(fileName).toMatch(/\.jsonl$/);
  expect(Buffer.from(bytes).toString().trim().split("\n")).toHaveLength(check.entries);
});

it("shows what was left out or altered, and where; nothing of that is signed", async () => {
  const { sharing } = page.engine;
  meddle((trail) => ({ ...trail, items: trail.items.filter((_, place) => place !== 1) }));
  expect(await sharing.checkActivity()).toMatchObject({ state: "gap", firstBad: 2 });
  await expect(sharing.exportActivity()).rejects.toMatchObject({ code: "activity-gap" });
  await expect(sharing.activity({ after: null, limit: 50 })).rejects.toMatchObject({ code: "activity-gap" });
  const replaced = (entry: string): string => entry.replace('"address":"127.0.0.1"', '"address":"10.0.0.1"');
  meddle((trail) => ({
    ...trail,
    items: trail.items.map((item, place) => (place === 0 ? { ...item, entry: replaced(item.entry) } : item)),
  }));
  expect(await sharing.checkActivity()).toMatchObject({ state: "altered" });
  browser.meddle = () => null;
  expect((await sharing.checkActivity()).state).toBe("whole");
});

it("is not listed when its newest entries are hidden, though the rest hangs together", async () => {
  const { sharing } = page.engine;
  await page.store(fileOf("another.txt", 100, 2));
  meddle((trail) => ({ ...trail, items: trail.items.slice(3) }));
  await expect(sharing.activity({ after: null, limit: 50 })).rejects.toMatchObject({ code: "activity-altered" });
  browser.meddle = () => null;
  expect((await sharing.activity({ after: null, limit: 50 })).items.length).toBeGreaterThan(3);
});

it("is not listed further when an older page does not lead to the one before", async () => {
  const { sharing } = page.engine;
  const { next } = await sharing.activity({ after: null, limit: 2 });
  meddle((trail) => ({ ...trail, items: trail.items.slice(1) }));
  await expect(sharing.activity({ after: next, limit: 2 })).rejects.toMatchObject({ code: "activity-altered" });
  browser.meddle = () => null;
  expect((await sharing.activity({ after: next, limit: 2 })).items).toHaveLength(2);
});

it("that has lost what the index signed is said to be altered, and stops no change", async () => {
  const { sharing } = page.engine;
  browser.meddle = (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const isAsked = pathname.endsWith("/activity") && searchParams.has("since");
    return isAsked ? new Response(JSON.stringify({ code: "not-found" }), { status: 404 }) : null;
  };
  await page.engine.edit(page.row("blood").id, { title: "Renamed" });
  expect(page.row("Renamed").revision).toBe(2);
  await expect(sharing.activity({ after: null, limit: 5 })).rejects.toMatchObject({ code: "activity-altered" });
  browser.meddle = () => null;
  const shown = await sharing.activity({ after: null, limit: 5 });
  expect(shown.unsigned).toMatchObject({ code: "activity-altered" });
  await sharing.acceptActivity();
  expect((await sharing.activity({ after: null, limit: 5 })).unsigned).toBeNull();
  expect(await sharing.checkActivity()).toMatchObject({ state: "whole" });
});
