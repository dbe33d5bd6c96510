// Sharing without a mouse: people, shares, ongoing shares, giving back, the trail; the focus is where a person expects it
// after every step.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { focusOn, press, tabTo } from "./keys.ts";
import { useStage } from "./stage.ts";

const stage = useStage();

/** Everything that Tab reaches lies in the dialog on top. */
async function staysInDialog(page: Page): Promise<void> {
  for (let step = 0; step < 12; step += 1) {
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.closest("[role=dialog], [role=alertdialog]") !== null)).toBe(true);
  }
}

test("a person is found by mail, compared and trusted", async () => {
  const page = await stage.open("people");
  await press(page, "Add a person");
  await focusOn(page, "Add a person");
  await tabTo(page, "Email");
  await page.keyboard.type("noor@clinic.example");
  await page.keyboard.press("Enter");
  await focusOn(page, "Change: choose somebody else than Noor Haddad");
  await staysInDialog(page);
  await press(page, "They match");
  await focusOn(page, "Safety number with Noor Haddad");
  await press(page, "Done");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await focusOn(page, "Add a person");
});

test("the views of people follow the arrows", async () => {
  const page = await stage.open("people");
  await tabTo(page, /^Everyone/);
  await page.keyboard.press("ArrowRight");
  await focusOn(page, /^Ongoing, given/);
  await page.keyboard.press("End");
  await focusOn(page, /^Ongoing, received/);
  await press(page, "Pass it on");
  await focusOn(page, "Pass an ongoing share on");
  await page.keyboard.press("Escape");
  await focusOn(page, "Pass it on");
});

test("one report is shared, and the share taken back, from where it began", async () => {
  const page = await stage.open("report-sharing");
  await press(page, "Share");
  await focusOn(page, "Share your reports");
  await press(page, /Priya Nair/);
  await focusOn(page, "Change: choose somebody else than Priya Nair");
  await staysInDialog(page);
  await press(page, "Share 1 report");
  await page.getByText("1 report shared with Priya Nair").waitFor();
  await focusOn(page, "Share");
  await press(page, "Stop sharing");
  await page.getByText("1 report shared with Priya Nair").waitFor({ state: "detached" });
});

test("an ongoing share is given by kinds and days", async () => {
  const page = await stage.open("share-checked");
  await tabTo(page, /^This report only/);
  await page.keyboard.press("ArrowDown");
  await tabTo(page, /^Letter/);
  await page.keyboard.press("Space");
  await press(page, "1 year");
  await tabTo(page, "Give the ongoing share");
  await page.getByText(/3 reports now/).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Share your reports" }).waitFor({ state: "detached" });
});

test("an ongoing share ends, what stays readable is listed, and that is stopped too", async () => {
  const page = await stage.open("people-given");
  await press(page, "End it: the ongoing share with Dr Amara Lind");
  await focusOn(page, "End the ongoing share with Dr Amara Lind?");
  await press(page, "End it");
  await page.getByText("can still read these 2 reports").waitFor();
  await page.getByText("What Dr Amara Lind has seen or saved cannot be taken back.").waitFor();
  await staysInDialog(page);
  await tabTo(page, "Complete blood count");
  // Of the other one an earlier version alone opens, and nobody can be taken off that.
  await page.getByText("an earlier version", { exact: true }).waitFor();
  await press(page, "Stop sharing this one too");
  await page.getByText("can still read these 2 reports").waitFor({ state: "detached" });
  // Their old copies still open: a new key is a step away.
  await page.getByText("until you give a report a new key").waitFor();
  await tabTo(page, "Complete blood count");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("what somebody passed on of one's own record is ended like what one gave", async () => {
  const page = await stage.open("people-passed-on");
  const deal = (name: string) => page.getByRole("article", { name });
  // Past reports of somebody else's record are not hers to open.
  expect(await deal("St Brigid Hospital").getByRole("button").allInnerTexts()).toEqual(["End it"]);
  expect(await deal("Tomas Berg").getByRole("button").allInnerTexts()).toEqual(["Share past reports too", "End it"]);
  await press(page, "End it: the ongoing share with Tomas Berg");
  await press(page, "End it");
  await page.getByText("The ongoing share with Tomas Berg has ended").waitFor();
});

test("to stop all with a person ends what others passed on to him, too", async () => {
  const page = await stage.open("people-passed-on");
  await page.getByRole("tab", { name: /^Everyone/ }).click();
  await page.getByRole("link", { name: "Tomas Berg" }).click();
  const dialog = page.getByRole("dialog", { name: "Tomas Berg" });
  await dialog.getByText(/^You share Lab results/).waitFor();
  await dialog.getByRole("button", { name: "Stop sharing" }).click();
  const asked = page.getByRole("dialog", { name: "Stop sharing with Tomas Berg?" });
  await asked.getByText("End the ongoing share.").waitFor();
  await asked.getByRole("button", { name: "Stop sharing" }).click();
  await asked.waitFor({ state: "detached" });
  await page.getByRole("tab", { name: /^Ongoing, given 1$/ }).waitFor();
});

test("all is stopped with a person; what is in the trash, or open in an earlier version, is named", async () => {
  const page = await stage.open("person-stop-trashed");
  await page.getByRole("dialog").getByRole("button", { name: "Stop sharing" }).press("Enter");
  await page.getByText("can still open these 2 reports").waitFor();
  const left = page.getByRole("dialog").getByRole("listitem");
  expect((await left.allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim())).toEqual([
    expect.stringMatching(/^Complete blood count .*in the trash$/),
    expect.stringMatching(/an earlier version$/),
  ]);
  // It is not called over while it is not.
  expect(await page.getByText("No longer shared").count()).toBe(0);
  await page.getByText("Put it back first").waitFor();
  await press(page, "Close");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("all is stopped with a person of whom nothing is left", async () => {
  const page = await stage.open("person-stop");
  await page.getByRole("dialog").getByRole("button", { name: "Stop sharing" }).press("Enter");
  await page.getByText("No longer shared").first().waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("a reader is taken off a report, which then gets a new key", async () => {
  const page = await stage.open("report-sharing");
  await press(page, "Stop sharing with Dr Amara Lind?");
  await focusOn(page, "Stop sharing with Dr Amara Lind?");
  await press(page, "Stop sharing");
  await page.getByText(/^No longer shared with/).waitFor();
  await focusOn(page, "Who can read this");
  await press(page, "New key for this report");
  await focusOn(page, "New key for this report");
  await press(page, "Make the new key");
  await page.getByRole("dialog", { name: "New key for this report" }).waitFor({ state: "detached" });
  await focusOn(page, "Who can read this");
});

test("a key that changed is compared before anything is given back", async () => {
  const page = await stage.open("people-needs-you");
  await press(page, "Compare safety number");
  await focusOn(page, "Dr Samuel Okafor");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await press(page, "Compare, then give back");
  await focusOn(page, "Ingrid Halvorsen");
  await press(page, "They match");
  await focusOn(page, "Safety number with Ingrid Halvorsen");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await press(page, "Give back");
  await page.getByText("Ingrid Halvorsen made a new key").waitFor({ state: "detached" });
  await focusOn(page, "People");
});

test("what lies in the trash for a lost key is put back, to be given back", async () => {
  const page = await stage.open("trash-locked");
  await page.getByText("2 more reports here are locked for a key").waitFor();
  await press(page, "Put them back");
  await page.getByText("2 reports are out of the trash").first().waitFor();
  await focusOn(page, "Trash");
  await page.getByText("The trash is empty").waitFor();
});

test("a report from a stranger is taken in after a question whose safe answer is under the fingers", async () => {
  const page = await stage.open("shared");
  await press(page, "Show");
  await press(page, /^Take it in/);
  await focusOn(page, "Cancel");
  await staysInDialog(page);
  await press(page, "Take it in");
  await focusOn(page, "Shared with me");
});

test("the trail is filtered, read on and saved", async () => {
  const page = await stage.open("activity");
  await tabTo(page, "Save the trail");
  await press(page, "Check again");
  await tabTo(page, "Show");
  await page.keyboard.press("End");
  expect(await page.getByLabel("Show").inputValue()).not.toBe("all");
  await page.keyboard.press("Home");
  const before = await page.locator(".trail > li").count();
  await page.getByRole("button", { name: "Show older" }).focus(); // past fifty entries with a link each
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator(".trail > li").count()).toBeGreaterThan(before);
  expect(await page.evaluate(() => document.activeElement?.matches(".trail > li"))).toBe(true);
});
