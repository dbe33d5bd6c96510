import { describe, expect, test } from "vitest";

import { countFamilies, filterRows, isFiltering, noFilter, subjectsOf } from "../../../src/features/reports/filters.ts";
import { visibleRange, windowedAbove } from "../../../src/features/reports/windowing.ts";
import { grandmother, row, rows } from "../../screens/engine/sample.ts";

const now = new Date("2026-11-13T00:00:00Z");
const nameOf = (category: string): string => (category === "imaging" ? "Bildgebung" : category);
const titles = (words: string): readonly string[] =>
  filterRows(rows(9), { ...noFilter, words }, nameOf, now).map(({ title }) => title);

describe("searching", () => {
  test("finds every word anywhere in title, file name or the kind's name, whatever its case", () => {
    expect(titles("KNEE pictures")).toEqual(["Knee MRI report and pictures"]);
    expect(titles("bildgebung")).toEqual(["Knee MRI report and pictures", "Kidney ultrasound"]);
    expect(titles("vaccine CARD.jpg")).toEqual(["Flu vaccine record"]);
  });

  test("finds nothing where one word is missing", () => {
    expect(titles("knee elbow")).toEqual([]);
  });

  test("does not mind accents", () => {
    const accented = [row(0, { title: "Röntgen, Sinus Frontális" })];
    expect(filterRows(accented, { ...noFilter, words: "rontgen frontalis" }, nameOf, now)).toHaveLength(1);
  });

  test("goes by the kind's name in the language of now, also for rows searched in another before", () => {
    const scan = row(0, { title: "Knee", fileName: "knee.dcm", category: "imaging" });
    const found = (words: string, name: string): number => filterRows([scan], { ...noFilter, words }, () => name, now).length;
    expect(found("imaging", "Imaging")).toBe(1);
    expect(found("bildgebung", "Bildgebung")).toBe(1);
    expect(found("imaging", "Bildgebung")).toBe(0);
  });

  test("leaves all rows, in their order, when nothing is asked", () => {
    const all = rows(9);
    expect(filterRows(all, { ...noFilter, words: "  " }, nameOf, now)).toEqual(all);
    expect(isFiltering({ ...noFilter, words: "  " })).toBe(false);
  });
});

describe("filters", () => {
  test("by whose record it is leave just hers, and her name is found by typing it", () => {
    expect(subjectsOf(rows(9)).map(({ name }) => name)).toEqual([null, "Grandma Solveig"]);
    const hers = filterRows(rows(9), { ...noFilter, subject: grandmother.id }, nameOf, now);
    expect(hers.map(({ title }) => title)).toEqual(["Ankle surgery, going-home notes"]);
    expect(isFiltering({ ...noFilter, subject: grandmother.id })).toBe(true);
    expect(titles("solveig")).toEqual(["Ankle surgery, going-home notes"]);
  });

  test("by kind of file leave just that kind", () => {
    const found = filterRows(rows(9), { ...noFilter, kind: "pdf" }, nameOf, now);
    expect(found.map(({ mediaType }) => mediaType)).toEqual(["application/pdf", "application/pdf", "application/pdf"]);
  });

  test("by time leave what was added since", () => {
    expect(filterRows(rows(100), { ...noFilter, period: "month" }, nameOf, now)).toHaveLength(31);
    expect(filterRows(rows(100), { ...noFilter, period: "any" }, nameOf, now)).toHaveLength(100);
  });

  test("count each family", () => {
    expect(Object.fromEntries(countFamilies(rows(9)))).toEqual({
      lab: 3,
      imaging: 2,
      letter: 1,
      medicine: 1,
      vaccine: 1,
      hospital: 1,
    });
  });
});

describe("the window of a long list", () => {
  const height = 64;
  const screen = 800;

  test("draws a short list whole", () => {
    expect(visibleRange(100, screen, height, windowedAbove)).toEqual({ start: 0, end: windowedAbove });
  });

  test("covers the screen wherever it is scrolled to", () => {
    const count = 10_000;
    for (let top = 300; top > -count * height; top -= 997) {
      const { start, end } = visibleRange(top, screen, height, count);
      const firstSeen = Math.max(0, Math.floor(-top / height));
      const lastSeen = Math.min(count, Math.ceil((screen - top) / height));
      expect(start).toBeLessThanOrEqual(firstSeen);
      expect(end).toBeGreaterThanOrEqual(lastSeen);
      expect(end - start).toBeLessThan(60);
      expect(start).toBeGreaterThanOrEqual(0);
      expect(end).toBeLessThanOrEqual(count);
    }
  });

  test("stays inside the list when the page is scrolled past its end", () => {
    const { start, end } = visibleRange(-1_000_000_000, screen, height, 500);
    expect(end).toBe(500);
    expect(start).toBeLessThan(end);
  });
});
