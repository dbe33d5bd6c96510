// What a screen reader hears: the words that come into the page's one polite line, in order.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { reportId } from "./engine/sample.ts";
import type { TestEngine } from "./engine/test-engine.ts";
import { useStage } from "./stage.ts";

const stage = useStage();

/** Keeps each line as it is said from now on: the next takes its place. */
async function listen(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const said: string[] = [];
    const line = document.querySelector("[role=status][aria-live=polite]")!;
    new MutationObserver(() => {
      const words = line.textContent.trim();
      if (words !== "") said.push(words);
    }).observe(line, { characterData: true, childList: true, subtree: true });
    Object.assign(globalThis, { said });
  });
  return () => page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
}

/** Does something to the engine under the page's feet. */
function change(page: Page, act: (engine: TestEngine) => void): Promise<void> {
  return page.evaluate(`(${act.toString()})(globalThis.engine)`);
}

test("how many reports a search found", async () => {
  const page = await stage.open("vault");
  const said = await listen(page);
  await page.getByRole("searchbox").fill("knee");
  await expect.poll(said).toEqual([expect.stringMatching(/^\d+ reports? found$/)]);
  await page.getByRole("searchbox").fill("no such thing");
  await expect.poll(async () => (await said()).at(-1)).toBe("No report found");
});

test("that a file is being added, and that it is saved", async () => {
  const page = await stage.open("vault");
  const said = await listen(page);
  await page.locator("input[type=file][multiple]").first().setInputFiles({ name: "one.pdf", mimeType: "application/pdf", buffer: Buffer.from("x") });
  await expect.poll(said).toContainEqual("Adding 1 report");
  await change(page, (engine) => {
    const { items } = engine.uploads.current;
    engine.uploads.set({ ...engine.uploads.current, items: items.map((item) => ({ ...item, state: "saved", copies: 2 })) });
  });
  await expect.poll(async () => (await said()).at(-1)).toBe("one.pdf: Saved. 2 copies checked.");
});

test("that the vault locks soon: once at the start, then now and then", async () => {
  const page = await stage.open("vault");
  const said = await listen(page);
  for (const left of [59, 58, 30, 29, 10]) {
    await page.evaluate(async (seconds) => {
      (globalThis as unknown as { engine: TestEngine }).engine.lockingIn.set(seconds);
      // A line is said 50 ms after it is asked for: what is asked for later comes later, however slow the page is.
      await new Promise((done) => setTimeout(done, 60));
    }, left);
  }
  expect(await said()).toEqual([59, 30, 10].map((seconds) => `Your vault locks in ${String(seconds)} seconds.`));
});

test("that a report is downloaded, or was not", async () => {
  const page = await stage.open("vault");
  const said = await listen(page);
  const end = (state: "done" | "failed") =>
    page.evaluate(
      ([how, report]) => {
        const { engine } = globalThis as unknown as { engine: TestEngine };
        const download = { id: how, report, fileName: "knee.dcm", sizeBytes: 1, doneBytes: 1, secondsLeft: null, error: null };
        engine.downloads.set([{ ...download, state: how }]);
      },
      [state, reportId(1)] as const,
    );
  await end("done");
  await expect.poll(said).toEqual(["knee.dcm is downloaded"]);
  await end("failed");
  await expect.poll(said).toEqual(["knee.dcm is downloaded", "knee.dcm was not downloaded"]);
});

test("nothing of a vault any more once it is locked", async () => {
  const page = await stage.open("vault");
  await page.getByRole("searchbox").fill("knee");
  const line = page.locator("[role=status][aria-live=polite]").first();
  await expect.poll(() => line.textContent()).toMatch(/found/);
  await change(page, (engine) => engine.lock());
  await page.getByRole("heading", { name: "Welcome back" }).waitFor();
  expect(await page.locator("body").innerHTML()).not.toMatch(/reports? found/);
});
