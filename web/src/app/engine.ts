// The engine that the screens use, handed down from main.ts so that tests can hand down another.

import { createContext } from "svelte";

import type { Engine } from "../engine/interface.ts";

export const [useEngine, provideEngine] = createContext<Engine>();
