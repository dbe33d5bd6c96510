// A report's row stays a row however long its title is, and a choice that is on looks like it.

import { expect, test } from "vitest";

import { desktop, phone, useStage } from "./stage.ts";

const stage = useStage();

test.each([desktop, phone])("a title of several lines stands beside its chip, $name", async (size) => {
  const page = await stage.open("vault-with-others", size);
  await page.getByText("Ankle surgery, going-home notes 500").waitFor();
  const rows = await page.locator("td.c-title").evaluateAll((cells) =>
    cells.map((cell) => {
      const [chip, words] = [...cell.children].map((child) => child.getBoundingClientRect());
      return { isBeside: chip!.right <= words!.left && chip!.bottom > words!.top, lines: words!.height };
    }),
  );
  expect(rows.length).toBeGreaterThan(5);
  expect(Math.max(...rows.map(({ lines }) => lines))).toBeGreaterThan(Math.min(...rows.map(({ lines }) => lines)));
  expect(rows.filter(({ isBeside }) => !isBeside)).toEqual([]);
  await page.close();
});

test("a preview that is larger says so, and nothing is offered larger that is not shown", async () => {
  const page = await stage.open("report-picture");
  const larger = page.getByRole("button", { name: "Larger preview" });
  const border = (): Promise<string> => larger.evaluate((button) => getComputedStyle(button).borderTopColor);
  const before = await border();
  await larger.click();
  await page.mouse.move(0, 0);
  await expect.poll(border).not.toBe(before);
  await page.close();
  const other = await stage.open("report-unknown-kind");
  await other.getByText("There is no preview for this kind of file").waitFor();
  expect(await other.getByRole("button", { name: "Larger preview" }).count()).toBe(0);
});
