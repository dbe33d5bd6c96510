/**
 * Keeps the app's own files for when there is no network. Nothing of the vault is ever kept here:
 * API and gateway answers pass by untouched.
 */
declare const self: ServiceWorkerGlobalScope;

const SHELL = "/";
const PREFIX = "hygieia-app-";
/** The build's own name: hashed assets never change, the page that names them does. */
const CACHE = `${PREFIX}1`;

self.addEventListener("install", (event) => {
  event.waitUntil(keepShell().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate" && !isServers(pathname)) event.respondWith(page(request));
  else if (pathname.startsWith("/assets/")) event.respondWith(asset(request));
});

function isServers(pathname: string): boolean {
  return /^\/(?:api|ipfs|ipns|metrics|healthz|readyz)(?:\/|$)/.test(pathname);
}

async function keepShell(): Promise<void> {
  const response = await fetch(SHELL, { cache: "no-store" });
  if (response.ok) await (await caches.open(CACHE)).put(SHELL, response);
}

async function dropOthers(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  }
}

/** The newest page while there is a network, the kept one without. */
async function page(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok && new URL(request.url).pathname === SHELL) await cache.put(SHELL, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(SHELL);
    if (kept !== undefined) return kept;
    throw error;
  }
}

/** Assets are named by their content: what is kept is right. */
async function asset(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept !== undefined) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

export {};
