// A doctor in a browser adds reports to the vaults of two patients who let him: one has a browser, the other a shell.

import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PASSWORD } from "../server/serving.ts";
import { find, mira, okafor, place, startThree, tomas, type Three } from "./three.ts";
import { openVault, report } from "./window.ts";

let three: Three;
let hers: Page;
let his: Page;
let shell: Three["shell"];

// One story: each test goes on where the one before ended.
beforeAll(async () => {
  three = await startThree();
  ({ hers, his, shell } = three);
  for (const [page, email] of [[hers, okafor.email], [his, mira.email], [his, tomas]] as const) await compare(page, email);
  const { safety_number: number } = JSON.parse(shell("--json", "contacts", "show", okafor.email)) as { safety_number: string };
  shell("contacts", "verify", okafor.email, "--number", number);
});
afterAll(() => three.leave());

async function compare(page: Page, email: string): Promise<void> {
  await find(page, email);
  await page.getByRole("button", { name: "They match" }).click();
  await page.getByText(/^Checked\. This is the key of/).first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** Opens the dialog for somebody else's vault, as it is offered to who was given the right. */
async function storeFor(name: string, kind: string, file: { name: string; content: string }): Promise<Locator> {
  await place(his, "Reports").click();
  await his.getByRole("button", { name: "Add reports" }).first().click();
  await his.getByRole("menuitem", { name: "Into somebody else's vault" }).click();
  const dialog = his.getByRole("dialog", { name: "Into somebody else's vault" });
  const whom = dialog.getByLabel("For whom");
  const options = await whom.locator("option").allInnerTexts();
  await whom.selectOption({ label: options.find((option) => option.startsWith(name))! });
  await dialog.getByLabel("Kind of report").selectOption({ label: kind });
  await dialog.getByLabel("You write as").selectOption({ label: "Physician" });
  await dialog.locator("input[type=file]").setInputFiles({ ...file, mimeType: "text/plain", buffer: Buffer.from(file.content) });
  return dialog;
}

test("nobody's vault is offered to who was given no right", async () => {
  await place(his, "Reports").click();
  await his.getByRole("button", { name: "Add reports" }).first().click();
  await his.getByRole("menuitem", { name: "Choose files" }).waitFor();
  expect(await his.getByRole("menuitem", { name: "Into somebody else's vault" }).count()).toBe(0);
  await his.keyboard.press("Escape");
});

test("she lets him add reports, and what he adds is hers, signed by him", async () => {
  await place(hers, "People").click();
  await hers.getByRole("link", { name: okafor.name }).click();
  await hers.getByRole("button", { name: "Give an ongoing share" }).click();
  const dialog = hers.getByRole("dialog", { name: "Give an ongoing share" });
  await dialog.getByRole("checkbox", { name: "All kinds" }).check();
  await dialog.getByRole("checkbox", { name: "add reports to your vault" }).check();
  await dialog.getByRole("button", { name: "Give the ongoing share" }).click();
  await hers.getByText(`${okafor.name} has an ongoing share until`).waitFor();

  await place(his, "People").click();
  await his.getByRole("tab", { name: /Ongoing, received/ }).click();
  await his.getByRole("article", { name: mira.name }).waitFor();
  await storeFor(mira.name, "Letter", { name: "Heart letter.txt", content: "Dear Mira\n" });
  await his.getByRole("dialog").waitFor({ state: "detached" });
  await his.getByText(`for ${mira.email}`).waitFor();
  await his.getByText("Saved. 1 copy checked.", { exact: true }).waitFor();

  await hers.reload();
  await openVault(hers, PASSWORD);
  await place(hers, "Reports").click();
  await report(hers, "Heart letter").click();
  await hers.getByText("Dear Mira").waitFor();
  await hers.getByRole("tab", { name: "Sharing" }).click();
  await hers.locator(".readers").getByText(okafor.name).waitFor();
});

test("a patient at a shell reads what the page wrote for him", async () => {
  shell("delegate", okafor.email, "--category", "lab", "--rights", "upload");
  await place(his, "People").click();
  await his.getByRole("tab", { name: /Ongoing, received/ }).click();
  await his.getByRole("article", { name: "Tomas Berg" }).waitFor();
  await storeFor("Tomas Berg", "Lab results", { name: "Potassium.txt", content: "4.1 mmol/L\n" });
  await his.getByText(`for ${tomas}`).waitFor();
  await his.getByText("Saved. 1 copy checked.", { exact: true }).nth(1).waitFor();

  const { reports } = JSON.parse(shell("--json", "ls")) as { reports: { id: string; title: string; category: string }[] };
  expect(reports).toMatchObject([{ title: "Potassium", category: "lab" }]);
  expect(shell("cat", reports[0]!.id)).toBe("4.1 mmol/L\n");
});

test("what he has no right to any more is refused in words, and nothing is added", async () => {
  const { delegations } = JSON.parse(shell("--json", "delegations")) as { delegations: { id: string }[] };
  shell("undelegate", delegations[0]!.id);
  await storeFor("Tomas Berg", "Lab results", { name: "Late.txt", content: "too late\n" });
  await his.getByText("They have not given you the right to add this, or it has ended.").first().waitFor();
  const { reports } = JSON.parse(shell("--json", "ls")) as { reports: unknown[] };
  expect(reports).toHaveLength(1);
});

test("no rule of the page was broken meanwhile, and nobody else was asked for anything", () => {
  const broken = three.faults.map((each) => each.filter((fault) => !/status of 40[34]/.test(fault)));
  expect(broken).toEqual([[], []]);
});
