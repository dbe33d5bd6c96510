import { test } from "vitest";
import { serveScreens } from "./serve.ts";
import * as st from "./stage.ts";
test("err", async () => {
  const served = await serveScreens();
  const browser = await st.startBrowser();
  const context = await st.openWindow(browser, st.phone);
  const page = await context.newPage();
  page.on("pageerror", (e) => console.log(e.stack ?? e.message));
  for (const [scene, lang] of [["settings","de"],["settings","en"]]) {
  await page.goto(`${served.origin}/?scene=${scene}&language=${lang}`);
  await page.waitForTimeout(1500);
  await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
  await page.waitForTimeout(500);
  console.log(scene, lang, await page.evaluate(() => { const out = []; for (let e = document.querySelector(".gw-add input"); e; e = e.parentElement) out.push(e.tagName + "." + String(e.getAttribute("class")) + " " + e.getBoundingClientRect().left + " " + e.getBoundingClientRect().width + " sw " + e.scrollWidth + " " + getComputedStyle(e).display); for (const f of document.querySelectorAll("main *")) if (f.scrollWidth > f.clientWidth + 1 && f.clientWidth > 0) out.push("OVER " + f.tagName + "." + f.getAttribute("class") + " " + f.clientWidth + " " + f.scrollWidth + " " + (f.textContent ?? "").slice(0, 30)); return out.join("\n"); }));
  }
  await browser.close();
  await served.close();
}, 100000);
