/** Contents of a length that was said before they came. */
import { describe, expect, it } from "vitest";
import { equal } from "../../src/bytes.ts";
import { decryptBytes, encryptBytes, makeSalt, PayloadWriter } from "../../src/crypto/payload.ts";

const MIB = 2 ** 20;
const SESSION_KEY = new Uint8Array(32).fill(7);
/** Begins the literal packet's body, before the content. */
const LITERAL_START_BYTES = 6;

const contentOf = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).map((_, i) => i % 251);

async function writing(sizeBytes: number, pieces: readonly number[]): Promise<void> {
  const writer = await PayloadWriter.make(SESSION_KEY, makeSalt(), { sizeBytes }, () => {});
  for (const length of pieces) await writer.write(contentOf(length));
  await writer.finish();
}

describe("a content", () => {
  it("comes back the same where it fills its last part, and an octet to either side", async () => {
    for (const full of [LITERAL_START_BYTES, MIB, 2 * MIB].map((bytes) => bytes - LITERAL_START_BYTES)) {
      for (const length of [full - 1, full, full + 1].filter((each) => each >= 0)) {
        const content = contentOf(length);
        const leaves = await encryptBytes(content, SESSION_KEY);
        expect(leaves.slice(0, -1).every((leaf) => leaf.length === MIB)).toBe(true);
        expect(equal(await decryptBytes(leaves, SESSION_KEY, length), content)).toBe(true);
      }
    }
  });

  it("is refused when it is longer than was said, or shorter", async () => {
    await writing(100, [60, 40]);
    await expect(writing(100, [60, 41])).rejects.toMatchObject({ code: "content-changed" });
    await expect(writing(100, [60, 39])).rejects.toMatchObject({ code: "content-changed" });
  });
});
