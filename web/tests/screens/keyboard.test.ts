// The vault without a mouse: from sign-up to a report in the trash and back, by keys alone, with the focus where a person
// expects it after every step.

import { expect, test } from "vitest";

import { kit, mira, reportId } from "./engine/sample.ts";
import { rightPassword } from "./engine/test-engine.ts";
import { focused, tabTo } from "./keys.ts";
import { useStage } from "./stage.ts";

const stage = useStage();

test("signing up, proving the kit and opening the vault needs no mouse", async () => {
  const page = await stage.open("sign-up");
  await page.keyboard.press("Tab");
  expect(await focused(page)).toBe("Skip to the form");
  await tabTo(page, "Your name");
  await page.keyboard.type(mira.name);
  await tabTo(page, "Email");
  await page.keyboard.type(mira.email);
  await tabTo(page, "Password");
  await page.keyboard.type(rightPassword);
  await page.getByText("Strong.").waitFor();
  await tabTo(page, /^I understand/);
  await page.keyboard.press("Space");
  await tabTo(page, "Make my keys");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Save your recovery kit now" }).waitFor();

  await tabTo(page, "Save kit file");
  await page.keyboard.press("Enter");
  for (let i = 0; i < 2; i += 1) {
    await tabTo(page, /^Group \d$/);
    const number = Number(/\d/.exec(await focused(page))![0]);
    await page.keyboard.type(kit.groups[number - 1]!);
  }
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Reports" }).waitFor();
});

test("a wrong group takes the focus back to its field", async () => {
  const page = await stage.open("kit-wrong-group");
  expect(await focused(page)).toMatch(/^Group \d$/);
});

test("a form with faults takes the focus to the first of them", async () => {
  const page = await stage.open("sign-up-errors");
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-invalid") === "true");
  expect(await focused(page)).toBe("Your name");
});

test("a report opens from the list, its tabs follow the arrows, and closing goes back to its row", async () => {
  const page = await stage.open("vault");
  await tabTo(page, "Complete blood count");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent?.trim() === "Complete blood count");
  await tabTo(page, "Details");
  await page.keyboard.press("ArrowRight");
  expect(await focused(page)).toBe("Sharing");
  expect(page.url()).toContain(`/reports/${reportId(0)}/sharing`);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await focused(page)).toBe("Complete blood count");
  expect(page.url()).toMatch(/\/reports$/);
});

test("the menu of a row moves the report to the trash, the focus goes to the next row, and Undo brings it back", async () => {
  const page = await stage.open("vault");
  await tabTo(page, "More for Complete blood count");
  await page.keyboard.press("Enter");
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("ArrowUp"); // round to the last
  await page.waitForFunction(() => document.activeElement?.textContent?.includes("Move to trash") ?? false);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Undo" }).waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent?.trim() === "Knee MRI report and pictures");
  await tabTo(page, "Undo");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Complete blood count" }).waitFor();
});

test("Escape closes a row's menu and gives the focus back to its button", async () => {
  const page = await stage.open("vault-row-menu");
  await page.keyboard.press("Escape");
  await page.getByRole("menu").waitFor({ state: "detached" });
  expect(await focused(page)).toBe("More for Complete blood count");
});

test("renaming keeps the focus inside its dialog, and gives it back", async () => {
  const page = await stage.open("vault-rename");
  await page.waitForFunction(() => document.activeElement?.textContent?.trim() === "Rename or change kind");
  await tabTo(page, "Title");
  for (let step = 0; step < 8; step += 1) {
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.closest("[role=dialog]") !== null)).toBe(true);
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await focused(page)).toBe("More for Complete blood count");
});

test("a download that was started in a report can be stopped there", async () => {
  const page = await stage.open("report-download");
  await tabTo(page, "Cancel the download of Blood test results.pdf");
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "Downloads" }).waitFor({ state: "detached" });
});

test("the slash goes to the search, but not while something is typed, and not when it is turned off", async () => {
  const page = await stage.open("vault");
  await page.keyboard.press("/");
  expect(await focused(page)).toBe("Search reports");
  await page.keyboard.type("a/b");
  expect(await page.getByRole("searchbox").inputValue()).toBe("a/b");
  await page.goto(`${stage.origin}/?scene=settings`);
  await page.getByLabel("Press / to search").focus();
  await page.keyboard.press("Space");
  await page.getByRole("link", { name: "Reports" }).first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("searchbox").waitFor();
  await page.keyboard.press("/");
  expect(await focused(page)).not.toBe("Search reports");
});

test("locking takes every name off the page and out of its title", async () => {
  const page = await stage.open("vault-trashed-toast"); // a message names a report, and so does the reader's line
  await tabTo(page, "Lock now");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  expect(await page.title()).toBe("Locked · Hygieia");
  const words = (await page.locator("body").textContent()) ?? "";
  expect(words).not.toContain(mira.name);
  expect(words).not.toContain("Complete blood count");
  await page.keyboard.type(rightPassword); // the field has the focus already
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Reports" }).waitFor();
});

test("a dangerous question has the safe answer under the fingers", async () => {
  const page = await stage.open("trash-ask");
  await page.waitForFunction(() => document.activeElement?.textContent?.trim() === "Cancel");
  await page.keyboard.press("Enter");
  await page.getByRole("alertdialog").waitFor({ state: "detached" });
  await page.getByText("Complete blood count").waitFor();
});
