// Made-up people, and what goes to and fro between them, for the pictures and tests of the sharing screens.

import type {
  ActivityCheck,
  ActivityEntry,
  Contact,
  Delegation,
  Meeting,
  Named,
  Readers,
  Received,
  Request,
} from "../../../src/engine/interface.ts";
import { mira, reportId } from "./sample.ts";

export function keyOf(number: number): string {
  return number.toString(16).padStart(2, "0").repeat(32);
}

function contact(number: number, name: string, email: string, trust: Contact["trust"]): Contact {
  return { key: keyOf(number), email, name, trust, isUsable: true, formerKeys: [] };
}

export const okafor = contact(1, "Dr Samuel Okafor", "okafor@heart.example", "verified");
export const lind = contact(2, "Dr Amara Lind", "lind@northgate.example", "verified");
export const ingrid = contact(3, "Ingrid Halvorsen", "ingrid@halvorsen.example", "verified");
export const priya = contact(4, "Priya Nair", "priya@physio.example", "unverified");
export const brigid = contact(5, "St Brigid Hospital", "records@brigid.example", "verified");
export const tomas = contact(6, "Tomas Berg", "tomas@berg.example", "unverified");

export const everyone: readonly Contact[] = [okafor, lind, ingrid, priya, brigid, tomas];

export const me: Named = { key: mira.keyId, email: mira.email, name: mira.name, trust: "me" };

export function named({ key, email, name, trust }: Contact): Named {
  return { key, email, name, trust };
}

export function stranger(number: number, email: string): Named {
  return { key: keyOf(number), email, name: "", trust: "stranger" };
}

export function meeting(of: Contact, change: Partial<Meeting> = {}): Meeting {
  const low = [mira.keyId, of.key].sort();
  return {
    contact: of,
    isNew: false,
    isGone: false,
    key: of.key,
    groups: ["48210", "73956", "11842", "60537", "95124", "30768", "27491", "84063"],
    code: `hygieia:safety:1:${low.join(":")}`,
    ...change,
  };
}

export function delegation(number: number, change: Partial<Delegation> = {}): Delegation {
  return {
    id: reportId(900 + number),
    from: me,
    to: named(lind),
    rights: ["read"],
    parent: null,
    created: "2026-05-21T09:00:00Z",
    expires: "2027-05-21T09:00:00Z",
    state: "active",
    side: "given",
    categories: ["lab", "letter"],
    subjects: "*",
    professions: "*",
    ...change,
  };
}

export const delegations: readonly Delegation[] = [
  delegation(1),
  delegation(2, { to: named(brigid), categories: ["imaging"], rights: ["read", "upload"], professions: ["physician", "nurse"] }),
  delegation(3, { to: named(tomas), categories: "*", state: "expired" }),
  delegation(4, { from: named(ingrid), to: me, categories: "*", rights: ["read", "redelegate"], side: "received" }),
];

export function received(number: number, change: Partial<Received> = {}): Received {
  return {
    report: reportId(500 + number),
    standing: "accepted",
    sharer: named(ingrid),
    shared: "2026-11-10T09:00:00Z",
    sizeBytes: 340_000,
    signature: "valid",
    author: named(ingrid),
    ownership: "confirmed",
    error: null,
    ...change,
  };
}

export const giveBack: Request = {
  kind: "give-back",
  id: "request-1",
  person: { ...ingrid, trust: "changed" },
  formerKey: keyOf(33),
  reports: Array.from({ length: 9 }, (_, number) => reportId(number)),
  closed: [reportId(20)],
};

export const passOn: Request = {
  kind: "redelegation",
  id: "request-2",
  delegation: delegation(7, { from: named(lind), to: named(priya), side: "passed-on", state: "waiting", parent: reportId(901) }),
};

export const formerKey: Request = { kind: "former-key", id: "request-3", key: keyOf(44), reports: [reportId(0), reportId(2)] };

export function readers(report: string, change: Partial<Readers> = {}): Readers {
  return {
    report,
    readers: [
      { ...me, isOwner: true, delegation: null },
      { ...named(lind), isOwner: false, delegation: reportId(901) },
      { ...named(ingrid), isOwner: false, delegation: null },
    ],
    removed: [],
    earlier: [],
    unnamed: 0,
    isMine: true,
    ...change,
  };
}

const actions = [
  ["shared", me, [lind]],
  ["fetched", named(lind), []],
  ["wrong-password", null, []],
  ["stored", me, []],
  ["signed-in", me, []],
  ["unshared", me, [tomas]],
  ["delegated", me, [brigid]],
  ["something-new", me, []],
] as const;

export function activity(count: number, from = count): readonly ActivityEntry[] {
  return Array.from({ length: count }, (_, index): ActivityEntry => {
    const number = from - index;
    const [action, by, people] = actions[index % actions.length]!;
    const isAboutReports = ["shared", "fetched", "stored", "unshared"].includes(action);
    return {
      number,
      time: new Date(Date.UTC(2026, 10, 12, 9, 30) - index * 3_600_000).toISOString().replace(".000", ""),
      action,
      by,
      reports: isAboutReports ? [reportId(index % 9), reportId((index + 1) % 9)].slice(0, 1 + (index % 2)) : [],
      people: people.map(named),
      more: 0,
      address: action === "wrong-password" ? "198.51.100.7" : "192.0.2.10",
      device: by === null ? "" : "Firefox on Linux",
    };
  });
}

export const wholeTrail: ActivityCheck = { state: "whole", entries: 120, anchored: 118, firstBad: null };
