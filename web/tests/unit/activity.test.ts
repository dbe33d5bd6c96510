import { describe, expect, it } from "vitest";
import { EngineError } from "../../src/refusal.ts";
import { Trail } from "../../src/vault/activity.ts";
import { vectorsOf, type Vector } from "./vectors.ts";

async function read({ account, anchor, lines }: Vector): Promise<Vector> {
  const trail = new Trail(account, anchor);
  for (const line of lines as string[]) await trail.take(line);
  return { entries: lines.length, head: trail.head };
}

describe("the vectors of activity", () => {
  it.each(vectorsOf("activity"))("$name gives its verdict", async ({ vector }) => {
    const { refused } = vector.expect;
    if (refused === undefined) {
      expect(await read(vector)).toEqual(vector.expect);
      return;
    }
    const error: unknown = await read(vector).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe(refused);
  });
});
