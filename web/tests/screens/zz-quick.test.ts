import { mkdir } from "node:fs/promises";
import { test } from "vitest";
import { scenes } from "./app/scenes.ts";
import { serveScreens } from "./serve.ts";
import * as st from "./stage.ts";
const only = process.env.SCENES!.split(",");
const sizes = (process.env.SIZES ?? "desktop-light,phone-dark").split(",");
const lang = process.env.LANGUAGE;
test("quick", async () => {
await mkdir("/tmp/shots", { recursive: true });
const served = await serveScreens();
const browser = await st.startBrowser();
for (const spec of sizes) {
  const [size, theme] = spec.split("-");
  const context = await st.openWindow(browser, size === "phone" ? st.phone : st.desktop);
  context.setDefaultTimeout(20000);
  const todo = scenes.filter((s) => only[0] === "all" || only.some((o: string) => s.name === o || (o.endsWith("*") && s.name.startsWith(o.slice(0, -1)))));
  await Promise.all([0, 1, 2].map(async (w) => {
    for (let i = w; i < todo.length; i += 3) {
      const scene = todo[i];
      try {
        const { page, faults } = await st.show(context, served.origin, scene, lang ? { language: lang } : {});
        await st.turnTo(page, theme as "light");
        await page.screenshot({ path: `/tmp/shots/${scene.name}-${spec}.png` });
        if (faults.length) console.log(scene.name, spec, faults);
        await page.close();
      } catch (e) { console.log("FAIL", scene.name, spec, String(e).slice(0, 400)); for (const p of context.pages()) if (p.url().includes(scene.path)) await p.screenshot({ path: `/tmp/shots/FAIL-${scene.name}-${spec}.png` }).catch(() => 0); }
    }
  }));
  await context.close();
}
await browser.close();
await served.close();

}, 900000);
