// Writes a picture of every screen and state, for people to look at (scripts/screens, which sets SCREENS to the folder).

import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";

import { scenes } from "./app/scenes.ts";
import { desktop, phone, turnTo, useStage } from "./stage.ts";

const folder = process.env.SCREENS ?? "";
/** Some scenes only, by comma. */
const only = process.env.SCENES?.split(",");

describe.each([desktop, phone])("pictures, $name", (size) => {
  const stage = useStage();
  beforeAll(async () => {
    await mkdir(folder, { recursive: true });
  });

  test.each(scenes.filter(({ name }) => only?.includes(name) ?? true))("$name", async (scene) => {
    const { page, faults } = await stage.show(scene, size);
    for (const colorScheme of ["light", "dark"] as const) {
      await turnTo(page, colorScheme);
      await page.screenshot({ path: join(folder, `${scene.name}-${size.name}-${colorScheme}.png`) });
    }
    await page.close();
    expect(faults).toEqual([]);
  });
});
