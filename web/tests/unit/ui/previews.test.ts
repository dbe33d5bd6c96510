import { describe, expect, test } from "vitest";

import { readScan } from "../../../src/features/report/preview/dicom.ts";
import { readFhir } from "../../../src/features/report/preview/fhir.ts";
import { decodeText, mostCharacters } from "../../../src/features/report/preview/text.ts";
import { fileKindOf } from "../../../src/ui/file-kinds.ts";
import { fhir, makeDicom } from "../../screens/engine/contents.ts";

describe("FHIR as a page", () => {
  const parts = readFhir(JSON.parse(fhir)) ?? [];

  test("has a part for each resource, named by what it is about", () => {
    expect(parts.map(({ heading }) => heading)).toEqual([
      "Patient: Mira Halvorsen",
      "Observation: Haemoglobin",
      "Medication request",
    ]);
  });

  test("shows values with their units and says nothing about them", () => {
    expect(parts[1]?.lines).toContainEqual({ name: "Value quantity", value: "132 g/L" });
    expect(parts[1]?.lines).toContainEqual({ name: "Reference range › Low", value: "120 g/L" });
  });

  test("leaves out the HTML that came along", () => {
    expect(JSON.stringify(parts)).not.toContain("onerror");
  });

  test("is not tried on other JSON", () => {
    expect(readFhir({ name: "something" })).toBeNull();
    expect(readFhir([1, 2])).toBeNull();
    expect(readFhir(null)).toBeNull();
    expect(readFhir("Patient")).toBeNull();
  });

  test("ends however deep a file goes and however many resources it has", () => {
    let deep: unknown = { unknown: [{}] };
    for (let i = 0; i < 5000; i += 1) deep = { a: deep };
    expect(readFhir({ resourceType: "Patient", deep })).toHaveLength(1);
    const entry = Array.from({ length: 5000 }, () => ({ resource: { resourceType: "Observation" } }));
    expect(readFhir({ resourceType: "Bundle", entry })?.length).toBeLessThanOrEqual(200);
  });
});

describe("DICOM", () => {
  const scan = readScan(makeDicom());

  test("shows the header in words", () => {
    expect(Object.fromEntries(scan.header.map(({ tag, value }) => [tag, value]))).toEqual({
      patient: "Halvorsen Mira",
      date: "20261104",
      modality: "MR",
      body: "KNEE",
      institution: "St Brigid Hospital",
    });
  });

  test("draws the first frame from its darkest to its lightest point", () => {
    expect(scan.frame).toMatchObject({ width: 64, height: 64 });
    const pixels = scan.frame!.pixels;
    const at = (x: number, y: number): number => pixels[4 * (64 * y + x)]!;
    expect(at(0, 0)).toBe(0);
    expect(at(13, 32)).toBe(255);
    expect(at(32, 32)).toBeGreaterThan(0);
    expect(pixels[3]).toBe(255);
  });

  test("that ends before its picture does shows the header alone", () => {
    const whole = makeDicom();
    const cut = new Uint8Array(whole.length);
    cut.set(whole);
    cut[whole.length - 64 * 64 * 2 - 4] = 16; // a picture of 16 bytes
    cut[whole.length - 64 * 64 * 2 - 3] = 0;
    let frame: unknown = null;
    try {
      frame = readScan(cut).frame;
    } catch {
      // Refused whole is as good.
    }
    expect(frame).toBeNull();
  });

  test("that is something else is refused", () => {
    expect(() => readScan(new TextEncoder().encode("%PDF-1.4 and so on"))).toThrow();
  });
});

describe("text", () => {
  test("is read as UTF-8, as UTF-16 where it says so, else byte by byte", () => {
    expect(decodeText(new TextEncoder().encode("Größe")).text).toBe("Größe");
    expect(decodeText(new Uint8Array([0xff, 0xfe, 0x47, 0x00, 0x72, 0x00])).text).toBe("Gr");
    expect(decodeText(new Uint8Array([0x47, 0xf6])).text).toBe("Gö");
  });

  test("is cut where a page would stand still", () => {
    const { text, isCut } = decodeText(new Uint8Array(mostCharacters + 1).fill(0x61));
    expect([text.length, isCut]).toEqual([mostCharacters, true]);
  });
});

test("an SVG or HTML file counts as text: it is never shown as what it would do", () => {
  expect(fileKindOf("image/svg+xml")).toBe("text");
  expect(fileKindOf("text/html")).toBe("text");
  expect(fileKindOf("application/xhtml+xml")).toBe("text");
  expect(fileKindOf("application/fhir+json")).toBe("data");
  expect(fileKindOf("application/octet-stream")).toBe("other");
});
