// One report in its drawer.

import type { Page } from "playwright-core";

import { EngineError } from "../../../src/engine/errors.ts";
import { makePdf } from "../engine/contents.ts";
import { reportId, row, verification } from "../engine/sample.ts";
import type { TestEngine } from "../engine/test-engine.ts";
import type { Scene } from "./scene.ts";

const at = (number: number, tab?: string): string => `/reports/${reportId(number)}${tab === undefined ? "" : `/${tab}`}`;
const settled = (page: Page): Promise<void> => page.waitForTimeout(400);

function trashed(engine: TestEngine): void {
  engine.reports.set({ status: "ready", rows: [row(0, { deleted: "2026-11-10T08:00:00Z" }), row(2)], refused: [], error: null });
}

/** A check that has come this far: the checks from `first` on are in `state`. */
function checking(engine: TestEngine, first: number, state: "running" | "unknown"): void {
  const proof = verification(row(0), true);
  const checks = proof.checks.map((check, place) => (place < first ? check : { ...check, state }));
  const isDone = state === "unknown";
  const now = { ...proof, checks, isDone, ...(isDone && { signature: "unknown-signer" as const }) };
  engine.verify = (_report, onChange) => {
    onChange(now);
    return isDone ? Promise.resolve(now) : new Promise(() => undefined);
  };
}

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
  {
    name: "report-opening",
    path: at(0, "preview"),
    prepare: (engine) => (engine.preview = () => new Promise(() => undefined)),
    act: (page) => page.getByText("Fetching and checking").waitFor(),
  },
  {
    name: "report-opening-elsewhere",
    path: at(0, "preview"),
    prepare: (engine) => {
      engine.preview = () => new Promise(() => undefined);
      engine.connection.set({ ...engine.connection.current, gateways: verification(row(0), true).gateways });
    },
    act: (page) => page.getByText("does not answer").waitFor(),
  },
  {
    name: "report-not-found",
    path: at(0, "preview"),
    prepare: (engine) => {
      engine.previewError = new EngineError("block-missing", "gone");
      const item = { report: reportId(0), copies: 2, places: [], lastChecked: "2026-11-10T06:31:00Z", state: "good" } as const;
      engine.copies.set({ ...engine.copies.current, items: [item] });
    },
    act: (page) => page.getByRole("alert").waitFor(),
  },
  {
    name: "report-failed",
    path: at(0, "preview"),
    prepare: (engine) => (engine.loadError = new EngineError("unreachable", "gone")),
    act: (page) => page.getByRole("alert").waitFor(),
  },
  {
    name: "report-pdf-password",
    path: at(0, "preview"),
    prepare: (engine) => engine.contents.set("application/pdf", makePdf({ isLocked: true })),
    act: (page) => page.getByText("has a password of its own").waitFor(),
  },
  {
    name: "report-pdf-as-text",
    path: at(0, "preview"),
    act: async (page) => {
      await page.getByRole("button", { name: "Read as text" }).click();
      await page.locator("pre.paper-text").getByText("Complete blood count").waitFor();
    },
  },
  {
    name: "report-larger",
    path: at(6, "preview"),
    act: async (page) => {
      await settled(page);
      const larger = page.getByRole("button", { name: "Larger preview" });
      if (await larger.isVisible()) await larger.click(); // a phone's preview is as wide as it is
    },
  },
  {
    name: "report-unknown-signer",
    path: at(5, "preview"),
    prepare: (engine) => {
      const preview = engine.preview.bind(engine);
      engine.preview = async (report) => ({ ...(await preview(report)), signature: "unknown-signer" });
    },
    act: (page) => page.getByText("whose key is not known here").waitFor(),
  },
  {
    name: "report-versions-failed",
    path: at(7, "versions"), // of a kind that has no preview: nothing else is fetched
    prepare: (engine) => (engine.loadError = new EngineError("unreachable", "gone")),
    act: (page) => page.getByRole("alert").waitFor(),
  },
  {
    name: "report-trash-failed",
    path: at(0, "details"),
    prepare: (engine) => (engine.changeError = new EngineError("read-only", "no changes now")),
    act: async (page) => {
      await page.getByRole("button", { name: "Move to trash" }).click();
      await page.locator(".toast").waitFor();
    },
  },
  { name: "report-in-trash", path: at(0, "details"), prepare: trashed, act: settled },
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
  {
    name: "report-verify-more-parts",
    path: at(0, "verify"),
    act: async (page) => {
      await page.getByText("Which parts came from https://hygieia.example").click();
      await page.getByRole("button", { name: "Show more parts" }).click();
      await settled(page);
    },
  },
  {
    name: "report-verify-running",
    path: at(0, "verify"),
    prepare: (engine) => checking(engine, 2, "running"),
    act: settled,
  },
  {
    name: "report-verify-unsure",
    path: at(0, "verify"),
    prepare: (engine) => checking(engine, 4, "unknown"),
    act: (page) => page.getByText("Not all of it could be checked").waitFor(),
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
  {
    name: "report-downloads-ended",
    path: at(0),
    prepare: (engine) => {
      const one = { report: reportId(0), sizeBytes: 1_200_000, doneBytes: 1_200_000, secondsLeft: null };
      engine.downloads.set([
        { ...one, id: "d1", fileName: "Blood test results.pdf", state: "done", error: null },
        { ...one, id: "d2", fileName: "knee-mri.dcm", state: "failed", error: new EngineError("device-full", "full") },
      ]);
    },
    act: settled,
  },
];
