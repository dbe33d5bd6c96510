// The list of reports, and what is added to it.

import type { Page } from "playwright-core";

import { EngineError } from "../../../src/engine/errors.ts";
import type { Upload, UploadState } from "../../../src/engine/interface.ts";
import { ingrid, named } from "../engine/people.ts";
import { reportId, row, rows } from "../engine/sample.ts";
import type { TestEngine } from "../engine/test-engine.ts";
import type { Scene } from "./scene.ts";

function upload(number: number, fileName: string, state: UploadState, change: Partial<Upload> = {}): Upload {
  return {
    id: `u${String(number)}`,
    fileName,
    sizeBytes: 18_400_000,
    sentBytes: 9_000_000,
    state,
    secondsLeft: null,
    report: null,
    copies: 0,
    canReopen: false,
    error: null,
    ...change,
  };
}

function uploading(engine: TestEngine, items: readonly Upload[]): void {
  const sum = (sizes: readonly number[]): number => sizes.reduce((all, one) => all + one, 0);
  engine.uploads.set({
    items,
    totalBytes: sum(items.map(({ sizeBytes }) => sizeBytes)),
    sentBytes: sum(items.map(({ sentBytes }) => sentBytes)),
    secondsLeft: null,
    isPaused: false,
  });
}

function manyUploads(engine: TestEngine): void {
  const items = [
    upload(1, "Blood test results.pdf", "saved", { sizeBytes: 1_200_000, sentBytes: 1_200_000, report: reportId(0), copies: 3 }),
    upload(2, "Chest X-ray front.png", "sending", { secondsLeft: 20 }),
    upload(3, "Going-home letter scan.pdf", "checking", { sentBytes: 18_400_000 }),
    upload(4, "Heart monitor, 24 hours.pdf", "paused", { sizeBytes: 212_000_000, sentBytes: 87_000_000 }),
    upload(5, "Knee MRI pictures.zip", "waiting", { sizeBytes: 40_000_000, sentBytes: 14_000_000 }),
    upload(6, "Vaccines.pdf", "needs-file"),
    upload(9, "Spirometry.pdf", "elsewhere"),
    upload(7, "Same again.pdf", "duplicate", { report: reportId(2) }),
    upload(8, "A very long name of a file that goes on and on and still does not end here.pdf", "failed", {
      error: new EngineError("quota-exceeded", "full"),
    }),
  ];
  uploading(engine, items);
  engine.uploads.set({ ...engine.uploads.current, secondsLeft: 95 });
}

async function openMenuOf(page: Page): Promise<void> {
  await page.getByRole("button", { name: "More for Complete blood count" }).click();
  await page.getByRole("menu").waitFor();
}

export const vaultScenes: readonly Scene[] = [
  { name: "vault", path: "/reports" },
  {
    name: "vault-empty",
    path: "/reports",
    prepare: (engine) => engine.reports.set({ status: "ready", rows: [], refused: [], error: null }),
  },
  {
    name: "vault-loading",
    path: "/reports",
    prepare: (engine) => engine.reports.set({ status: "loading", rows: [], refused: [], error: null }),
    act: (page) => page.locator(".skeleton").first().waitFor(),
  },
  {
    name: "vault-failed",
    path: "/reports",
    prepare: (engine) =>
      engine.reports.set({ status: "failed", rows: [], refused: [], error: new EngineError("rollback", "older") }),
  },
  {
    name: "vault-none-found",
    path: "/reports",
    act: async (page) => {
      await page.getByRole("searchbox").fill("no such thing");
      await page.getByText("No report fits").waitFor();
    },
  },
  {
    name: "vault-troubled-rows",
    path: "/reports",
    prepare: (engine) =>
      engine.reports.set({
        status: "ready",
        rows: [row(0, { state: "waiting" }), row(1, { state: "missing" }), row(2, { state: "refused" })],
        refused: [
          { report: reportId(77), error: new EngineError("envelope-refused", "other key") },
          { report: reportId(78), error: new EngineError("note-refused", "bad") },
        ],
        error: null,
      }),
  },
  {
    name: "vault-ten-thousand",
    path: "/reports",
    prepare: (engine) => engine.reports.set({ status: "ready", rows: rows(10_000), refused: [], error: null }),
  },
  { name: "vault-uploads", path: "/reports", prepare: manyUploads },
  {
    name: "vault-uploads-paused",
    path: "/reports",
    prepare: (engine) => {
      uploading(engine, [upload(1, "Chest X-ray front.png", "paused"), upload(2, "Vaccines.pdf", "queued", { sentBytes: 0 })]);
      engine.uploads.set({ ...engine.uploads.current, isPaused: true });
    },
  },
  {
    name: "vault-upload-twice",
    path: "/reports",
    prepare: (engine) => uploading(engine, [upload(1, "Same again.pdf", "duplicate", { sentBytes: 0, report: reportId(2) })]),
  },
  {
    name: "vault-uploads-done",
    path: "/reports",
    prepare: (engine) =>
      uploading(engine, [
        upload(1, "Blood test results.pdf", "saved", { sentBytes: 18_400_000, report: reportId(0), copies: 3 }),
        upload(2, "Vaccines.pdf", "cancelled"),
      ]),
  },
  {
    name: "vault-offline",
    path: "/reports",
    prepare: (engine) => engine.connection.set({ kind: "offline", waiting: 2, dropped: 0, gateways: [], retryAt: null }),
  },
  {
    name: "vault-gateways",
    path: "/reports",
    prepare: (engine) => engine.connection.set({ kind: "gateways", waiting: 1, dropped: 0, gateways: [], retryAt: null }),
  },
  {
    name: "vault-server-away",
    path: "/reports",
    prepare: (engine) => {
      engine.settings.set({ ...engine.settings.current, gateways: [] });
      engine.connection.set({ kind: "gateways", waiting: 0, dropped: 0, gateways: [], retryAt: null });
    },
  },
  {
    name: "vault-changes-sent",
    path: "/reports",
    prepare: (engine) => engine.connection.set({ kind: "online", waiting: 2, dropped: 0, gateways: [], retryAt: null }),
  },
  {
    name: "vault-changes-dropped",
    path: "/reports",
    prepare: (engine) => engine.connection.set({ kind: "online", waiting: 0, dropped: 2, gateways: [], retryAt: null }),
  },
  { name: "vault-locks-soon", path: "/reports", prepare: (engine) => engine.lockingIn.set(42) },
  { name: "vault-row-menu", path: "/reports", act: openMenuOf },
  {
    name: "vault-filters",
    path: "/reports",
    act: async (page) => {
      const button = page.getByRole("button", { name: "Filters" });
      await button.click();
      await page.getByLabel("Kind of file").waitFor();
    },
  },
  {
    name: "vault-add-menu",
    path: "/reports",
    act: async (page) => {
      await page.getByRole("button", { name: /^Add/ }).filter({ visible: true }).first().click();
      await page.getByRole("menuitemradio", { name: "Grandma Solveig" }).waitFor();
    },
  },
  {
    name: "vault-new-subject",
    path: "/reports",
    act: async (page) => {
      await page.getByRole("button", { name: /^Add/ }).filter({ visible: true }).first().click();
      await page.getByRole("menuitem", { name: "Somebody else's" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "vault-store-for",
    path: "/reports",
    prepare: (engine) =>
      (engine.mayStore = [
        { owner: named(ingrid), categories: ["lab", "letter"], subjects: "*", professions: ["physician"], expires: "2027-05-21T09:00:00Z" },
      ]),
    act: async (page) => {
      await page.getByRole("button", { name: /^Add/ }).filter({ visible: true }).first().click();
      await page.getByRole("menuitem", { name: "Into somebody else's vault" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "vault-rename",
    path: "/reports",
    act: async (page) => {
      await openMenuOf(page);
      await page.getByRole("menuitem", { name: "Rename" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "vault-trashed-toast",
    path: "/reports",
    act: async (page) => {
      await openMenuOf(page);
      await page.getByRole("menuitem", { name: "Move to trash" }).click();
      await page.getByRole("button", { name: "Undo" }).waitFor();
    },
  },
];
