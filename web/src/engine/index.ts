/** The vault for the screens: types, errors, and `startEngine` that starts the worker behind it. */
export { EngineError } from "./errors.ts";
export { registerServiceWorker, startEngine } from "./client.ts";
export type * from "./interface.ts";
