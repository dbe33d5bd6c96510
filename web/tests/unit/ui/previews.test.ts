import { describe, expect, test } from "vitest";

import { readScan } from "../../../src/features/report/preview/dicom.ts";
import { readFhir } from "../../../src/features/report/preview/fhir.ts";
import { pictureSize } from "../../../src/features/report/preview/picture-size.ts";
import { decodeText, mostCharacters } from "../../../src/features/report/preview/text.ts";
import { fileKindOf } from "../../../src/ui/file-kinds.ts";
import { fhir, makeDicom } from "../../screens/engine/contents.ts";

describe("FHIR as a page", () => {
  const parts = readFhir(JSON.parse(fhir))?.parts ?? [];
  const shown = (json: unknown): string => JSON.stringify(readFhir(json)?.parts);

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
    expect(readFhir({ resourceType: "Patient", deep })).toMatchObject({ parts: [{}], isCut: true });
    const entry = Array.from({ length: 5000 }, () => ({ resource: { resourceType: "Observation" } }));
    const page = readFhir({ resourceType: "Bundle", entry });
    expect(page?.parts.length).toBeLessThanOrEqual(200);
    expect(page?.isCut).toBe(true);
    expect(readFhir(JSON.parse(fhir))?.isCut).toBe(false);
  });

  const dose = { value: 5, unit: "mg" };
  test.each([
    [
      "how much of a medicine, the most, and what is told to the patient",
      {
        resourceType: "MedicationRequest",
        dosageInstruction: [
          {
            text: "As prescribed",
            patientInstruction: "Never with alcohol",
            doseAndRate: [{ doseQuantity: dose }],
            maxDosePerPeriod: { numerator: { value: 10, unit: "mg" }, denominator: { value: 1, unit: "d" } },
          },
        ],
      },
      ["As prescribed", "Never with alcohol", "5 mg", "10 mg", "1 d"],
    ],
    [
      "the answers beside the questions",
      { resourceType: "QuestionnaireResponse", item: [{ text: "Allergic to penicillin?", answer: [{ valueBoolean: true }] }] },
      ["Allergic to penicillin?", '"true"'],
    ],
    [
      "for whom a range is, and the range",
      { resourceType: "Observation", referenceRange: [{ low: { value: 3.5 }, high: { value: 5.1 }, text: "adults" }] },
      ["3.5", "5.1", "adults"],
    ],
    [
      "a medicine that is contained in its prescription",
      {
        resourceType: "MedicationRequest",
        medicationReference: { reference: "#m" },
        contained: [{ resourceType: "Medication", id: "m", code: { text: "Warfarin 5 mg" } }],
      },
      ["Medication: Warfarin 5 mg (#m)"],
    ],
    [
      "words of one's own and those of the code",
      { resourceType: "AllergyIntolerance", code: { text: "Pills", coding: [{ system: "s", code: "1", display: "Penicillin" }] } },
      ["Pills / Penicillin"],
    ],
    [
      "since when an address is an old one",
      { resourceType: "Patient", telecom: [{ system: "phone", value: "555 1", use: "old", period: { end: "2019" } }] },
      ["555 1", "old", "2019"],
    ],
    [
      "what a section says in prose",
      { resourceType: "Composition", section: [{ title: "Plan", text: { status: "additional", div: "<div>Stop <b>today</b></div>" } }] },
      ["Plan", "Stop today"],
    ],
    [
      "what a narrative adds",
      { resourceType: "Patient", text: { status: "additional", div: "<div>Deaf in one ear</div>" } },
      ["Deaf in one ear"],
    ],
  ])("shows %s", (_, json, written) => {
    for (const words of written) expect(shown(json)).toContain(words);
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

describe("how large a picture is, by its head", () => {
  const numbered = (...octets: number[]): Uint8Array => Uint8Array.from([...octets, ...new Array<number>(24).fill(0)]);

  test.each([
    ["PNG", [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0xea, 0x60, 0, 0, 1, 0], 60_000, 256],
    ["GIF", [0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0x10, 0x27, 2, 0], 10_000, 2],
    ["JPEG behind other segments", [0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xff, 0xc2, 0, 17, 8, 0, 3, 0xff, 0xfe], 65_534, 3],
    ["BMP that stands on its head", [0x42, 0x4d, ...new Array<number>(16).fill(0), 5, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff], 5, 2],
    ["lossless WebP", [0x52, 0x49, 0x46, 0x46, 0, 0, 0, 0, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x4c, 0, 0, 0, 0, 0x2f, 0x03, 0x40, 0, 0], 4, 2],
    ["extended WebP", [0x52, 0x49, 0x46, 0x46, 0, 0, 0, 0, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x58, ...new Array<number>(8).fill(0), 9, 0, 0, 6, 0, 1], 10, 65_543],
  ])("of a %s", (_kind, octets, width, height) => {
    expect(pictureSize(numbered(...octets))).toEqual({ width, height });
  });

  test.each([
    ["nothing", []],
    ["text", [...Buffer.from("just some words of a letter")]],
    ["a JPEG without a frame", [0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0]],
  ])("of %s is not known", (_what, octets) => {
    expect(pictureSize(Uint8Array.from(octets))).toBeNull();
  });

  test.each([0, 3, 7, 12, 20])("of a head cut at %i is not known", (length) => {
    expect(pictureSize(numbered(0x89, 0x50, 0x4e, 0x47).subarray(0, length))).toBeNull();
  });
});
