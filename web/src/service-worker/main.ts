/**
 * Keeps the app's own files for when there is no network. Nothing of the vault is ever kept here:
 * API and gateway answers pass by untouched.
 */
import { Shell } from "./shell.ts";

declare const self: ServiceWorkerGlobalScope;
/** Written in by the build (vite.config.ts): a digest of the names of all assets, and those. */
declare const HYGIEIA_BUILD: string;
declare const HYGIEIA_ASSETS: readonly string[];

const shell = new Shell(
  {
    caches: self.caches,
    fetch: (...args) => self.fetch(...args),
    room: async () => {
      const { quota = 0, usage = 0 } = await self.navigator.storage.estimate();
      return quota - usage;
    },
    pages: async () => (await self.clients.matchAll({ type: "window", includeUncontrolled: true })).length,
  },
  HYGIEIA_BUILD,
  HYGIEIA_ASSETS,
);

self.addEventListener("install", (event) => {
  event.waitUntil(shell.keepPage().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate" && !isServers(pathname)) event.respondWith(shell.page(request));
  else if (pathname.startsWith("/assets/")) event.respondWith(shell.asset(request));
});

self.addEventListener("message", (event) => {
  const { data } = event as { data: unknown };
  if (!isKeepAll(data)) return;
  // The network went, or there is no more room: the next opening of a vault goes on with it.
  event.waitUntil(shell.keepAll(data.entry).catch(() => undefined));
});

function isKeepAll(data: unknown): data is { kind: "keep-all"; entry: string } {
  const { kind, entry } = (data ?? {}) as { kind?: unknown; entry?: unknown };
  return kind === "keep-all" && typeof entry === "string";
}

function isServers(pathname: string): boolean {
  return /^\/(?:api|ipfs|ipns|metrics|healthz|readyz)(?:\/|$)/.test(pathname);
}
