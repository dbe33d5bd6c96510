// How long the page needs for a keystroke in the search over 10,000 reports, from the key to the picture (Event Timing,
// https://www.w3.org/TR/event-timing/, steps of 8 ms), and how much of a processor's time the page's own thread used,
// which other work on the machine does not change. Prints figures; says nothing about right or wrong.

import { test } from "vitest";

import { useStage } from "../tests/screens/stage.ts";

const typed = "blood count 77 knee pictures heart clinic 4 ";

const stage = useStage();

test("a keystroke in the search over 10,000 reports", async () => {
  const page = await stage.open("vault-ten-thousand");
  await page.evaluate(() => {
    const took: number[] = [];
    Object.assign(globalThis, { took });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (entry.name === "keydown") took.push(entry.duration);
    }).observe({ type: "event", durationThreshold: 16, buffered: true } as PerformanceObserverInit);
  });
  const debug = await page.context().newCDPSession(page);
  await debug.send("Performance.setTimeDomain", { timeDomain: "threadTicks" });
  await debug.send("Performance.enable");
  const used = async (): Promise<number> => {
    const { metrics } = await debug.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")!.value * 1000;
  };
  await page.getByRole("searchbox").focus();
  const before = await used();
  for (const key of typed) {
    await page.keyboard.press(key === " " ? "Space" : key);
    await page.waitForTimeout(60);
  }
  for (let i = 0; i < typed.length; i += 1) {
    await page.keyboard.press("Backspace");
    await page.waitForTimeout(60);
  }
  const after = await used();
  const took = await page.evaluate(() => (globalThis as unknown as { took: number[] }).took);
  const slow = took.toSorted((a, b) => a - b);
  const at = (part: number): number => slow[Math.floor(part * (slow.length - 1))] ?? 0;
  const count = 2 * typed.length;
  const first = took[0] ?? 0;
  console.log(
    `search: ${String(count)} keystrokes over 10,000 reports; ${String(count - took.length)} below 16 ms, ` +
      `median of the others ${String(at(0.5))} ms, 95th ${String(at(0.95))} ms, longest ${String(at(1))} ms; ` +
      `${((after - before) / count).toFixed(1)} ms of processor time each; the first ${String(first)} ms`,
  );
});
