// Two people in two browsers, and a third at a shell, on the built bundle and a real server: they find each other, compare,
// share, stop, and see what happened.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { cameraFlags, holdUp, squareOn } from "./camera.ts";
import { find, mira, okafor, place, startThree, tomas, type Three } from "./three.ts";
import { choose, report } from "./window.ts";

let three: Three;
let hers: Page;
let his: Page;
let shell: Three["shell"];

const folder = mkdtempSync(join(tmpdir(), "hygieia-camera-"));
const film = join(folder, "film.y4m");

// One story: each test goes on where the one before ended.
beforeAll(async () => {
  holdUp(film, null);
  three = await startThree(...cameraFlags(film));
  ({ hers, his, shell } = three);
});
afterAll(async () => {
  await three.leave();
  rmSync(folder, { recursive: true });
});

async function safetyNumber(page: Page): Promise<string> {
  const list = page.getByRole("list", { name: "Safety number" });
  await list.waitFor();
  const groups = await list.locator("[aria-hidden]").allInnerTexts();
  expect(groups).toHaveLength(8);
  return groups.join(" ");
}

/** Opens the share dialog of one report from its drawer, and chooses a person that is known. */
async function shareWith(page: Page, title: string, name: string): Promise<Locator> {
  await place(page, "Reports").click();
  await report(page, title).click();
  await page.getByRole("dialog").getByRole("button", { name: "Share", exact: true }).first().click();
  const dialog = page.getByRole("dialog", { name: "Share your reports" });
  await pick(dialog, name);
  return dialog;
}

async function pick(dialog: Locator, name: string): Promise<void> {
  await dialog.getByRole("button", { name }).click();
  await dialog.getByRole("button", { name: `Change: choose somebody else than ${name}` }).waitFor();
}

async function closeDrawer(page: Page): Promise<void> {
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** Looks on "Shared with me" until `wanted` is there. */
async function lookFor(page: Page, wanted: Locator): Promise<void> {
  await place(page, "Shared with me").click();
  await page.getByRole("button", { name: "Look again" }).click();
  await wanted.waitFor();
}

test("an email that nobody has, or one's own, finds nobody and says so", async () => {
  await find(hers, "nobody@halvorsen.example");
  await hers.getByText("Nobody with this email has a vault here.").waitFor();
  await hers.getByLabel("Email").fill(mira.email);
  await hers.getByRole("button", { name: "Find" }).click();
  await hers.getByText("This is your own email, or not an email at all.").waitFor();
  await closeDrawer(hers);
});

test("both see the same safety number, and her browser reads his code off a picture of his screen", async () => {
  await find(hers, okafor.email);
  await find(his, mira.email);
  expect(await safetyNumber(hers)).toBe(await safetyNumber(his));

  const picture = await his.locator(".check-card .qr").screenshot({ scale: "css" });
  await hers.getByRole("button", { name: "Scan theirs instead" }).click();
  await hers
    .locator('.scan-box input[type="file"]')
    .setInputFiles({ name: "screen.png", mimeType: "image/png", buffer: picture });
  await hers.getByText(`Checked. This is the key of ${okafor.name}.`).first().waitFor();
  await hers.getByRole("button", { name: "Done" }).click();
  await his.getByRole("button", { name: "Done" }).click();
});

test("a picture without a code says so, and changes nothing", async () => {
  await his.getByRole("link", { name: mira.name }).click();
  await his.getByRole("button", { name: "Scan theirs instead" }).click();
  const nothing = await his.locator("h1").screenshot();
  await his.locator('.scan-box input[type="file"]').setInputFiles({ name: "no.png", mimeType: "image/png", buffer: nothing });
  await his.getByText("There is no code to read in this picture.").waitFor();
  await closeDrawer(his);
  await his.locator("[data-person]").getByText("Not checked").waitFor();
});

/** Where `his.evaluate` keeps the camera's answer. */
interface Asked {
  asked: number;
  given?: MediaStream;
  allow?: () => Promise<void>;
}

test("a camera that he allows only once he has left does not stay on", async () => {
  await his.evaluate(() => {
    const page = globalThis as unknown as Asked;
    const { mediaDevices } = navigator;
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    page.asked = 0;
    mediaDevices.getUserMedia = (wanted) => {
      page.asked++;
      return new Promise((resolve) => {
        page.allow = async () => resolve((page.given = await ask(wanted)));
      });
    };
  });
  await his.getByRole("link", { name: mira.name }).click();
  await his.getByRole("button", { name: "Scan theirs instead" }).click();
  const camera = his.getByRole("button", { name: "Use the camera" });
  await camera.click();
  await camera.click();
  await closeDrawer(his);
  const states = await his.evaluate(async () => {
    const page = globalThis as unknown as Asked;
    await page.allow!();
    return [page.asked, ...page.given!.getTracks().map(({ readyState }) => readyState)];
  });
  expect(states).toEqual([1, "ended"]);
  await his.evaluate(() => Reflect.deleteProperty(navigator.mediaDevices, "getUserMedia"));
});

test("a stranger's report waits closed, and comes in only when she says so", async () => {
  writeFileSync(join(three.server.folder, "note.txt"), "From nobody you know\n");
  const { reports } = JSON.parse(shell("--json", "put", join(three.server.folder, "note.txt"))) as { reports: { id: string }[] };
  shell("contacts", "show", mira.email);
  shell("share", reports[0]!.id, "--with", mira.email);

  await lookFor(hers, hers.getByRole("heading", { name: "1 report from strangers" }));
  expect(await hers.getByText(tomas).count()).toBe(0);
  await hers.getByRole("button", { name: "Show", exact: true }).click();
  await hers.getByRole("button", { name: `Take it in: the report that says to be from ${tomas}` }).click();
  await hers.getByRole("alertdialog").getByRole("button", { name: "Take it in" }).click();
  await hers.getByRole("link", { name: "note", exact: true }).waitFor();
  await hers.getByText("Signed by somebody not known here").waitFor();
});

test("one report is shared from its drawer, and he reads it and sees whose signature it bears", async () => {
  await place(hers, "Reports").click();
  await choose(
    hers,
    { name: "Blood test.txt", content: "Haemoglobin 132 g/L\n" },
    { name: "Heart letter.txt", content: "Dear colleague\n" },
    { name: "Allergies.txt", content: "Penicillin\n" },
  );
  await hers.getByText("4 reports", { exact: true }).waitFor();
  const dialog = await shareWith(hers, "Blood test", okafor.name);
  await dialog.getByText("You cannot take back.").waitFor();
  await dialog.getByRole("button", { name: "Share 1 report" }).click();
  await hers.getByText(`1 report shared with ${okafor.name}`).waitFor();
  await closeDrawer(hers);

  const link = his.getByRole("link", { name: "Blood test", exact: true });
  await lookFor(his, link);
  await his.getByText(`Signed by ${mira.name}, safety number not compared`).waitFor();
  await link.click();
  await his.getByText("Haemoglobin 132 g/L").waitFor();
  expect(await his.getByRole("button", { name: "Move to trash" }).count()).toBe(0);
  await closeDrawer(his);
});

test("he compares too, by his camera, and the signature counts as checked", async () => {
  await place(his, "People").click();
  await his.getByRole("link", { name: mira.name }).click();
  await his.getByRole("button", { name: "Scan theirs instead" }).click();
  const video = his.locator(".scan-video");
  await his.getByRole("button", { name: "Use the camera" }).click();
  await his.getByText("Hold the square before the camera.").waitFor();
  // It sees a wall; what it sees next time is her screen.
  await his.getByRole("button", { name: "Stop the camera" }).click();
  await video.waitFor({ state: "detached" });
  await place(hers, "People").click();
  await hers.getByRole("link", { name: okafor.name }).click();
  await hers.locator(".check-card .qr").waitFor();
  holdUp(film, await squareOn(hers.locator(".check-card .qr")));
  await his.getByRole("button", { name: "Use the camera" }).click();
  await his.getByText(`Checked. This is the key of ${mira.name}.`).first().waitFor();
  expect(await video.count()).toBe(0);
  await closeDrawer(hers);
  await closeDrawer(his);
  await place(his, "Shared with me").click();
  await his.getByText(`Signed by ${mira.name}, checked`).waitFor();
});

test("several at once need a compared person: one is refused with words, the other gets them", async () => {
  await find(hers, tomas);
  await hers.getByRole("heading", { name: /Is it really/ }).waitFor();
  await hers.getByRole("button", { name: "Done" }).click();
  await place(hers, "Reports").click();
  await hers.getByRole("button", { name: "Choose several" }).click();
  for (const title of ["Heart letter", "Allergies"]) await hers.getByRole("checkbox", { name: `Choose ${title}` }).check();
  await hers.getByRole("button", { name: "Share 2 reports" }).click();
  const dialog = hers.getByRole("dialog", { name: "Share your reports" });
  await pick(dialog, "Tomas Berg");
  await dialog.getByRole("button", { name: "Share 2 reports" }).click();
  await dialog.getByRole("alert").getByText("Compare the safety number with Tomas Berg first.").waitFor();

  await dialog.getByRole("button", { name: "Change: choose somebody else than Tomas Berg" }).click();
  await pick(dialog, okafor.name);
  await dialog.getByRole("button", { name: "Share 2 reports" }).click();
  await hers.getByText(`2 reports shared with ${okafor.name}`).waitFor();
  await lookFor(his, his.getByRole("link", { name: "Allergies", exact: true }));
});

test("he shares on what she made, and the command line of the third reads it", async () => {
  shell("contacts", "show", okafor.email);
  await find(his, tomas);
  await his.getByRole("heading", { name: /Is it really/ }).waitFor();
  await his.getByRole("button", { name: "Done" }).click();
  const dialog = await shareWith(his, "Heart letter", "Tomas Berg");
  await dialog.getByRole("button", { name: "Share 1 report" }).click();
  await his.getByText("1 report shared with Tomas Berg").waitFor();
  await closeDrawer(his);

  const { reports } = JSON.parse(shell("--json", "shared")) as { reports: { id: string; title: string; standing: string }[] };
  expect(reports).toMatchObject([{ title: "Heart letter", standing: "accepted" }]);
  expect(shell("cat", reports[0]!.id)).toBe("Dear colleague\n");
});

test("she sees all who read it, and stops one of them in words that promise no more than is done", async () => {
  await report(hers, "Heart letter").click();
  await hers.getByRole("tab", { name: "Sharing" }).click();
  const readers = hers.locator(".readers");
  await readers.getByText("Tomas Berg").waitFor();
  await readers.getByText(okafor.name).waitFor();
  await hers.getByRole("button", { name: "Stop sharing with Tomas Berg?" }).click();
  const dialog = hers.getByRole("dialog", { name: "Stop sharing with Tomas Berg?" });
  await dialog.getByText("Delete what Tomas Berg has seen or saved.").waitFor();
  await dialog.getByRole("button", { name: "Stop sharing" }).click();
  await hers.getByText("No longer shared with Tomas Berg.").waitFor();
  expect(await readers.getByText("Tomas Berg").count()).toBe(0);

  await hers.getByRole("button", { name: "New key for this report" }).click();
  const plan = hers.getByRole("dialog", { name: "New key for this report" });
  await plan.getByText(okafor.name).waitFor();
  await plan.getByRole("button", { name: "Make the new key" }).click();
  await hers.getByText("The report has a new key", { exact: true }).waitFor();
  await readers.getByText(okafor.name).waitFor();
  await closeDrawer(hers);
  const { reports } = JSON.parse(shell("--json", "shared")) as { reports: { standing: string }[] };
  expect(reports.filter(({ standing }) => standing === "accepted")).toEqual([]);
});

test("an ongoing share brings past and new reports, and its end lists what he can still read", async () => {
  await place(hers, "People").click();
  await hers.getByRole("link", { name: okafor.name }).click();
  await hers.getByRole("button", { name: "Give an ongoing share" }).click();
  const dialog = hers.getByRole("dialog", { name: "Give an ongoing share" });
  await dialog.getByRole("checkbox", { name: "All kinds" }).check();
  await dialog.getByText(/3 reports now/).waitFor();
  await dialog.getByRole("button", { name: "Give the ongoing share" }).click();
  await hers.getByText(`${okafor.name} has an ongoing share until`).waitFor();

  await place(hers, "Reports").click();
  await choose(hers, { name: "X-ray.txt", content: "Nothing broken\n" });
  await hers.getByText("5 reports", { exact: true }).waitFor();
  await lookFor(his, his.getByRole("link", { name: "X-ray", exact: true }));

  await place(hers, "People").click();
  await hers.getByRole("tab", { name: /Ongoing, given/ }).click();
  await hers.getByRole("button", { name: `End it: the ongoing share with ${okafor.name}` }).click();
  const ending = hers.getByRole("dialog");
  await ending.getByRole("button", { name: "End it" }).click();
  await ending.getByText(`${okafor.name} can still read`).waitFor();
  await ending.getByRole("link", { name: "X-ray" }).waitFor();
  await ending.getByRole("button", { name: "Close" }).last().click();
});

test("the trail tells who did what, and hangs together", async () => {
  await place(hers, "Activity").click();
  await hers.getByText("The trail is whole.").waitFor();
  const entries = hers.getByRole("list", { name: "Activity, newest first" });
  await entries.getByText(`1 report shared with ${okafor.name}`).first().waitFor();
  await entries.getByText(/no longer shared with Tomas Berg/).waitFor();
  const [download] = await Promise.all([
    hers.waitForEvent("download"),
    hers.getByRole("button", { name: "Save the trail" }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/\.jsonl$/);
});

test("no rule of the page was broken meanwhile, and nobody else was asked for anything", () => {
  expect(three.faults).toEqual([[], []]);
});
