// The vault without a mouse: signing up, adding files and minding how they go, reading, proving and saving a report, its
// trash, filters and security, by keys alone, with the focus where a person expects it after every step. Sharing has a
// file of its own.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { kit, mira, reportId } from "./engine/sample.ts";
import { rightPassword } from "./engine/test-engine.ts";
import { focusOn, focused, press, tabTo } from "./keys.ts";
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

/** Open the first report, and go along its tabs to one that is named so. */
async function openTab(page: Page, name: string): Promise<void> {
  await press(page, "Complete blood count");
  await page.getByRole("dialog").waitFor();
  await focusOn(page, "Complete blood count");
  await tabTo(page, "Details");
  for (let step = 0; step < 4 && (await focused(page)) !== name; step += 1) await page.keyboard.press("ArrowRight");
  expect(await focused(page)).toBe(name);
}

test("files are chosen from the menu, and one on its way is paused, goes on and is cancelled", async () => {
  const page = await stage.open("vault");
  const chooser = page.waitForEvent("filechooser"); // begins to be waited for a moment later: well before the key
  await press(page, "Add reports");
  await focusOn(page, "Choose files");
  await page.keyboard.press("Enter");
  await (await chooser).setFiles(["one.pdf", "two.pdf"].map((name) => ({ name, mimeType: "", buffer: Buffer.from("x") })));
  await press(page, "Pause one.pdf", "Space");
  await focusOn(page, "Resume one.pdf");
  await page.keyboard.press("Space");
  await focusOn(page, "Pause one.pdf");
  await press(page, "Cancel one.pdf");
  await page.getByText("Cancelled. Nothing was added.").waitFor();
  await tabTo(page, "Pause two.pdf"); // from where the cancelled one stood, not from the page's start
});

test("the whole list of uploads is paused and goes on", async () => {
  const page = await stage.open("vault-uploads");
  await press(page, "Pause all");
  await press(page, "Resume", "Space");
  await tabTo(page, "Pause all");
});

test("an older version is saved from its tab", async () => {
  const page = await stage.open("vault");
  await openTab(page, "Versions");
  await press(page, "Download version 1");
  await press(page, "Cancel the download of Blood test results.pdf");
  await page.getByRole("region", { name: "Downloads" }).waitFor({ state: "detached" });
});

test("a report is proven, and the commands that prove it without us are read", async () => {
  const page = await stage.open("vault");
  await openTab(page, "Verify");
  await press(page, "Check again");
  await press(page, "Show the commands");
  await tabTo(page, /^curl -O/); // it scrolls by the arrows
});

test("of the parts that a gateway gave a few are named, and more when they are asked for", async () => {
  const page = await stage.open("vault");
  await openTab(page, "Verify");
  const gateway = page.locator(".gw li").first();
  const named = async (): Promise<number> => (await gateway.locator("pre").innerText()).split("\n").length;
  expect(await gateway.locator("pre").isVisible()).toBe(false);
  await press(page, "Which parts came from https://hygieia.example");
  await expect.poll(named).toBe(5);
  await gateway.getByText("and 9 more", { exact: true }).waitFor();
  await press(page, "Show more parts");
  await expect.poll(named).toBe(14);
  expect(await gateway.getByText(/^and \d+ more$/).count()).toBe(0);
  await focusOn(page, "Show fewer parts");
  await tabTo(page, /^bafkrei/, "Shift+Tab"); // it scrolls by the arrows
});

test("filters are set and cleared, and Escape gives the focus back to their button", async () => {
  const page = await stage.open("vault");
  await press(page, "Filters");
  await tabTo(page, "Kind of file");
  await page.keyboard.type("Picture");
  await expect.poll(() => page.locator("a.row-title").allInnerTexts()).toEqual(["Flu vaccine record", "Kidney ultrasound"]);
  await page.keyboard.press("Escape");
  await focusOn(page, "1 filter on");
  await page.keyboard.press("Enter");
  await press(page, "Clear filters");
  await page.getByRole("link", { name: "Complete blood count" }).waitFor();
});

test("what is in the trash is put back, and the rest deleted for good after a question", async () => {
  const page = await stage.open("trash");
  await press(page, "Put back: Complete blood count");
  await focusOn(page, "Trash");
  await press(page, "Delete Heart clinic letter for good");
  await focusOn(page, "Cancel");
  await press(page, "Delete for good");
  await page.getByText("The trash is empty").waitFor();
  await focusOn(page, "Trash");
});

test("the password is changed, and another device signed out", async () => {
  const page = await stage.open("security");
  await tabTo(page, "Your password now");
  await page.keyboard.type(rightPassword);
  await tabTo(page, "New password");
  await page.keyboard.type("amber-ladder-meadow-eleven");
  await page.getByText("Strong.").waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("Your password is changed.").waitFor();
  await press(page, "Sign out: Chrome on Android");
  await focusOn(page, "Where you are signed in");
});

test("a device that she does not know is asked about, until she knows it or it is signed out", async () => {
  const page = await stage.open("security-unknown-device");
  const asked = page.getByText("Chrome on Android signed in on");
  await press(page, "That was me: Chrome on Android");
  await asked.waitFor({ state: "detached" });
  await focusOn(page, "Where you are signed in");
  await tabTo(page, "Sign out: Chrome on Android");

  const other = await stage.open("security-unknown-device");
  await press(other, "Sign out: Chrome on Android");
  await other.getByText("Chrome on Android signed in on").waitFor({ state: "detached" });
  await focusOn(other, "Where you are signed in");
});

test("signing out everywhere asks first, and Escape is no", async () => {
  const page = await stage.open("security");
  await press(page, "Sign out everywhere");
  await focusOn(page, "Cancel");
  await page.keyboard.press("Escape");
  await focusOn(page, "Sign out everywhere");
  expect(await page.getByRole("heading", { name: "Security" }).count()).toBe(1);
});

/** Type something else into the title, and try to leave without saving it. */
async function leaveUnsaved(page: Page): Promise<void> {
  await tabTo(page, "Title");
  await page.keyboard.type(" of November");
  await page.keyboard.press("Escape");
  await page.getByRole("alertdialog", { name: "Close without saving?" }).waitFor();
  await focusOn(page, "Cancel");
}

test.each(["vault-rename", "report-pdf"])("%s with a title that is not saved asks before it closes, and keeps it", async (scene) => {
  const page = await stage.open(scene);
  await leaveUnsaved(page);
  await page.keyboard.press("Enter");
  await page.getByRole("alertdialog").waitFor({ state: "detached" });
  await focusOn(page, "Title");
  expect(await page.getByLabel("Title").inputValue()).toMatch(/of November/);
  await press(page, "Close");
  await press(page, "Close without saving");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Complete blood count", exact: true }).waitFor();
});

test("a title that was saved, or typed back, is left without a question", async () => {
  const page = await stage.open("vault-rename");
  await tabTo(page, "Title");
  await page.keyboard.type("!");
  await page.keyboard.press("End");
  await page.getByLabel("Title").fill("Complete blood count");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  const drawer = await stage.open("report-pdf");
  await tabTo(drawer, "Title");
  await drawer.keyboard.type("Blood");
  await drawer.keyboard.press("Enter");
  await drawer.getByRole("heading", { name: "Blood" }).waitFor();
  await drawer.keyboard.press("Escape");
  await drawer.getByRole("dialog").waitFor({ state: "detached" });
});
