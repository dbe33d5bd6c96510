/** What comes and goes with a vault, where none can be read. */
import { expect, it } from "vitest";
import type { Uploads } from "../../src/engine/interface.ts";
import { Door } from "../../src/worker/door.ts";
import type { Session } from "../../src/worker/session.ts";

type Parts = ConstructorParameters<typeof Door>[0];

const SESSION = { key: { close: () => {} }, profile: { email: "ana@example.org" } } as unknown as Session;
const VIEW: Uploads = { items: [], totalBytes: 7, sentBytes: 0, secondsLeft: null, isPaused: false };

it("tells nothing of the uploads of a vault that was closed, whatever still ends there", async () => {
  const store = {
    isSharedComputer: false,
    profile: () => Promise.reject(new Error("This vault cannot be read.")),
  };
  const parts = {
    store,
    transport: {},
    gateways: {},
    sessions: {},
    reach: { rest: () => {}, setWaiting: () => {} },
    preferences: { current: { lockMinutes: 15 } },
  };
  const door = new Door(parts as unknown as Parts);
  let told: Uploads | null = null;
  door.onUploads = (uploads) => (told = uploads);
  await door.open(SESSION);
  const { uploads } = door;
  uploads.view.set(VIEW);
  expect(told).toEqual(VIEW);
  door.close("asked");
  expect(told).toMatchObject({ totalBytes: 0 });
  uploads.view.set(VIEW);
  expect(told).toMatchObject({ totalBytes: 0 });
});
