// Small files of each kind that a preview knows, made here so that no binary lies in the repository.

/** What says that a PDF is encrypted (ISO 32000, 7.6): the checks in it fit no password at all. */
const pdfLock = ` /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <${"5a".repeat(32)}> /U <${"a5".repeat(32)}> >> /ID [<00> <00>]`;

/** A PDF of two pages (ISO 32000), one line of text on each, in a font that every reader has. */
export function makePdf({ isLocked = false } = {}): Uint8Array<ArrayBuffer> {
  const text = (words: string): string => `BT /F1 20 Tf 60 760 Td (${words}) Tj 0 -40 Td /F1 12 Tf (Haemoglobin   132 g/L) Tj ET`;
  const page = (content: number): string =>
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 7 0 R >> >> /Contents ${String(content)} 0 R >>`;
  const stream = (words: string): string => `<< /Length ${String(words.length)} >>\nstream\n${words}\nendstream`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R 5 0 R] /Count 2 >>",
    page(4),
    stream(text("Complete blood count")),
    page(6),
    stream(text("Second page")),
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ];
  let file = "%PDF-1.4\n";
  const offsets = objects.map((object, index) => {
    const offset = file.length;
    file += `${String(index + 1)} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const xref = file.length;
  file += `xref\n0 ${String(objects.length + 1)}\n0000000000 65535 f \n`;
  file += offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  file += `trailer\n<< /Size ${String(objects.length + 1)} /Root 1 0 R${isLocked ? pdfLock : ""} >>\nstartxref\n${String(xref)}\n%%EOF\n`;
  return new TextEncoder().encode(file);
}

export const fhir = JSON.stringify({
  resourceType: "Bundle",
  type: "document",
  entry: [
    { resource: { resourceType: "Patient", name: [{ family: "Halvorsen", given: ["Mira"] }], birthDate: "1980-04-02" } },
    {
      resource: {
        resourceType: "Observation",
        status: "final",
        code: { coding: [{ system: "http://loinc.org", code: "718-7", display: "Haemoglobin" }] },
        effectiveDateTime: "2026-11-12",
        valueQuantity: { value: 132, unit: "g/L" },
        referenceRange: [{ low: { value: 120, unit: "g/L" }, high: { value: 150, unit: "g/L" } }],
      },
    },
    {
      resource: {
        resourceType: "MedicationRequest",
        status: "active",
        medicationCodeableConcept: { text: "Ramipril 5 mg" },
        dosageInstruction: [{ text: "One in the morning" }],
        text: { status: "generated", div: "<div><img src=x onerror=alert(1)></div>" },
      },
    },
  ],
});

/** A DICOM file (PS3.10, explicit little endian) with one grey frame of 64 × 64 points, a disc in the middle. */
export function makeDicom(): Uint8Array<ArrayBuffer> {
  const size = 64;
  const parts: number[] = [...Array<number>(128).fill(0), ...bytesOf("DICM")];
  const short = (value: number): number[] => [value & 255, value >> 8];
  const long = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
  const element = (group: number, id: number, kind: string, value: readonly number[]): void => {
    const even = value.length % 2 === 0 ? value : [...value, kind === "UI" ? 0 : 32];
    const length = kind === "OW" ? [0, 0, ...long(even.length)] : short(even.length);
    parts.push(...short(group), ...short(id), ...bytesOf(kind), ...length, ...even);
  };
  element(0x0002, 0x0010, "UI", bytesOf("1.2.840.10008.1.2.1"));
  element(0x0008, 0x0020, "DA", bytesOf("20261104"));
  element(0x0008, 0x0060, "CS", bytesOf("MR"));
  element(0x0008, 0x0080, "LO", bytesOf("St Brigid Hospital"));
  element(0x0010, 0x0010, "PN", bytesOf("Halvorsen^Mira"));
  element(0x0018, 0x0015, "CS", bytesOf("KNEE"));
  element(0x0028, 0x0002, "US", short(1));
  element(0x0028, 0x0004, "CS", bytesOf("MONOCHROME2"));
  element(0x0028, 0x0010, "US", short(size));
  element(0x0028, 0x0011, "US", short(size));
  element(0x0028, 0x0100, "US", short(16));
  element(0x0028, 0x0103, "US", short(0));
  const frame: number[] = [];
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) frame.push(...short(Math.hypot(x - 32, y - 32) < 20 ? 4000 - 60 * x : 100));
  }
  element(0x7fe0, 0x0010, "OW", frame);
  return new Uint8Array(parts);
}

function bytesOf(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}
