// The printed recovery code before a live camera: found by keys alone, and nobody loses her place on the page.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { afterAll, expect, test } from "vitest";

import { cameraFlags, holdUp, squareOf } from "../e2e/camera.ts";
import { kit } from "./engine/sample.ts";
import { focused, tabTo } from "./keys.ts";
import { useStage } from "./stage.ts";

const folder = mkdtempSync(join(tmpdir(), "hygieia-camera-"));
const film = join(folder, "film.y4m");
holdUp(film, null);
const stage = useStage(cameraFlags(film));
afterAll(() => rmSync(folder, { recursive: true }));

/** A scene whose scanner is open, with the focus on the button of its camera. */
async function atTheCamera(scene: string): Promise<Page> {
  holdUp(film, null);
  const page = await stage.open(scene);
  await page.context().grantPermissions(["camera"], { origin: stage.origin });
  await tabTo(page, "Use the camera");
  return page;
}

const video = (page: Page) => page.getByLabel("What the camera sees");

test("one button starts and stops the camera, and keeps the focus", async () => {
  const page = await atTheCamera("kit-scan");
  await page.keyboard.press("Enter");
  await video(page).waitFor();
  expect(await focused(page)).toBe("Stop the camera");
  await page.keyboard.press("Enter");
  await video(page).waitFor({ state: "detached" });
  expect(await focused(page)).toBe("Use the camera");
});

test("a code that is found goes into its field, which has the focus, and the camera is off", async () => {
  const page = await atTheCamera("reset-scan");
  holdUp(film, squareOf(kit.code));
  await page.keyboard.press("Enter");
  await expect.poll(() => page.getByRole("textbox", { name: "Recovery code" }).inputValue()).toBe(kit.code);
  await video(page).waitFor({ state: "detached" });
  expect(await focused(page)).toBe("Recovery code");
});

test("a square that is none of a kit is said to be, where the focus is", async () => {
  const page = await atTheCamera("reset-scan");
  holdUp(film, squareOf("nothing"));
  await page.keyboard.press("Enter");
  const field = page.getByRole("textbox", { name: "Recovery code" });
  await expect.poll(() => field.getAttribute("aria-invalid")).toBe("true");
  expect(await focused(page)).toBe("Recovery code");
});

test("a scanner that is closed turns the camera off, and its button keeps the focus", async () => {
  const page = await atTheCamera("kit-scan");
  await page.keyboard.press("Enter");
  await video(page).waitFor();
  await tabTo(page, "Scan the printed square", "Shift+Tab");
  await page.keyboard.press("Enter");
  await video(page).waitFor({ state: "detached" });
  expect(await focused(page)).toBe("Scan the printed square");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Use the camera" }).waitFor();
});
