import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { NOT_READ, READ_BY, vectorsOf } from "./vectors.ts";

const FOLDER = new URL("../../../tests/vectors/", import.meta.url);

const textOf = (address: URL): string => readFileSync(address, "utf8");
const table = textOf(new URL("README.md", FOLDER));

function vectorFiles(): { folder: string; kind: string }[] {
  return readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json"))
    .map((path) => ({ folder: path.split("/")[0]!, kind: JSON.parse(textOf(new URL(path, FOLDER))).kind }));
}

describe("the vectors that Python reads", () => {
  it("are read here too, but for the kinds that their table excepts", () => {
    const unread = vectorFiles().filter(({ folder, kind }) => !(folder in READ_BY) && !NOT_READ.includes(kind));
    expect(unread).toEqual([]);
    for (const kind of NOT_READ) expect(table).toContain(`\`${kind}\`: Python alone`);
  });

  it.each(Object.entries(READ_BY))("of %s are read by the tests of %s", (room, file) => {
    expect(vectorsOf(room as keyof typeof READ_BY)).not.toEqual([]);
    expect(textOf(new URL(`${file}.test.ts`, import.meta.url))).toContain(`"${room}"`);
  });
});
