// What failed is said until somebody has seen it, leaves her where she was, and can be tried again.

import { expect, test } from "vitest";

import { icons } from "../../src/ui/icons.ts";
import { useStage } from "./stage.ts";

const stage = useStage();

test("a report that could not be moved to the trash stays open, and why is said in an alert", async () => {
  const page = await stage.open("report-trash-failed");
  const alert = page.getByRole("alert").filter({ hasText: "takes no changes" });
  await alert.waitFor();
  expect(await alert.locator("path").first().getAttribute("d")).toBe(icons.alert[0]);
  expect(await page.getByRole("dialog").isVisible()).toBe(true);
  await page.getByRole("dialog").getByRole("button", { name: "Move to trash" }).waitFor();
  await alert.getByRole("button", { name: "Close" }).click();
  await alert.waitFor({ state: "detached" });
});

test.each([
  ["report-failed", "Page 1 of 2"],
  ["report-versions-failed", "Old versions stay as they were"],
  ["security-sessions-failed", "This device, now"],
  ["copies-failed", "Not tested yet"],
])("%s: trying again shows it, and the focus is not lost", async (scene, shown) => {
  const page = await stage.open(scene);
  await page.getByRole("alert").filter({ hasText: "does not answer" }).getByRole("button", { name: "Try again" }).click();
  await page.getByText(shown).first().waitFor();
  expect(await page.getByRole("alert").filter({ hasText: "does not answer" }).count()).toBe(0);
  expect(await page.evaluate(() => document.activeElement?.matches("h1, h2, h3, [role=heading]"))).toBe(true);
});

test.each([
  ["kit", "Copy the code"],
  ["report-verify", /^Copy: /],
])("%s: a browser that refuses to copy is no success, and she is told to do it by hand", async (scene, button) => {
  const { page, faults } = await stage.show(scene);
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new DOMException("refused", "NotAllowedError"));
  });
  await page.getByRole("button", { name: button }).first().click();
  await page.getByRole("alert").filter({ hasText: "did not let us copy" }).waitFor();
  expect(faults).toEqual([]);
});

test.each([
  ["not-secure", "This page cannot keep secrets"],
  ["old-browser", "This browser is too old"],
])("%s says in the window's title why it stops", async (scene, title) => {
  const page = await stage.open(scene);
  await expect.poll(() => page.title()).toBe(`${title} · Hygieia`);
});

test.each([
  [
    "report-opening-elsewhere",
    "https://gateway-three.example does not answer. We are trying 2 others. Your report is not lost.",
  ],
  [
    "report-not-found",
    "No gateway can find this report right now. It was last found on 10 Nov 2026. Try again or add a gateway.",
  ],
])("%s says what is known of the gateways", async (scene, words) => {
  const page = await stage.open(scene);
  await page.getByText(words).waitFor();
});
