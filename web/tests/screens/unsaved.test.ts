// A title that was typed and not saved is asked about before it is lost, whichever way somebody leaves: by the browser's
// Back and Forward, and by the links to the next report. Escape and Close are in keyboard.test.ts.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { reportId } from "./engine/sample.ts";
import { focusOn, press, tabTo } from "./keys.ts";
import { useStage } from "./stage.ts";

const stage = useStage();

const question = (page: Page) => page.getByRole("alertdialog", { name: "Close without saving?" });
const title = (page: Page) => page.getByRole("dialog").getByLabel("Title");
const at = (page: Page, path: string): Promise<void> => expect.poll(() => new URL(page.url()).pathname).toBe(path);

async function addToTitle(page: Page): Promise<void> {
  await tabTo(page, "Title");
  await page.keyboard.press("End");
  await page.keyboard.type(" of November");
}

/** Opens a report from the list, and adds to its title. */
async function typeInReport(page: Page, name: string): Promise<void> {
  await page.getByRole("link", { name, exact: true }).click();
  await focusOn(page, name);
  await addToTitle(page);
}

/** Answers the question with no: all is as it was, at the address where it was. */
async function stay(page: Page, path: string): Promise<void> {
  await question(page).waitFor();
  await focusOn(page, "Cancel");
  await page.keyboard.press("Enter");
  await question(page).waitFor({ state: "detached" });
  expect(await title(page).inputValue()).toMatch(/of November$/);
  await at(page, path);
}

async function leave(page: Page): Promise<void> {
  await question(page).waitFor();
  await press(page, "Close without saving");
}

test("Back asks each time, leaves all as it was, and goes back once it may", async () => {
  const page = await stage.open("vault");
  await page.getByRole("link", { name: "Reports" }).first().click(); // an entry of its own
  await typeInReport(page, "Complete blood count");
  const here = `/reports/${reportId(0)}`;
  for (let time = 0; time < 2; time += 1) {
    await page.goBack();
    await stay(page, here);
  }
  await page.goBack();
  await leave(page);
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await at(page, "/reports");
  await page.goForward();
  await focusOn(page, "Complete blood count");
  expect(await title(page).inputValue()).toBe("Complete blood count");
});

test("Forward asks as well", async () => {
  const page = await stage.open("vault");
  await page.getByRole("link", { name: "Complete blood count", exact: true }).click();
  await page.getByRole("link", { name: "Older report" }).click();
  await focusOn(page, "Knee MRI report and pictures");
  await page.goBack();
  await focusOn(page, "Complete blood count");
  await addToTitle(page);
  await page.goForward();
  await stay(page, `/reports/${reportId(0)}`);
  await page.goForward();
  await leave(page);
  await focusOn(page, "Knee MRI report and pictures");
  await at(page, `/reports/${reportId(1)}`);
});

test.each([
  ["Newer report", 0, "Complete blood count"],
  ["Older report", 2, "Heart clinic letter"],
])("%s asks, and then shows it", async (link, number, next) => {
  const page = await stage.open("vault");
  await typeInReport(page, "Knee MRI report and pictures");
  const step = page.getByRole("dialog").getByRole("link", { name: link });
  await step.click();
  await stay(page, `/reports/${reportId(1)}`);
  await step.click();
  await leave(page);
  await focusOn(page, next);
  await at(page, `/reports/${reportId(number)}`);
  expect(await title(page).inputValue()).toBe(next);
});

test("Back asks over the dialog that renames, which is gone with the page", async () => {
  const page = await stage.open("vault");
  await page.getByRole("link", { name: "Settings" }).first().click();
  await page.getByRole("link", { name: "Reports" }).first().click();
  await page.getByRole("button", { name: "More for Complete blood count" }).click();
  await page.getByRole("menuitem", { name: "Rename or change kind" }).click();
  await addToTitle(page);
  await page.goBack();
  await stay(page, "/reports");
  await page.goBack();
  await leave(page);
  await page.getByRole("heading", { name: "Settings" }).waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("nothing is asked where nothing was typed, or it was saved", async () => {
  const page = await stage.open("vault");
  await typeInReport(page, "Complete blood count");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByRole("heading", { name: "Complete blood count of November" }).waitFor();
  await page.getByRole("link", { name: "Older report" }).click();
  await focusOn(page, "Knee MRI report and pictures");
  await page.goBack();
  await focusOn(page, "Complete blood count of November");
  await page.goBack();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await at(page, "/reports");
});

test("where the whole page would go the browser asks, and no longer once it is saved or dropped", async () => {
  const page = await stage.open("vault");
  await typeInReport(page, "Complete blood count");
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.dismiss();
  });
  const leaving = (): Promise<boolean> => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
  expect(await leaving()).toBe(true);
  await page.evaluate(() => location.reload());
  await expect.poll(() => asked).toEqual(["beforeunload"]);
  expect(await title(page).inputValue()).toMatch(/of November$/);
  await page.keyboard.press("Escape");
  await leave(page);
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await leaving()).toBe(false);
});
