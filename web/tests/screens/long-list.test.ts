// Of ten thousand reports only those in sight are drawn, and yet each is where a person scrolls to.

import { expect, test } from "vitest";

import { reportId } from "./engine/sample.ts";
import { desktop, phone, useStage } from "./stage.ts";

const stage = useStage();
/** Several screens full: what a list without windows would draw is a hundred times that. */
const most = 100;

test.each([desktop, phone])("ten thousand reports are drawn as a few rows from first to last, $name", async (size) => {
  const { page, faults } = await stage.show("vault-ten-thousand", size);
  const drawn = page.locator("tr[data-report]");
  const row = (number: number) => page.locator(`tr[data-report="${reportId(number)}"]`);
  await row(0).waitFor();
  await page.getByText("10,000 reports", { exact: true }).waitFor();
  expect(await page.getByRole("table").getAttribute("aria-rowcount")).toBe("10001");
  expect(await drawn.count()).toBeLessThan(most);
  expect(await drawn.count()).toBeGreaterThan(4);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await row(9_999).waitFor();
  expect(await row(0).count()).toBe(0);
  expect(await drawn.count()).toBeLessThan(most);
  const { y, height } = (await row(9_999).boundingBox())!;
  expect(y).toBeGreaterThan(0);
  expect(y + height).toBeLessThanOrEqual(size.height);
  expect(await row(9_999).getAttribute("aria-rowindex")).toBe("10001");
  expect(faults).toEqual([]);
  await page.close();
});
