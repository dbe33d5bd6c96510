import { describe, it } from "vitest";
import { Trail } from "../../src/vault/activity.ts";
import { judge, vectorsOf, type Vector } from "./vectors.ts";

async function read({ account, anchor, lines }: Vector): Promise<Vector> {
  const trail = new Trail(account, anchor);
  for (const line of lines as string[]) await trail.take(line);
  return { entries: lines.length, head: trail.head };
}

describe("the vectors of activity", () => {
  it.each(vectorsOf("activity"))("$name gives its verdict", async ({ vector }) => {
    await judge(vector, read);
  });
});
