// What a person looks after: the trash, safe copies, security, settings.

import type { Page } from "playwright-core";

import { EngineError } from "../../../src/engine/errors.ts";
import type { Copies, KeyProgress } from "../../../src/engine/interface.ts";
import { reportId, row, rows } from "../engine/sample.ts";
import { rightPassword, type TestEngine } from "../engine/test-engine.ts";
import type { Scene } from "./scene.ts";

function copies(engine: TestEngine): void {
  const items = rows(128).map((one, number): Copies => {
    const count = number === 20 ? 1 : number === 40 ? 0 : number % 17 === 3 ? 2 : 3;
    const places = ["Hygieia", "ipfs.northgate.example", "pinwell.example"].slice(0, count);
    const state = count === 0 ? "missing" : count === 1 ? "one" : number === 99 ? "never" : "good";
    return { report: one.id, copies: count, places, lastChecked: "2026-11-12T06:31:00Z", state };
  });
  engine.reports.set({ status: "ready", rows: rows(128), refused: [], error: null });
  engine.copies.set({ status: "ready", items, tested: 128, total: 128, failed: [], error: null });
}

async function changePassword(page: Page, current: string): Promise<void> {
  await page.getByLabel("Your password now").fill(current);
  await page.getByLabel("New password").fill("amber-ladder-meadow-eleven");
  await page.getByText("Strong.").waitFor();
  await page.getByRole("button", { name: "Change password" }).click();
}

export const upkeepScenes: readonly Scene[] = [
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
  { name: "trash-locked", path: "/trash", prepare: (engine) => (engine.locked = [reportId(20), reportId(21)]) },
  {
    name: "trash-ask",
    path: "/trash",
    prepare: (engine) =>
      engine.reports.set({
        status: "ready",
        rows: [row(0, { deleted: "2026-11-10T08:00:00Z" }), row(2, { deleted: "2026-11-11T08:00:00Z", isMine: false })],
        refused: [],
        error: null,
      }),
    act: async (page) => {
      await page.getByRole("button", { name: "Empty the trash" }).click();
      await page.getByText("until you put it back or delete it").waitFor();
      await page.getByRole("alertdialog").getByText("even if they share it again").waitFor();
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
  {
    name: "copies-gateway-lied",
    path: "/copies",
    prepare: (engine) => {
      copies(engine);
      const failed = [
        { url: "https://ipfs.northgate.example", state: "lied" },
        { url: "https://pinwell.example", state: "down" },
      ] as const;
      engine.copies.set({ ...engine.copies.current, failed });
    },
  },
  {
    name: "copies-never-tested",
    path: "/copies",
    prepare: (engine) => {
      copies(engine);
      const items = engine.copies.current.items.map((one): Copies => ({ ...one, state: "never", copies: 1, places: ["Hygieia"], lastChecked: null }));
      engine.copies.set({ ...engine.copies.current, items });
    },
  },
  {
    name: "copies-failed",
    path: "/copies",
    prepare: (engine) => (engine.loadError = new EngineError("unreachable", "gone")),
    act: (page) => page.getByRole("alert").waitFor(),
  },
  { name: "copies-not-offered", path: "/copies" },
  { name: "security", path: "/security" },
  {
    name: "security-unknown-device",
    path: "/security",
    prepare: (engine) => (engine.listed = engine.listed.map((session) => ({ ...session, isUnknown: !session.isCurrent }))),
    act: (page) => page.getByText("Chrome on Android signed in on").scrollIntoViewIfNeeded(),
  },
  {
    name: "security-sessions-failed",
    path: "/security",
    prepare: (engine) => (engine.loadError = new EngineError("unreachable", "gone")),
    act: (page) => page.getByRole("alert").waitFor(),
  },
  {
    name: "security-password-changing",
    path: "/security",
    prepare: (engine) => {
      engine.changePassword = (_request: unknown, onProgress?: (progress: KeyProgress) => void) => {
        onProgress?.({ step: "password", percent: 40 });
        return new Promise(() => undefined);
      };
    },
    act: async (page) => {
      await changePassword(page, rightPassword);
      await page.getByRole("progressbar", { name: "Locking your keys" }).waitFor();
    },
  },
  {
    name: "security-password-changed",
    path: "/security",
    act: async (page) => {
      await changePassword(page, rightPassword);
      await page.getByText("Your password is changed.").waitFor();
    },
  },
  {
    name: "security-password-wrong",
    path: "/security",
    act: async (page) => {
      await changePassword(page, "wrong");
      await page.getByText("That password does not open this vault.").waitFor();
    },
  },
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
