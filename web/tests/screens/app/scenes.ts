// Every screen and state, by name: where the app is, what the engine says, and what a person did to get there.

import type { Page } from "playwright-core";

import { EngineError } from "../../../src/engine/errors.ts";
import type { Copies, Upload, UploadState } from "../../../src/engine/interface.ts";
import { mira, reportId, row, rows } from "../engine/sample.ts";
import type { TestEngine } from "../engine/test-engine.ts";
import { sharingScenes } from "./sharing-scenes.ts";

export interface Scene {
  readonly name: string;
  readonly path: string;
  readonly prepare?: (engine: TestEngine) => void;
  /** What a person does then. Run by the test, not by the page. */
  readonly act?: (page: Page) => Promise<void>;
  /** The app does not start at all. */
  readonly blocked?: "insecure" | "old-browser";
}

const email = mira.email;
const outside = (engine: TestEngine): void => engine.state.set({ kind: "none", notice: null });
const locked = (engine: TestEngine): void => engine.state.set({ kind: "locked", email, reason: "reload" });

async function fillSignUp(page: Page): Promise<void> {
  await page.getByLabel("Your name").fill(mira.name);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill("copper-violin-harbour-seven");
  await page.getByLabel("I understand").check();
  await page.getByText("Strong.").waitFor();
}

async function makeKeys(page: Page): Promise<void> {
  await fillSignUp(page);
  await page.getByRole("button", { name: "Make my keys" }).click();
  await page.getByRole("heading", { name: "Making your keys" }).waitFor();
}

const account: readonly Scene[] = [
  { name: "sign-up", path: "/", prepare: outside },
  { name: "sign-up-filled", path: "/sign-up", prepare: outside, act: fillSignUp },
  {
    name: "sign-up-errors",
    path: "/sign-up",
    prepare: outside,
    act: (page) => page.getByRole("button", { name: "Make my keys" }).click(),
  },
  {
    name: "sign-up-invite",
    path: "/sign-up",
    prepare: (engine) => {
      outside(engine);
      engine.registration = "invite";
    },
  },
  {
    name: "sign-up-email-in-use",
    path: "/sign-up",
    prepare: (engine) => {
      outside(engine);
      engine.failWith = new EngineError("duplicate", "taken");
    },
    act: async (page) => {
      await fillSignUp(page);
      await page.getByRole("button", { name: "Make my keys" }).click();
      await page.getByText("There is a vault with this email already.").waitFor();
    },
  },
  {
    name: "making-keys",
    path: "/sign-up",
    prepare: (engine) => {
      outside(engine);
      engine.stuckAt = { step: "keys", percent: 58 };
    },
    act: makeKeys,
  },
  { name: "kit", path: "/", prepare: (engine) => engine.state.set({ kind: "kit", person: mira, isFirst: true }) },
  {
    name: "kit-wrong-group",
    path: "/",
    prepare: (engine) => engine.state.set({ kind: "kit", person: mira, isFirst: true }),
    act: async (page) => {
      await page.getByRole("button", { name: "Save kit file" }).click();
      for (const field of await page.getByLabel(/^Group \d/).all()) await field.fill("AAAA");
      await page.getByRole("button", { name: "Open my vault" }).click();
      await page.getByText(/That is not group/).first().waitFor();
    },
  },
  { name: "kit-new", path: "/", prepare: (engine) => engine.state.set({ kind: "kit", person: mira, isFirst: false }) },
  { name: "sign-in", path: "/sign-in", prepare: outside },
  {
    name: "sign-in-wrong",
    path: "/sign-in",
    prepare: outside,
    act: async (page) => {
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password", { exact: true }).fill("wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "sign-in-other-vault",
    path: "/sign-in",
    prepare: (engine) => {
      outside(engine);
      engine.failWith = new EngineError("conflict", "another account");
    },
    act: async (page) => {
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password", { exact: true }).fill("something");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("button", { name: "Forget it here" }).waitFor();
    },
  },
  {
    name: "sign-in-waiting",
    path: "/sign-in",
    prepare: (engine) => {
      outside(engine);
      engine.failWith = new EngineError("too-many-attempts", "wait", { retryAfterSeconds: 120 });
    },
    act: async (page) => {
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password", { exact: true }).fill("wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "sign-in-opening",
    path: "/sign-in",
    prepare: (engine) => {
      outside(engine);
      engine.stuckAt = { step: "password", percent: 40 };
    },
    act: async (page) => {
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password", { exact: true }).fill("something");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("progressbar").waitFor();
    },
  },
  {
    name: "sign-in-signed-out",
    path: "/sign-in",
    prepare: (engine) => engine.state.set({ kind: "none", notice: "signed-out" }),
  },
  { name: "unlock", path: "/reports", prepare: locked },
  {
    name: "unlock-wrong",
    path: "/reports",
    prepare: locked,
    act: async (page) => {
      await page.getByLabel("Password", { exact: true }).fill("wrong");
      await page.getByRole("button", { name: "Open vault" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "unlock-signed-out-elsewhere",
    path: "/reports",
    prepare: (engine) => engine.state.set({ kind: "locked", email, reason: "session-ended" }),
  },
  { name: "reset", path: "/reset", prepare: locked },
  {
    name: "reset-errors",
    path: "/reset",
    prepare: outside,
    act: (page) => page.getByRole("button", { name: "Set the new password" }).click(),
  },
  { name: "not-secure", path: "/", blocked: "insecure" },
  { name: "old-browser", path: "/", blocked: "old-browser" },
];

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

function manyUploads(engine: TestEngine): void {
  engine.uploads.set({
    items: [
      upload(1, "Blood test results.pdf", "saved", { sizeBytes: 1_200_000, sentBytes: 1_200_000, report: reportId(0), copies: 3 }),
      upload(2, "Chest X-ray front.png", "sending", { secondsLeft: 20 }),
      upload(3, "Going-home letter scan.pdf", "checking", { sentBytes: 18_400_000 }),
      upload(4, "Heart monitor, 24 hours.pdf", "paused", { sizeBytes: 212_000_000, sentBytes: 87_000_000 }),
      upload(5, "Knee MRI pictures.zip", "waiting", { sizeBytes: 40_000_000, sentBytes: 14_000_000 }),
      upload(6, "Vaccines.pdf", "needs-file"),
      upload(7, "Same again.pdf", "duplicate", { report: reportId(2) }),
      upload(8, "A very long name of a file that goes on and on and still does not end here.pdf", "failed", {
        error: new EngineError("quota-exceeded", "full"),
      }),
    ],
    totalBytes: 310_000_000,
    sentBytes: 142_000_000,
    secondsLeft: 90,
    isPaused: false,
  });
}

async function openMenuOf(page: Page): Promise<void> {
  await page.getByRole("button", { name: "More for Complete blood count" }).click();
  await page.getByRole("menu").waitFor();
}

const vault: readonly Scene[] = [
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
          { report: reportId(77), error: new EngineError("key-mismatch", "other key") },
          { report: reportId(78), error: new EngineError("envelope-refused", "bad") },
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
    name: "vault-offline",
    path: "/reports",
    prepare: (engine) => engine.connection.set({ kind: "offline", waiting: 2, gateways: [], retryAt: null }),
  },
  {
    name: "vault-gateways",
    path: "/reports",
    prepare: (engine) => engine.connection.set({ kind: "gateways", waiting: 1, gateways: [], retryAt: null }),
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

const at = (number: number, tab?: string): string => `/reports/${reportId(number)}${tab === undefined ? "" : `/${tab}`}`;
const settled = (page: Page): Promise<void> => page.waitForTimeout(400);

const report: readonly Scene[] = [
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

function copies(engine: TestEngine): void {
  const items = rows(128).map((one, number): Copies => {
    const count = number === 20 ? 1 : number === 40 ? 0 : number % 17 === 3 ? 2 : 3;
    const places = ["Hygieia", "ipfs.northgate.example", "pinwell.example"].slice(0, count);
    const state = count === 0 ? "missing" : count === 1 ? "one" : number === 99 ? "never" : "good";
    return { report: one.id, copies: count, places, lastChecked: "2026-11-12T06:31:00Z", state };
  });
  engine.reports.set({ status: "ready", rows: rows(128), refused: [], error: null });
  engine.copies.set({ status: "ready", items, tested: 128, total: 128, error: null });
}

const rest: readonly Scene[] = [
  {
    name: "trash",
    path: "/trash",
    prepare: (engine) =>
      engine.reports.set({
        status: "ready",
        rows: [row(0, { deleted: "2026-11-10T08:00:00Z" }), row(2, { deleted: "2026-11-11T08:00:00Z" })],
        refused: [],
        error: null,
      }),
  },
  { name: "trash-empty", path: "/trash" },
  {
    name: "trash-ask",
    path: "/trash",
    prepare: (engine) =>
      engine.reports.set({ status: "ready", rows: [row(0, { deleted: "2026-11-10T08:00:00Z" })], refused: [], error: null }),
    act: async (page) => {
      await page.getByRole("button", { name: "Empty the trash" }).click();
      await page.getByRole("alertdialog").waitFor();
    },
  },
  { name: "copies", path: "/copies", prepare: copies },
  {
    name: "copies-testing",
    path: "/copies",
    prepare: (engine) => {
      copies(engine);
      engine.copies.set({ ...engine.copies.current, tested: 31 });
    },
  },
  { name: "copies-not-offered", path: "/copies" },
  { name: "security", path: "/security" },
  {
    name: "security-new-kit",
    path: "/security",
    act: async (page) => {
      await page.getByRole("button", { name: "Make a new kit" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "security-sign-out-everywhere",
    path: "/security",
    act: async (page) => {
      await page.getByRole("button", { name: "Sign out everywhere" }).click();
      await page.getByRole("alertdialog").waitFor();
    },
  },
  {
    name: "security-delete",
    path: "/security",
    act: async (page) => {
      await page.getByRole("button", { name: "Delete this vault…" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "settings", path: "/settings" },
  {
    name: "settings-wrong-gateway",
    path: "/settings",
    act: async (page) => {
      await page.getByLabel("Address of a gateway").fill("nothing like it");
      await page.locator(".gw-add").getByRole("button", { name: "Add" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
];

export const scenes: readonly Scene[] = [...account, ...vault, ...report, ...rest, ...sharingScenes];
