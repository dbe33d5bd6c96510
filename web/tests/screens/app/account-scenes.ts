// Outside the vault: signing up, the kit, signing in, unlocking, a new password.

import type { Page } from "playwright-core";

import { EngineError } from "../../../src/engine/errors.ts";
import { kit, mira } from "../engine/sample.ts";
import type { TestEngine } from "../engine/test-engine.ts";
import type { Scene } from "./scene.ts";

const email = mira.email;
type Away = "offline" | "gateways";
/** Nobody answers, and there is no gateway either. */
const cutOff = (engine: TestEngine, kind: Away): void => {
  engine.connection.set({ ...engine.connection.current, kind });
  engine.settings.set({ ...engine.settings.current, gateways: [] });
};
const outside = (engine: TestEngine): void => engine.state.set({ kind: "none", notice: null });
const locked = (engine: TestEngine): void => engine.state.set({ kind: "locked", email, reason: "reload" });

async function fillSignUp(page: Page): Promise<void> {
  await page.getByLabel("Your name").fill(mira.name);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill("copper-violin-harbour-seven");
  await page.getByLabel("I understand").check();
  await page.getByText("Strong.").waitFor();
}

async function open(page: Page, password: string): Promise<void> {
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Open vault" }).click();
}

async function setNewPassword(page: Page): Promise<void> {
  await page.locator("input[type=file]").first().setInputFiles({ name: "hygieia-kit.json", mimeType: "", buffer: Buffer.from("{}") });
  await page.getByLabel("Recovery code").fill(kit.code);
  await page.getByLabel("New password").fill("copper-violin-harbour-seven");
  await page.getByText("Strong.").waitFor();
  await page.getByRole("button", { name: "Set the new password" }).click();
}

async function makeKeys(page: Page): Promise<void> {
  await fillSignUp(page);
  await page.getByRole("button", { name: "Make my keys" }).click();
  await page.getByRole("heading", { name: "Making your keys" }).waitFor();
}

export const accountScenes: readonly Scene[] = [
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
    name: "sign-up-closed",
    path: "/sign-up",
    prepare: (engine) => {
      outside(engine);
      engine.registration = "closed";
    },
    act: (page) => page.getByText("takes no new vaults").waitFor(),
  },
  {
    name: "sign-up-weak",
    path: "/sign-up",
    prepare: outside,
    act: async (page) => {
      await page.getByLabel("Password", { exact: true }).fill("copper");
      await page.locator(".strength-1").waitFor({ state: "attached" });
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
  {
    name: "kit-scan",
    path: "/",
    prepare: (engine) => engine.state.set({ kind: "kit", person: mira, isFirst: true }),
    act: async (page) => {
      await page.getByRole("button", { name: "Save kit file" }).click();
      await page.getByRole("button", { name: "Scan the printed square" }).click();
      await page.getByRole("button", { name: "Choose a picture" }).waitFor();
    },
  },
  {
    name: "kit-gone",
    path: "/",
    prepare: (engine) => {
      engine.state.set({ kind: "kit", person: mira, isFirst: true });
      engine.pendingKit = () => Promise.resolve(null);
    },
    act: (page) => page.getByText("no longer on this device").waitFor(),
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
  {
    name: "sign-in-deleted",
    path: "/sign-in",
    prepare: (engine) => engine.state.set({ kind: "none", notice: "deleted" }),
  },
  ...(["offline", "gateways"] as const).flatMap((kind): Scene[] => [
    { name: `sign-in-${kind}`, path: "/sign-in", prepare: (engine) => (outside(engine), cutOff(engine, kind)) },
    { name: `unlock-${kind}`, path: "/reports", prepare: (engine) => (locked(engine), cutOff(engine, kind)) },
  ]),
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
  {
    name: "unlock-quiet",
    path: "/reports",
    prepare: (engine) => engine.state.set({ kind: "locked", email, reason: "quiet" }),
  },
  {
    name: "unlock-opening",
    path: "/reports",
    prepare: (engine) => {
      locked(engine);
      engine.stuckAt = { step: "password", percent: 40 };
    },
    act: async (page) => {
      await open(page, "something");
      await page.getByText("Opening your vault.").waitFor();
    },
  },
  {
    name: "unlock-waiting",
    path: "/reports",
    prepare: (engine) => {
      locked(engine);
      engine.failWith = new EngineError("too-many-attempts", "wait", { retryAfterSeconds: 120 });
    },
    act: async (page) => {
      await open(page, "wrong");
      await page.getByRole("alert").waitFor();
    },
  },
  { name: "reset", path: "/reset", prepare: locked },
  {
    name: "reset-scan",
    path: "/reset",
    prepare: locked,
    act: async (page) => {
      await page.getByRole("button", { name: "Scan the printed square" }).click();
      await page.getByRole("button", { name: "Choose a picture" }).waitFor();
    },
  },
  {
    name: "reset-errors",
    path: "/reset",
    prepare: outside,
    act: (page) => page.getByRole("button", { name: "Set the new password" }).click(),
  },
  {
    name: "reset-working",
    path: "/reset",
    prepare: (engine) => {
      locked(engine);
      engine.stuckAt = { step: "keys", percent: 58 };
    },
    act: async (page) => {
      await setNewPassword(page);
      await page.getByRole("progressbar").waitFor();
    },
  },
  {
    name: "reset-refused",
    path: "/reset",
    prepare: (engine) => {
      locked(engine);
      engine.failWith = new EngineError("credentials-refused", "another kit");
    },
    act: async (page) => {
      await setNewPassword(page);
      await page.getByRole("alert").waitFor();
    },
  },
  { name: "not-secure", path: "/", blocked: "insecure" },
  { name: "old-browser", path: "/", blocked: "old-browser" },
];
