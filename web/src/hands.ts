/** The workers beside the engine's own: each does one thing, and holds no key. */
import courier from "./api/courier-worker.ts?worker&url";
import digest from "./crypto/digest-worker.ts?worker&url";
import hash from "./ipld/hash-worker.ts?worker&url";
import { scriptPolicy } from "./trusted-scripts.ts";

const SCRIPTS = { courier, digest, hash } as const;
const trusted = scriptPolicy("hygieia-worker", Object.values(SCRIPTS));

/** What each may reach, the server says by its name (hygieia/server/web_app.py). */
export function startHand(name: keyof typeof SCRIPTS): Worker {
  return new Worker(trusted(SCRIPTS[name]), { type: "module" });
}
