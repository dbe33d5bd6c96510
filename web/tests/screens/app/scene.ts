// What a scene is: where the app is, what the engine says, and what a person did to get there.

import type { Page } from "playwright-core";

import type { TestEngine } from "../engine/test-engine.ts";

export interface Scene {
  readonly name: string;
  readonly path: string;
  readonly prepare?: (engine: TestEngine) => void;
  /** What a person does then. Run by the test, not by the page. */
  readonly act?: (page: Page) => Promise<void>;
  /** The app does not start at all. */
  readonly blocked?: "insecure" | "old-browser";
}
