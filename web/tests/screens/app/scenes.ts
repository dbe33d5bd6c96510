// Every screen and state, by name.

import { accountScenes } from "./account-scenes.ts";
import { reportScenes } from "./report-scenes.ts";
import type { Scene } from "./scene.ts";
import { sharingScenes } from "./sharing-scenes.ts";
import { upkeepScenes } from "./upkeep-scenes.ts";
import { vaultScenes } from "./vault-scenes.ts";

export const scenes: readonly Scene[] = [...accountScenes, ...vaultScenes, ...reportScenes, ...upkeepScenes, ...sharingScenes];

/** The scene of this name; a wrong name is a fault of the test. */
export function sceneOf(name: string): Scene {
  const found = scenes.find((scene) => scene.name === name);
  if (found === undefined) throw new Error(`There is no scene ${name}.`);
  return found;
}
