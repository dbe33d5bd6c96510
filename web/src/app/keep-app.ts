// The app's parts that were not needed yet, kept for the time when nobody gives them any more.

const AT_THE_LATEST_MS = 10_000;

/**
 * Once the browser has nothing better to do, the service worker keeps all parts of the build that this
 * page is of. Not where the person asked her browser to save data. Stop with what is returned.
 */
export function keepApp(): () => void {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  const entry = document.querySelector<HTMLScriptElement>('script[type="module"][src]')?.src;
  if (!("serviceWorker" in navigator) || connection?.saveData === true || entry === undefined) return () => undefined;
  const ask = async (): Promise<void> => {
    const { active } = await navigator.serviceWorker.ready;
    active?.postMessage({ kind: "keep-all", entry: new URL(entry).pathname });
  };
  // Safari has no idle time.
  if (typeof requestIdleCallback === "undefined") {
    const timer = setTimeout(() => void ask(), AT_THE_LATEST_MS);
    return () => clearTimeout(timer);
  }
  const idle = requestIdleCallback(() => void ask(), { timeout: AT_THE_LATEST_MS });
  return () => cancelIdleCallback(idle);
}
