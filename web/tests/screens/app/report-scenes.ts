// One report in its drawer.

import type { Page } from "playwright-core";

import { EngineError } from "../../../src/engine/errors.ts";
import { reportId } from "../engine/sample.ts";
import type { Scene } from "./scene.ts";

const at = (number: number, tab?: string): string => `/reports/${reportId(number)}${tab === undefined ? "" : `/${tab}`}`;
const settled = (page: Page): Promise<void> => page.waitForTimeout(400);

export const reportScenes: readonly Scene[] = [
  { name: "report-pdf", path: at(0), act: (page) => page.waitForTimeout(1500) },
  { name: "report-scan", path: at(1, "preview"), act: settled },
  { name: "report-health-data", path: at(3, "preview"), act: settled },
  { name: "report-picture", path: at(6, "preview"), act: settled },
  { name: "report-text", path: at(5, "preview"), act: settled },
  { name: "report-unknown-kind", path: at(7), act: settled },
  {
    name: "report-too-large",
    path: at(0, "preview"),
    prepare: (engine) => (engine.previewError = new EngineError("too-large", "large")),
    act: settled,
  },
  { name: "report-versions", path: at(0, "versions"), act: settled },
  { name: "report-verify", path: at(0, "verify"), act: settled },
  {
    name: "report-verify-commands",
    path: at(0, "verify"),
    act: async (page) => {
      await page.getByRole("button", { name: "Show the commands" }).click();
      await settled(page);
    },
  },
  {
    name: "report-verify-parts",
    path: at(0, "verify"),
    act: async (page) => {
      await page.getByText("Which parts came from https://ipfs.northgate.example").click();
      await settled(page);
    },
  },
  { name: "report-locking", path: at(0), prepare: (engine) => engine.lockingIn.set(42), act: settled },
  { name: "report-tampered", path: at(5, "verify"), prepare: (engine) => (engine.isTampered = true), act: settled },
  { name: "report-none", path: at(4711), act: settled },
  {
    name: "report-download",
    path: at(0),
    act: async (page) => {
      // A picker of files belongs to the browser: no page can answer it.
      await page.evaluate(() => Object.assign(globalThis, { showSaveFilePicker: undefined }));
      await page.getByRole("dialog").getByRole("button", { name: "Download" }).click();
      await settled(page);
    },
  },
];
