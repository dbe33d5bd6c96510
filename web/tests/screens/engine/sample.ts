// Made-up people and reports for the pictures and tests of the screens. The same every time.

import type { DeviceSession, Kit, Person, ReportRow, Subject, Verification, VersionRow } from "../../../src/engine/interface.ts";

export const mira: Person = {
  email: "mira@halvorsen.example",
  name: "Mira Halvorsen",
  account: "00112233445566778899aabbccddeeff",
  fingerprint: "540CB2D1A1EAEF2CD1B6F7EAA02C5CC5A01D5E83",
  keyId: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  ipnsName: "k51qzi5uqu5dh9ihj8cmmwpzd0bq6jy7ffqy3yz0v3c6m1l2o3p4q5r6s7t8u9",
  sharedComputer: false,
};

/** Somebody without an account, whose records Mira keeps. */
export const grandmother: Subject = { id: `person:${"7".repeat(32)}`, name: "Grandma Solveig" };

const titles: readonly (readonly [title: string, category: string, file: string, type: string, bytes: number])[] = [
  ["Complete blood count", "lab", "Blood test results.pdf", "application/pdf", 1_200_000],
  ["Knee MRI report and pictures", "imaging", "knee-mri.dcm", "application/dicom", 86_000_000],
  ["Heart clinic letter", "letter", "Heart clinic.pdf", "application/pdf", 340_000],
  ["Blood pressure tablets, repeat", "prescription", "prescription.json", "application/fhir+json", 92_000],
  ["Flu vaccine record", "vaccination", "vaccine card.jpg", "image/jpeg", 410_000],
  ["Ankle surgery, going-home notes", "discharge", "going-home.txt", "text/plain", 2_700],
  ["Kidney ultrasound", "imaging", "ultrasound.png", "image/png", 24_000_000],
  ["Allergy test results", "allergy", "allergy.zip", "application/zip", 780_000],
  ["تقرير فحص الدم", "lab", "تحليل.pdf", "application/pdf", 510_000],
];

/** The id of report `number`: 32 hex digits. */
export function reportId(number: number): string {
  return number.toString(16).padStart(32, "0");
}

const start = Date.UTC(2026, 10, 12, 9, 30);
const dayMilliseconds = 86_400_000;

export function row(number: number, change: Partial<ReportRow> = {}): ReportRow {
  const [title, category, fileName, mediaType, sizeBytes] = titles[number % titles.length]!;
  return {
    id: reportId(number),
    cid: `bafybeic2ugvm6kboitj7lg3itl2wjfsgxvtgvruj3z37jfdcu4v5nkv${String(number).padStart(4, "2")}`,
    title: number < titles.length ? title : `${title} ${String(number)}`,
    category,
    fileName,
    mediaType,
    sizeBytes,
    created: new Date(start - number * dayMilliseconds).toISOString().replace(".000", ""),
    revision: 1,
    kind: "report",
    isMine: true,
    author: mira.keyId,
    signer: "me",
    // One of nine is her grandmother's.
    ...(number === 5
      ? { subject: grandmother.id, subjectName: grandmother.name }
      : { subject: mira.keyId, subjectName: null }),
    owner: "",
    deleted: null,
    state: "saved",
    ...change,
  };
}

export function rows(count: number): readonly ReportRow[] {
  return Array.from({ length: count }, (_, number) => row(number));
}

export const kit: Kit = {
  file: new TextEncoder().encode('{"hygieia-kit": 1}'),
  fileName: "hygieia-kit.json",
  code: "K7QM-3RWD-9FTX-2HNB-V5YC-8JEA-4GPS-6ZKT",
  groups: ["K7QM", "3RWD", "9FTX", "2HNB", "V5YC", "8JEA", "4GPS", "6ZKT"],
  email: mira.email,
  server: "https://hygieia.example",
  ipnsName: mira.ipnsName,
  created: "2026-11-12T09:30:00Z",
  byHand: [
    "hygieia --server https://hygieia.example reset-password hygieia-kit.json",
    "hygieia recover hygieia-kit.json --gateway https://hygieia.example --out vault",
    "umask 077; jq -j .recovery_key hygieia-kit.json > locked.pgp",
    'read -r code && printf %s "$code" > code',
    "sq key password --cert-file locked.pgp --password-file code --clear-password --output key.pgp && rm code",
    `curl -s 'https://hygieia.example/ipns/${mira.ipnsName}?format=ipns-record' | grep -aoE '/ipfs/b[a-z2-7]{58}' | head -1`,
  ],
};

export const sessions: readonly DeviceSession[] = [
  {
    id: "s1",
    label: "Firefox on Linux",
    address: "192.0.2.10",
    created: "2026-11-01T08:00:00Z",
    lastUsed: "2026-11-12T09:30:00Z",
    expires: "2026-12-12T09:30:00Z",
    isCurrent: true,
    isUnknown: false,
  },
  {
    id: "s2",
    label: "Chrome on Android",
    address: "198.51.100.7",
    created: "2026-10-01T08:00:00Z",
    lastUsed: "2026-11-10T17:05:00Z",
    expires: "2026-12-10T17:05:00Z",
    isCurrent: false,
    isUnknown: false,
  },
];

export const versions: readonly VersionRow[] = [
  { cid: "bafyone", revision: 1, created: "2026-11-02T08:00:00Z", change: "create", title: "Blood test", fileName: "blood.pdf", sizeBytes: 1_100_000, sha256: "00", isCurrent: false },
  { cid: "bafytwo", revision: 2, created: "2026-11-03T08:00:00Z", change: "edit", title: "Complete blood count", fileName: "blood.pdf", sizeBytes: 1_100_000, sha256: "00", isCurrent: false },
  { cid: "bafythree", revision: 3, created: "2026-11-12T09:30:00Z", change: "update", title: "Complete blood count", fileName: "Blood test results.pdf", sizeBytes: 1_200_000, sha256: "11", isCurrent: true },
];

function cids(count: number, from: number): string[] {
  const name = (number: number): string => `bafkrei${String.fromCharCode(97 + number).repeat(4)}`.padEnd(59, "q2w3e4r5t6");
  return Array.from({ length: count }, (_, place) => name(from + place));
}

export function verification(report: ReportRow, isGood: boolean): Verification {
  const names = ["blocks", "index", "signature", "meta", "content", "digest"] as const;
  return {
    report: report.id,
    cid: report.cid,
    sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    signer: { keyId: mira.keyId, fingerprint: mira.fingerprint, name: mira.name },
    signature: isGood ? "valid" : "invalid",
    checks: names.map((name) => ({ name, state: !isGood && name === "signature" ? "bad" : "good", error: null })),
    gateways: [
      { url: "https://hygieia.example", blocks: 14, bytes: 1_200_000, state: "used", cids: cids(14, 0) },
      { url: "https://ipfs.northgate.example", blocks: 3, bytes: 210_000, state: "used", cids: cids(2, 14) },
      { url: "https://gateway-three.example", blocks: 0, bytes: 0, state: "down", cids: [] },
      { url: "https://gateway-four.example", blocks: 0, bytes: 0, state: "lied", cids: [] },
    ],
    isDone: true,
    byHand: ["curl -O https://hygieia.example/ipfs/bafy…", "sq decrypt --session-key … report"],
  };
}
