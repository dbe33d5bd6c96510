import { describe, expect, test } from "vitest";

import { parsePath, pathOf, type Route } from "../../../src/app/router.svelte.ts";
import { twoGroups } from "../../../src/features/kit/groups.ts";
import { parseGateway } from "../../../src/features/settings/gateway.ts";

const id = "0123456789abcdef0123456789abcdef";

describe("an address", () => {
  const routes: readonly Route[] = [
    { page: "home" },
    { page: "sign-up" },
    { page: "sign-in" },
    { page: "reset" },
    { page: "reports" },
    { page: "reports", report: id },
    { page: "reports", report: id, tab: "verify" },
    { page: "reports", report: id, tab: "sharing" },
    { page: "shared" },
    { page: "people" },
    { page: "people", person: id + id },
    { page: "activity" },
    { page: "more" },
    { page: "trash" },
    { page: "copies" },
    { page: "security" },
    { page: "settings" },
  ];
  test.each(routes)("of $page leads back to it", (route) => {
    expect(parsePath(pathOf(route))).toEqual(route);
  });

  test("that is not known leads home", () => {
    expect(parsePath("/nothing")).toEqual({ page: "home" });
    expect(parsePath("/settings/more")).toEqual({ page: "home" });
    expect(parsePath(`/reports/${id}/verify/more`)).toEqual({ page: "home" });
  });

  test("with what is no key leads to the people", () => {
    expect(parsePath(`/people/${id}`)).toEqual({ page: "people" });
    expect(parsePath("/people/mira@halvorsen.example")).toEqual({ page: "people" });
    expect(parsePath(`/people/${id}${id}/more`)).toEqual({ page: "home" });
  });

  test("with what is no id leads to the list", () => {
    expect(parsePath("/reports/%2e%2e")).toEqual({ page: "reports" });
    expect(parsePath("/reports/../../secret")).toEqual({ page: "home" });
    expect(parsePath(`/reports/${id}/nonsense`)).toEqual({ page: "reports", report: id });
  });
});

describe("a gateway", () => {
  test.each([
    ["https://ipfs.example.org", "https://ipfs.example.org"],
    ["ipfs.example.org", "https://ipfs.example.org"],
    ["https://ipfs.example.org:8443/", "https://ipfs.example.org:8443"],
    ["https://ipfs.example.org/ipfs/", "https://ipfs.example.org"],
    ["http://localhost:8080", "http://localhost:8080"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
  ])("%s is %s", (typed, origin) => {
    expect(parseGateway(typed)).toBe(origin);
  });

  test.each([
    "",
    "nothing like it",
    "http://ipfs.example.org",
    "https://user:word@ipfs.example.org",
    "https://ipfs.example.org/some/path",
    "https://ipfs.example.org/?query",
    "https://ipfs.example.org/#part",
    "ftp://ipfs.example.org",
    "javascript:alert(1)",
  ])("%j is none", (typed) => {
    expect(parseGateway(typed)).toBeNull();
  });
});

test("two groups are different, from 1 to 8, the smaller first, and every pair comes up", () => {
  const pairs = new Set<string>();
  for (let i = 0; i < 3000; i += 1) {
    const [a, b] = twoGroups();
    expect(a).toBeGreaterThanOrEqual(1);
    expect(b).toBeLessThanOrEqual(8);
    expect(a).toBeLessThan(b);
    pairs.add(`${String(a)} ${String(b)}`);
  }
  expect(pairs.size).toBe(28); // a fair choice misses one of them once in 10^46 runs
});
