/** Titles out of file names and folders, as hygieia/vault/words.py makes them. */
import { describe, expect, it } from "vitest";
import { utf8Length } from "../../src/bytes.ts";
import { LIMITS } from "../../src/limits.ts";
import { isTitle, titleFromPath } from "../../src/vault/words.ts";
import { Job } from "../../src/worker/upload-jobs.ts";

describe("the title of a file below a folder", () => {
  it("tells the way to it, without the file's ending", () => {
    expect(titleFromPath(["cardiology", "2024"], "scan.pdf")).toBe("cardiology/2024/scan");
    expect(titleFromPath([], "scan.pdf")).toBe("scan");
  });

  it("has no control characters, nor more than one space, from the folders' names", () => {
    expect(titleFromPath(["a\u0007b", "  c \n d "], "e.txt")).toBe("a b/c d/e");
  });

  it("keeps the folders nearest to the file where the way is too long", () => {
    const long = "x".repeat(LIMITS.MAX_TITLE_BYTES - 9);
    expect(titleFromPath(["far", long, "near"], "scan.pdf")).toBe("near/scan");
    const all = titleFromPath(Array.from({ length: 500 }, (_, place) => `é${place}`), "scan.pdf");
    expect(utf8Length(all)).toBeLessThanOrEqual(LIMITS.MAX_TITLE_BYTES);
    expect(isTitle(all)).toBe(true);
    expect(all.endsWith("é499/scan")).toBe(true);
  });

  it("is what a report gets that was added with its folder, unless somebody gave it one", () => {
    const file = new File(["x"], "scan.pdf");
    expect(Job.of({ file, path: "cardiology/2024" }, null).labels).toMatchObject({
      title: "cardiology/2024/scan",
      fileName: "scan.pdf",
    });
    expect(Job.of({ file, path: "cardiology", title: "Mine" }, null).labels.title).toBe("Mine");
    expect(Job.of({ file }, null).labels.title).toBeNull();
  });
});
