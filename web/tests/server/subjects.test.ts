import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, Server } from "./serving.ts";

let server: Server;
let page: Page;
let shell: (...args: string[]) => string;
beforeAll(async () => {
  server = await Server.start();
  const email = newEmail();
  page = await signedUp(new Browser(server), email);
  shell = server.person("subjects");
  shell("login", email);
});
afterAll(() => server.remove());

it("somebody named in the page has her records on the command line", async () => {
  const subject = await page.engine.addSubject("  Oma   Ilse ");
  expect(await page.engine.subjects()).toEqual([{ id: subject, name: "Oma Ilse" }]);
  await page.engine.upload([{ file: fileOf("hers.txt", 20), subject }, { file: fileOf("mine.txt", 21) }]);
  await page.settled();
  expect(page.row("hers")).toMatchObject({ subject, subjectName: "Oma Ilse" });
  expect(page.row("mine").subjectName).toBeNull();
  const { reports } = JSON.parse(shell("--json", "ls", "--subject", "Oma Ilse")) as { reports: { title: string }[] };
  expect(reports.map(({ title }) => title)).toEqual(["hers"]);
});

it("somebody named on the command line has her records in the page, and neither name is lost", async () => {
  shell("subjects", "add", "Leo");
  const path = join(server.folder, "leo.txt");
  writeFileSync(path, "Leo\n");
  shell("put", path, "--subject", "Leo");
  const [, given] = await Promise.all([page.engine.refresh(), page.engine.addSubject("Mia")]);
  expect(given).toMatch(/^person:[0-9a-f]{32}$/);
  await page.engine.refresh();
  expect(page.row("leo").subjectName).toBe("Leo");
  expect((await page.engine.subjects()).map(({ name }) => name).sort()).toEqual(["Leo", "Mia", "Oma Ilse"]);
});

it.each([
  ["nothing", "  ", "invalid-input"],
  ["the word for oneself", "Me", "invalid-input"],
  ["an address", "leo@example.org", "invalid-input"],
  ["a control character", "Le\u0007o", "invalid-input"],
  ["a name that is there, in other letters", "LEO", "duplicate"],
])("%s is no new name", async (_what, name, code) => {
  await expect(page.engine.addSubject(name)).rejects.toMatchObject({ code });
});
