/**
 * The app's own files, kept for when there is no network. Each build has a cache of its own: assets are
 * named by their content, and the page that names them goes with them. A page of an earlier build that
 * is still open finds its parts in that build's cache, which goes once nobody can need it any more.
 */
const PREFIX = "hygieia-app-";
const SHELL = "/";
/** Stands in a cache once all parts of its build do. */
const WHOLE = "/whole";
/** A person's reports come first: with less room than this, parts are kept only as they are used. */
const SPARE_BYTES = 200_000_000;

/** What a service worker has around it, in as far as it is used here. */
export interface Surroundings {
  readonly caches: CacheStorage;
  readonly fetch: typeof fetch;
  /** How much room there still is, in bytes. */
  readonly room: () => Promise<number>;
  /** How many pages of the app are open. */
  readonly pages: () => Promise<number>;
}

export class Shell {
  private readonly around: Surroundings;
  private readonly name: string;
  private readonly assets: readonly string[];

  /** `build` names the build, `assets` are the paths of all its hashed files. */
  constructor(around: Surroundings, build: string, assets: readonly string[]) {
    this.around = around;
    this.name = PREFIX + build;
    this.assets = assets;
  }

  /** Keeps the page of this build; throws where the server has it not now, or not any more. */
  async keepPage(): Promise<void> {
    const response = await this.around.fetch(SHELL, { cache: "no-store" });
    if (!response.ok) throw new TypeError("The page is missing at the server.");
    // Some of its scripts may be the same in another build: all have to be of this one.
    const scripts = [...(await response.clone().text()).matchAll(/ src="([^"]*)"/g)];
    const isOurs = scripts.length > 0 && scripts.every(([, path]) => this.assets.includes(path!));
    if (!isOurs) throw new TypeError("The page is of another build.");
    await (await this.cache()).put(SHELL, response);
  }

  /** The newest page while there is a network; without, the kept one of a build that is there whole. */
  async page(request: Request): Promise<Response> {
    try {
      return await this.around.fetch(request);
    } catch (error) {
      const kept = await this.keptPage();
      if (kept !== undefined) return kept;
      throw error;
    }
  }

  private async keptPage(): Promise<Response | undefined> {
    const { caches } = this.around;
    for (const name of [this.name, ...(await this.others())]) {
      const cache = await caches.open(name);
      const page = await cache.match(SHELL);
      if (page !== undefined && (await cache.match(WHOLE)) !== undefined) return page;
    }
    return caches.match(SHELL, { cacheName: this.name });
  }

  /** Assets are named by their content: what any build has kept is right. */
  async asset(request: Request): Promise<Response> {
    const kept = await this.kept(request);
    if (kept !== undefined) return kept;
    const response = await this.around.fetch(request);
    if (isPart(response)) {
      const part = response.clone();
      // A device that is full keeps no part, and the page goes on with what the network gave.
      await this.cache().then((cache) => cache.put(request, part)).catch(() => undefined);
    }
    return response;
  }

  private async kept(request: Request | string): Promise<Response | undefined> {
    const { caches } = this.around;
    for (const name of [this.name, ...(await this.others())]) {
      const kept = await caches.match(request, { cacheName: name });
      if (kept !== undefined) return kept;
    }
    return undefined;
  }

  /**
   * Keeps all parts of this build, one after the other, for a page that began with the script `entry`;
   * a page of another build has its parts elsewhere. Then what is kept of other builds goes, unless
   * another page is open, which may be of one of them.
   */
  async keepAll(entry: string): Promise<void> {
    if (!this.assets.includes(entry)) return;
    const cache = await this.cache();
    if ((await cache.match(WHOLE)) === undefined) {
      if ((await this.around.room()) < SPARE_BYTES) return;
      for (const path of this.assets) await this.keep(cache, path);
      await cache.put(WHOLE, new Response(null));
    }
    if ((await this.around.pages()) > 1) return;
    for (const name of await this.others()) await this.around.caches.delete(name);
  }

  private async keep(cache: Cache, path: string): Promise<void> {
    if ((await cache.match(path)) !== undefined) return;
    // As the page asks for it: so it is in the browser's own cache too, where the engine's worker looks.
    const response = (await this.kept(path)) ?? (await this.around.fetch(path, { priority: "low" } as RequestInit));
    if (!isPart(response)) throw new TypeError("A part of the app is missing at the server.");
    await cache.put(path, response);
  }

  private cache(): Promise<Cache> {
    return this.around.caches.open(this.name);
  }

  private async others(): Promise<string[]> {
    const names = await this.around.caches.keys();
    return names.filter((name) => name.startsWith(PREFIX) && name !== this.name).reverse();
  }
}

/** A page in a part's place is somebody's who stands in between: a proxy's, or a network's that asks for a sign-in. */
function isPart({ ok, headers }: Response): boolean {
  return ok && headers.get("content-type")?.startsWith("text/html") !== true;
}
