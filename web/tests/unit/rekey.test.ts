/** Which earlier revisions a re-key issues again: those that the signed notes lead back to, and no other. */
import { expect, it } from "vitest";
import { chainBefore } from "../../src/vault/rekey.ts";
import type { Report } from "../../src/vault/report.ts";

/** All of a report that the chain is made of. */
function revision(number: number, payload: string, previous: string | null): Report {
  return { meta: { revision: number, previous }, encrypted: { meta: { cid: payload } } } as unknown as Report;
}

const [first, second, third] = [revision(1, "a", null), revision(2, "b", "a"), revision(3, "c", "b")];

it("are given oldest first, however they are listed", () => {
  expect(chainBefore(third, [third, first, second])).toEqual([first, second]);
  expect(chainBefore(first, [first])).toEqual([]);
});

it("end where one is missing, and leave out what no note names", () => {
  expect(chainBefore(third, [third, first])).toEqual([]);
  expect(chainBefore(third, [second, revision(2, "x", "a"), first])).toEqual([first, second]);
});

it("end at a note that leads forward, or in a circle", () => {
  const loop = revision(2, "b", "c");
  expect(chainBefore(third, [loop, third])).toEqual([loop]);
  expect(chainBefore(third, [revision(7, "b", "a"), first])).toEqual([]);
});
