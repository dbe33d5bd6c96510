/** What a person has set in this browser; none of it is secret, and it outlives the account. */
import { Source } from "../engine/feed.ts";
import type { Settings } from "../engine/interface.ts";
import { LIMITS } from "../limits.ts";
import { invalid } from "../refusal.ts";
import { isUrl } from "../vault/kit.ts";
import type { Store } from "./store.ts";

const DEFAULTS: Settings = {
  gateways: [],
  lockMinutes: 15,
  theme: "system",
  language: "system",
  isSlashSearch: true,
};

export class Preferences {
  readonly view = new Source<Settings>(DEFAULTS);
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  get current(): Settings {
    return this.view.current;
  }

  async load(): Promise<void> {
    this.view.set({ ...DEFAULTS, ...(await this.store.settings()) });
  }

  /** Keeps a change; throws `invalid-input` and changes nothing when it cannot be. */
  async change(change: Partial<Settings>): Promise<void> {
    const settings = { ...this.current, ...change };
    if (settings.gateways.length > LIMITS.MAX_GATEWAYS || !settings.gateways.every(isUrl)) {
      throw invalid("gateways", "shape", "A gateway is an address that begins with https:// or http://.");
    }
    if (!(settings.lockMinutes >= 1 && settings.lockMinutes <= 240)) {
      throw invalid("lockMinutes", "shape", "The vault locks after 1 to 240 minutes.");
    }
    await this.store.saveSettings(settings);
    this.view.set(settings);
  }
}
