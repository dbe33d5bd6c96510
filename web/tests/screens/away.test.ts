// Outside the vault with nobody to reach: what is the case is said, and what can be done.

import { expect, test } from "vitest";

import type { TestEngine } from "./engine/test-engine.ts";
import { useStage } from "./stage.ts";

const stage = useStage();

test.each([
  ["sign-in-offline", "You are offline.", "Connect this device to go on"],
  ["sign-in-gateways", "Hygieia is not answering.", "goes away when Hygieia answers again"],
  ["unlock-offline", "You are offline.", "Your password still opens your vault"],
  ["unlock-gateways", "Hygieia is not answering.", "your reports show when Hygieia answers again"],
])("%s says “%s”, and what to do, until somebody answers", async (scene, title, words) => {
  const page = await stage.open(scene);
  const banner = page.getByRole("status").filter({ hasText: title });
  await expect.poll(() => banner.innerText()).toContain(words);
  await page.evaluate(() => {
    const { engine } = globalThis as unknown as { engine: TestEngine };
    engine.connection.set({ ...engine.connection.current, kind: "online" });
  });
  await banner.waitFor({ state: "detached" });
});

test("a locked vault that has gateways says that its reports come through them", async () => {
  const page = await stage.open("unlock-gateways");
  await page.evaluate(() => {
    const { engine } = globalThis as unknown as { engine: TestEngine };
    engine.settings.set({ ...engine.settings.current, gateways: ["https://ipfs.northgate.example"] });
  });
  await page.getByText("your reports come through your gateways meanwhile").waitFor();
});

test.each(["sign-up", "sign-in", "reset", "unlock"])("%s asks again whether the server answers when the network changes", async (scene) => {
  const page = await stage.open(scene);
  await page.evaluate(() => {
    const { engine } = globalThis as unknown as { engine: TestEngine };
    const ask = engine.server.bind(engine);
    engine.server = () => {
      engine.connection.set({ ...engine.connection.current, kind: "offline" });
      return ask();
    };
    dispatchEvent(new Event("offline"));
  });
  await page.getByText("You are offline.").waitFor();
});
