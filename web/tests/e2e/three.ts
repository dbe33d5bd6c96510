/** Two people in two browsers and a third at a shell, all on one server of their own. */
import { join } from "node:path";

import type { Locator, Page } from "playwright-core";

import { PASSWORD, Server } from "../server/serving.ts";
import { openWindow, signUp, startBrowser } from "./window.ts";

export const mira = { email: "mira@halvorsen.example", name: "Mira Halvorsen", password: PASSWORD };
export const okafor = { email: "okafor@heart.example", name: "Samuel Okafor", password: PASSWORD };
export const tomas = "tomas@berg.example";

export interface Three {
  readonly server: Server;
  /** Mira's page. */
  readonly hers: Page;
  /** Samuel Okafor's page. */
  readonly his: Page;
  /** What went wrong in her window and in his. */
  readonly faults: readonly (readonly string[])[];
  /** Tomas's command line. */
  readonly shell: (...args: string[]) => string;
  leave(): Promise<void>;
}

/** Signs all three up, in a browser started with `flags`; none knows another yet. */
export async function startThree(...flags: readonly string[]): Promise<Three> {
  const [server, browser] = await Promise.all([Server.start(), startBrowser(...flags)]);
  const origin = server.origin.replace("127.0.0.1", "localhost");
  const [hers, his] = [await openWindow(browser, origin), await openWindow(browser, origin)];
  await signUp(hers.page, mira);
  await signUp(his.page, okafor);
  const shell = server.person("tomas");
  shell("signup", tomas, "--name", "Tomas Berg", "--kit", join(server.folder, "kit"));
  const leave = async (): Promise<void> => {
    await browser.close();
    await server.remove();
  };
  return { server, hers: hers.page, his: his.page, faults: [hers.faults, his.faults], shell, leave };
}

/** A link of the rail. */
export function place(page: Page, name: string): Locator {
  return page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name });
}

/** Looks somebody up by email, from "People". */
export async function find(page: Page, email: string): Promise<void> {
  await place(page, "People").click();
  await page.getByRole("button", { name: "Add a person" }).click();
  await page.getByLabel("Email").fill(email);
  await page.getByRole("button", { name: "Find" }).click();
}
