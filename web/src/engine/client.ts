import { EngineError } from "./errors.ts";
import type { Engine } from "./interface.ts";

/** Starts the engine's worker. Call once; the page must be a secure context. */
export function startEngine(): Engine {
  throw new EngineError("not-supported", "The engine is not built yet.");
}
