// Addresses of the app's pages. They hold ids only: a title or a name in an address would end up in histories and logs.

import { isHeld, leaveBy } from "../ui/leaving.ts";

const reportId = /^[0-9a-f]{32}$/;
const keyId = /^[0-9a-f]{64}$/;

export const reportTabs = ["preview", "details", "sharing", "versions", "verify"] as const;
export type ReportTab = (typeof reportTabs)[number];

export type Route =
  | { readonly page: "home" }
  | { readonly page: "sign-up" }
  | { readonly page: "sign-in" }
  | { readonly page: "reset" }
  | { readonly page: "reports"; readonly report?: string; readonly tab?: ReportTab }
  | { readonly page: "shared" }
  /** `person` is a key id: that person is open beside the list. */
  | { readonly page: "people"; readonly person?: string }
  | { readonly page: "activity" }
  | { readonly page: "more" }
  | { readonly page: "trash" }
  | { readonly page: "copies" }
  | { readonly page: "security" }
  | { readonly page: "settings" };

type Plain = Exclude<Route["page"], "home" | "reports" | "people">;
const plain: readonly Plain[] = [
  "sign-up",
  "sign-in",
  "reset",
  "shared",
  "activity",
  "more",
  "trash",
  "copies",
  "security",
  "settings",
];

function isTab(text: string | undefined): text is ReportTab {
  return reportTabs.some((tab) => tab === text);
}

/** The route that a path names; an unknown path is home. */
export function parsePath(path: string): Route {
  const [first, second, third, ...rest] = path.split("/").filter((part) => part !== "");
  if (rest.length > 0) return { page: "home" };
  if (first === "reports") {
    if (second === undefined) return { page: "reports" };
    if (!reportId.test(second)) return { page: "reports" };
    return isTab(third) ? { page: "reports", report: second, tab: third } : { page: "reports", report: second };
  }
  if (first === "people" && third === undefined) {
    return second !== undefined && keyId.test(second) ? { page: "people", person: second } : { page: "people" };
  }
  const page = plain.find((name) => name === first);
  return page !== undefined && second === undefined ? { page } : { page: "home" };
}

/** The path of a route. */
export function pathOf(route: Route): string {
  if (route.page === "home") return "/";
  if (route.page === "people") return route.person === undefined ? "/people" : `/people/${route.person}`;
  if (route.page !== "reports") return `/${route.page}`;
  const parts = ["reports", route.report, route.report === undefined ? undefined : route.tab];
  return `/${parts.filter((part) => part !== undefined).join("/")}`;
}

let current: Route = $state.raw({ page: "home" });

/** Where the app is. */
export function route(): Route {
  return current;
}

/** The browser's entry that the page shows, counted from where it began: tells Back from Forward, and how far. */
let entry = 0;
/** How far the browser went while the page was held; it is taken back first, and asked about then. */
let wanted: number | undefined;

function state(): { entry: number } {
  return { entry };
}

/** Go to a page. `replace` leaves no step for the Back button. */
export function go(to: Route, options: { replace?: boolean } = {}): void {
  current = to;
  if (options.replace !== true) entry += 1;
  if (options.replace === true) history.replaceState(state(), "", pathOf(to));
  else history.pushState(state(), "", pathOf(to));
}

/** Follow the address bar, and links inside the app. Returns what undoes it. */
export function startRouter(): () => void {
  current = parsePath(location.pathname);
  entry = entryOf(history.state) ?? 0;
  history.replaceState(state(), "");
  const onClick = (event: MouseEvent): void => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || !isInside(link) || isForAnotherTab(event)) return;
    event.preventDefault();
    const to = parsePath(link.pathname);
    leaveBy(() => go(to));
  };
  addEventListener("popstate", onBack);
  document.addEventListener("click", onClick);
  return () => {
    removeEventListener("popstate", onBack);
    document.removeEventListener("click", onClick);
  };
}

/** The browser is at another entry: the page follows, unless something typed there would be lost. */
function onBack(): void {
  const to = entryOf(history.state);
  const steps = (to ?? entry + 1) - entry;
  if (steps === 0 && wanted !== undefined) {
    const again = wanted;
    wanted = undefined;
    leaveBy(() => history.go(again));
    return;
  }
  if (steps !== 0 && isHeld()) {
    wanted = steps;
    history.go(-steps);
    return;
  }
  entry += steps;
  if (to === undefined) history.replaceState(state(), ""); // a place in the page, such as the start of its main part
  current = parsePath(location.pathname);
}

function entryOf(kept: unknown): number | undefined {
  return (kept as { entry?: number } | null)?.entry;
}

function isInside(link: HTMLAnchorElement): boolean {
  const href = link.getAttribute("href") ?? "";
  return href.startsWith("/") && !href.startsWith("/api/") && link.target === "" && !link.hasAttribute("download");
}

function isForAnotherTab(event: MouseEvent): boolean {
  return event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
}
