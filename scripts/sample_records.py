"""Make a folder of invented health records: real PDF, PNG, FHIR JSON, CSV and text files.

    python scripts/sample_records.py FOLDER [COUNT]

Nobody's data: every name and number is made up, and the same COUNT always gives the same files.
The demo, the by-hand guide's test and curious people use them.
"""

from __future__ import annotations

import json
import random
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

PATIENT = "Ana Probst"
SEED = 20261121
LINES_A_PAGE = 44

ANALYTES = (
    ("718-7", "Haemoglobin", 12.0, 16.0, "g/dL"),
    ("4548-4", "HbA1c", 4.5, 6.4, "%"),
    ("2160-0", "Creatinine", 0.6, 1.2, "mg/dL"),
    ("2093-3", "Cholesterol", 140.0, 240.0, "mg/dL"),
    ("3016-3", "TSH", 0.4, 4.2, "mIU/L"),
    ("1988-5", "C-reactive protein", 0.1, 8.0, "mg/L"),
)


def pdf(pages: list[list[str]]) -> bytes:
    """A PDF 1.4 file of text pages (ISO 32000-1 §7.5), with a cross-reference table."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        page = (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        content = zlib.compress(_text_stream(lines), 6)
        head = f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode()
        objects += [page.encode(), head + content + b"\nendstream"]
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return bytes(out + trailer.encode())


def _text_stream(lines: list[str]) -> bytes:
    shown = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines]
    body = "\n".join(f"({line}) Tj T*" for line in shown)
    return f"BT /F1 11 Tf 60 780 Td 16 TL\n{body}\nET".encode("cp1252", "replace")


def png(side: int, rng: random.Random) -> bytes:
    """A grey picture (PNG, 8 bits) that looks a little like an X-ray."""
    half, tilt = side / 2, rng.uniform(0.6, 1.4)
    rows = bytearray()
    for y in range(side):
        rows.append(0)
        for x in range(side):
            distance = ((x - half) ** 2 * tilt + (y - half) ** 2) ** 0.5 / half
            rows.append(max(0, min(255, int(230 - 190 * distance + rng.gauss(0, 9)))))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def laboratory_report(rng: random.Random, date: str) -> bytes:
    """A laboratory report of one to three pages."""
    lines = ["Laboratory Riverside", "", f"Patient: {PATIENT}", f"Taken: {date}", ""]
    for _ in range(rng.randrange(8, 110)):
        _, name, low, high, unit = rng.choice(ANALYTES)
        value = rng.uniform(low * 0.9, high * 1.1)
        flag = "" if low <= value <= high else "  (outside the usual range)"
        lines.append(f"{name}: {value:.1f} {unit}   usual {low}-{high}{flag}")
    return pdf([lines[i : i + LINES_A_PAGE] for i in range(0, len(lines), LINES_A_PAGE)])


def fhir_bundle(rng: random.Random, date: str) -> bytes:
    """A FHIR R4 collection of observations."""
    entries: list[dict[str, Any]] = []
    for code, name, low, high, unit in rng.sample(ANALYTES, 4):
        observation = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": name}]},
            "subject": {"display": PATIENT},
            "effectiveDateTime": date,
            "valueQuantity": {"value": round(rng.uniform(low, high), 1), "unit": unit},
        }
        entries.append({"resource": observation})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return json.dumps(bundle, indent=2).encode()


def diary(rng: random.Random, date: str) -> bytes:
    """A month of blood pressure as CSV."""
    rows = ["day,systolic,diastolic,pulse"]
    rows += [
        f"{date[:8]}{day:02d},{rng.randrange(108, 149)},{rng.randrange(65, 95)},{rng.randrange(55, 90)}"
        for day in range(1, 29)
    ]
    return ("\r\n".join(rows) + "\r\n").encode()


def letter(rng: random.Random, date: str) -> bytes:
    """A doctor's letter in a language with letters beyond ASCII."""
    finding = rng.choice(("unauffällig", "leicht vergrößert", "regelrecht", "gut verheilt"))
    return (
        f"Arztbrief vom {date}\n\nSehr geehrte Frau Kollegin,\n\nwir berichten über {PATIENT}. "
        f"Der Befund ist {finding}. Größe und Gewicht unverändert.\n\nDr. Börries Müller\n"
    ).encode()


def make_records(folder: Path, count: int) -> list[Path]:
    """Write ``count`` records into ``folder``; the same count gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)  # noqa: S311  (repeatable on purpose; nothing here is secret)
    made = []
    for number in range(count):
        date = f"{2019 + number % 8}-{1 + number % 12:02d}-{1 + number % 28:02d}"
        name, data = _record(number, rng, date)
        path = folder / name
        path.write_bytes(data)
        made.append(path)
    return made


def _record(number: int, rng: random.Random, date: str) -> tuple[str, bytes]:
    kind = number % 5
    if kind == 0:
        return f"laboratory-{date}.pdf", laboratory_report(rng, date)
    if kind == 1:
        return f"Röntgen Thorax {date}.png", png(96 + 16 * (number % 7), rng)
    if kind == 2:
        return f"observations-{date}.json", fhir_bundle(rng, date)
    if kind == 3:
        return f"blood-pressure-{date[:7]}-{number}.csv", diary(rng, date)
    return f"Arztbrief {date}.txt", letter(rng, date)


if __name__ == "__main__":
    for made_path in make_records(Path(sys.argv[1]), int((*sys.argv[2:], "12")[0])):
        print(made_path)
