// The sharing screens and their states: people, the share dialog, who reads what, what others share, the trail.

import type { Page } from "playwright-core";

import { EngineError } from "../../../src/engine/errors.ts";
import type { Contact, Received } from "../../../src/engine/interface.ts";
import * as people from "../engine/people.ts";
import { reportId, row, rows } from "../engine/sample.ts";
import type { TestEngine } from "../engine/test-engine.ts";
import type { Scene } from "./scene.ts";

const change = (engine: TestEngine, email: string, to: Partial<Contact>): void =>
  engine.contacts.set(engine.contacts.current.map((one) => (one.email === email ? { ...one, ...to } : one)));
const okaforChanged = (engine: TestEngine): void => change(engine, people.okafor.email, { trust: "changed" });

const person = ({ key }: Contact): string => `/people/${key}`;
const settled = (page: Page): Promise<void> => page.waitForTimeout(300);

async function choosePerson(page: Page, name: string): Promise<void> {
  await page.getByRole("dialog", { name: "Share your reports" }).getByRole("button", { name }).click();
  await page.getByRole("button", { name: `Change: choose somebody else than ${name}` }).waitFor();
}

/** The share dialog over the report's drawer, with somebody chosen. */
async function shareOne(page: Page, name?: string): Promise<void> {
  await page.getByRole("dialog").getByRole("button", { name: "Share", exact: true }).first().click();
  await page.getByRole("dialog", { name: "Share your reports" }).waitFor();
  if (name !== undefined) await choosePerson(page, name);
}

async function shareThree(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Choose several" }).click();
  for (const title of ["Complete blood count", "Heart clinic letter", "Flu vaccine record"]) {
    await page.getByRole("checkbox", { name: `Choose ${title}` }).check();
  }
  await page.getByRole("button", { name: "Share 3 reports" }).click();
  await page.getByRole("dialog", { name: "Share your reports" }).waitFor();
  await choosePerson(page, name);
}

async function submit(page: Page, name: string | RegExp): Promise<void> {
  await page.getByRole("dialog").last().getByRole("button", { name }).click();
}

async function stopPerson(page: Page): Promise<void> {
  await page.getByRole("heading", { name: /Safety number with/ }).waitFor();
  await page.getByRole("button", { name: "Stop sharing" }).click();
  await page.getByRole("dialog", { name: /Stop sharing with/ }).waitFor();
}

/** Of what Dr Lind reads one report is in the trash, and of another an earlier version opens for her. */
function leaveSomeOpen(engine: TestEngine): void {
  const [first, ...others] = rows(9);
  const list = [{ ...first!, deleted: "2026-11-10T08:00:00Z" }, ...others];
  engine.reports.set({ status: "ready", rows: list, refused: [], error: null });
  engine.earlier = [reportId(4)];
}

const inPeople: readonly Scene[] = [
  { name: "people", path: "/people" },
  {
    name: "people-needs-you",
    path: "/people",
    prepare: (engine) => {
      okaforChanged(engine);
      change(engine, people.ingrid.email, { trust: "unverified" });
      engine.requests.set([people.giveBack, people.passOn]);
    },
  },
  { name: "people-former-key", path: "/people", prepare: (engine) => engine.requests.set([people.formerKey]) },
  {
    name: "people-empty",
    path: "/people",
    prepare: (engine) => {
      engine.contacts.set([]);
      engine.delegations.set({ status: "ready", items: [], error: null });
    },
  },
  {
    name: "people-given",
    path: "/people",
    act: (page) => page.getByRole("tab", { name: /Ongoing, given/ }).click(),
  },
  {
    name: "people-passed-on",
    path: "/people",
    prepare: (engine) => {
      const passed = { parent: reportId(901), to: people.named(people.tomas) };
      const items = [
        people.delegation(8, { ...passed, side: "passed-on", from: people.named(people.lind) }),
        people.delegation(9, { ...passed, side: "given", to: people.named(people.brigid) }),
      ];
      engine.delegations.set({ status: "ready", items, error: null });
    },
    act: (page) => page.getByRole("tab", { name: /Ongoing, given/ }).click(),
  },
  {
    name: "people-received",
    path: "/people",
    act: (page) => page.getByRole("tab", { name: /Ongoing, received/ }).click(),
  },
  {
    name: "people-add",
    path: "/people",
    act: async (page) => {
      await page.getByRole("button", { name: "Add a person" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "people-add-nobody",
    path: "/people",
    act: async (page) => {
      await page.getByRole("button", { name: "Add a person" }).click();
      await page.getByLabel("Email").fill("somebody@nobody.example");
      await submit(page, "Find");
      await page.getByText("Nobody with this email").waitFor();
    },
  },
  {
    name: "people-add-found",
    path: "/people",
    act: async (page) => {
      await page.getByRole("button", { name: "Add a person" }).click();
      await page.getByLabel("Email").fill("noor@clinic.example");
      await submit(page, "Find");
      await page.getByRole("heading", { name: /Is it really/ }).waitFor();
    },
  },
  {
    name: "person-verified",
    path: person(people.lind),
    act: (page) => page.getByRole("heading", { name: /Safety number with/ }).waitFor(),
  },
  {
    name: "person-scan",
    path: person(people.priya),
    act: async (page) => {
      await page.getByRole("button", { name: "Scan theirs instead" }).click();
      await page.getByRole("button", { name: "Choose a picture" }).waitFor();
    },
  },
  {
    name: "person-differs",
    path: person(people.priya),
    act: async (page) => {
      await page.getByRole("button", { name: "They differ" }).click();
      await page.getByText("Stop. The numbers do not match.").waitFor();
    },
  },
  {
    name: "person-matches",
    path: person(people.priya),
    act: async (page) => {
      await page.getByRole("button", { name: "They match" }).click();
      await page.getByRole("heading", { name: /Safety number with/ }).waitFor();
    },
  },
  {
    name: "person-changed",
    path: person(people.okafor),
    prepare: okaforChanged,
    act: (page) => page.getByRole("heading", { name: /Is it really/ }).waitFor(),
  },
  {
    name: "person-stop",
    path: person(people.lind),
    act: stopPerson,
  },
  {
    name: "person-stop-trashed",
    path: person(people.lind),
    prepare: leaveSomeOpen,
    act: stopPerson,
  },
  {
    name: "person-stopped",
    path: person(people.lind),
    prepare: leaveSomeOpen,
    act: async (page) => {
      await stopPerson(page);
      await submit(page, "Stop sharing");
      await page.getByText("can still open these 2 reports").waitFor();
    },
  },
  {
    name: "person-ongoing",
    path: person(people.lind),
    act: async (page) => {
      await page.getByRole("heading", { name: /Safety number with/ }).waitFor();
      await page.getByRole("button", { name: "Give an ongoing share" }).click();
      await page.getByRole("dialog", { name: "Give an ongoing share" }).waitFor();
      await page.getByRole("checkbox", { name: /Lab results/ }).check();
      await page.getByText(/2 reports now/).waitFor();
    },
  },
  {
    name: "ongoing-end",
    path: "/people",
    act: async (page) => {
      await page.getByRole("tab", { name: /Ongoing, given/ }).click();
      await page.getByRole("button", { name: "End it: the ongoing share with Dr Amara Lind" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "ongoing-ended",
    path: "/people",
    act: async (page) => {
      await page.getByRole("tab", { name: /Ongoing, given/ }).click();
      await page.getByRole("button", { name: "End it: the ongoing share with Dr Amara Lind" }).click();
      await submit(page, "End it");
      await page.getByText("can still read these 2 reports").waitFor();
    },
  },
  {
    name: "ongoing-past",
    path: "/people",
    prepare: (engine) => (engine.sharingStuckAt = { done: 3, total: 11 }),
    act: async (page) => {
      await page.getByRole("tab", { name: /Ongoing, given/ }).click();
      await page.getByRole("button", { name: "Share past reports too" }).first().click();
      await submit(page, "Share them");
      await page.getByText("3 of 11").waitFor();
    },
  },
  {
    name: "ongoing-pass-on",
    path: "/people",
    act: async (page) => {
      await page.getByRole("tab", { name: /Ongoing, received/ }).click();
      await page.getByRole("button", { name: "Pass it on" }).click();
      await page.getByRole("dialog", { name: "Pass an ongoing share on" }).waitFor();
    },
  },
];

const report = `/reports/${reportId(0)}`;

const sharing: readonly Scene[] = [
  { name: "share", path: report, act: (page) => shareOne(page) },
  { name: "share-checked", path: report, act: (page) => shareOne(page, "Dr Amara Lind") },
  { name: "share-unchecked", path: report, act: (page) => shareOne(page, "Priya Nair") },
  { name: "share-changed", path: report, prepare: okaforChanged, act: (page) => shareOne(page, "Dr Samuel Okafor") },
  {
    name: "share-ongoing",
    path: report,
    act: async (page) => {
      await shareOne(page, "Dr Amara Lind");
      await page.getByRole("radio", { name: /An ongoing share/ }).check();
      await page.getByRole("checkbox", { name: /Letter/ }).check();
      await page.getByText(/3 reports now/).waitFor();
    },
  },
  {
    name: "share-compare-first",
    path: "/reports",
    act: async (page) => {
      await shareThree(page, "Priya Nair");
      await submit(page, "Share 3 reports");
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "share-under-way",
    path: "/reports",
    prepare: (engine) => (engine.sharingStuckAt = { done: 1, total: 3 }),
    act: async (page) => {
      await shareThree(page, "Dr Amara Lind");
      await submit(page, "Share 3 reports");
      await page.getByText("1 of 3").waitFor();
    },
  },
  {
    name: "share-partly",
    path: "/reports",
    prepare: (engine) =>
      (engine.trouble = new Map([
        [reportId(2), { state: "stale", meanwhile: { revisions: [1, 2], titles: null, isContentNew: true, areReadersNew: false } }],
        [reportId(4), { state: "failed", error: new EngineError("unreachable", "no answer") }],
      ])),
    act: async (page) => {
      await shareThree(page, "Dr Amara Lind");
      await submit(page, "Share 3 reports");
      await page.getByText("2 reports were not changed").waitFor();
    },
  },
  {
    name: "share-done",
    path: "/reports",
    act: async (page) => {
      await shareThree(page, "Dr Amara Lind");
      await submit(page, "Share 3 reports");
      await page.getByText("3 reports shared with Dr Amara Lind").waitFor();
    },
  },
  {
    name: "vault-choosing",
    path: "/reports",
    act: async (page) => {
      await page.getByRole("button", { name: "Choose several" }).click();
      await page.getByRole("checkbox", { name: "Choose Heart clinic letter" }).check();
    },
  },
  {
    name: "vault-notices",
    path: "/reports",
    prepare: (engine) =>
      engine.notices.set([
        {
          ...{ kind: "left-out", id: "a", reports: [reportId(0), reportId(1), reportId(2), reportId(3), reportId(4)] },
          people: [
            { ...people.named(people.okafor), why: "changed" },
            { ...people.named(people.tomas), why: "lapsed" },
          ],
        },
        { kind: "taken-off", id: "b", reports: [reportId(1)], people: [people.named(people.brigid)], unnamed: 1 },
        { kind: "message", id: "c", reports: [], from: "x@y.example", error: new EngineError("delegation-refused", "forged") },
      ]),
    act: async (page) => {
      await page.getByRole("button", { name: /^Seen:/ }).nth(2).waitFor();
    },
  },
  { name: "report-sharing", path: `${report}/sharing`, act: settled },
  {
    name: "report-sharing-nobody",
    path: `${report}/sharing`,
    prepare: (engine) => (engine.readers = people.readers(reportId(0), { readers: [{ ...people.me, isOwner: true, delegation: null }] })),
    act: settled,
  },
  {
    name: "report-sharing-removed",
    path: `${report}/sharing`,
    prepare: (engine) => (engine.readers = people.readers(reportId(0), { removed: [people.named(people.tomas)], unnamed: 1 })),
    act: settled,
  },
  {
    name: "report-unshare",
    path: `${report}/sharing`,
    act: async (page) => {
      await page.getByRole("button", { name: "Stop sharing with Dr Amara Lind?" }).click();
      await page.getByRole("dialog", { name: /Stop sharing with/ }).waitFor();
    },
  },
  {
    name: "report-new-key",
    path: `${report}/sharing`,
    prepare: (engine) => {
      engine.readers = people.readers(reportId(0), { removed: [people.named(people.tomas)], unnamed: 1 });
      engine.rekeyPlan = {
        leftOut: [
          { ...people.stranger(80, "x@y.example"), email: null, isOwner: false, delegation: null, why: "stranger" },
          { ...people.named(people.okafor), isOwner: false, delegation: null, why: "changed" },
        ],
        removed: [people.named(people.tomas)],
        unnamed: 1,
      };
    },
    act: async (page) => {
      await page.getByRole("button", { name: "New key for this report" }).click();
      await page.getByRole("dialog", { name: "New key for this report" }).waitFor();
      await page.getByText("Can read it afterwards").waitFor();
    },
  },
];

function receive(engine: TestEngine): void {
  const from = (number: number, from: Contact) => row(500 + number, { isMine: false, owner: from.key, author: from.key, signer: from.trust });
  engine.reports.set({
    status: "ready",
    rows: [from(0, people.ingrid), from(1, people.ingrid), from(2, people.priya), ...rows(9)],
    refused: [],
    error: null,
  });
  const items: readonly Received[] = [
    people.received(0),
    people.received(1, { standing: "ended", author: people.named(people.okafor) }),
    people.received(2, { sharer: people.named(people.priya), author: people.named(people.priya), ownership: "claimed" }),
    people.received(3, {
      standing: "stranger",
      sharer: people.stranger(90, "somebody@elsewhere.example"),
      author: null,
      signature: "unknown-signer",
    }),
    people.received(4, {
      standing: "refused",
      sharer: people.stranger(91, "other@elsewhere.example"),
      author: null,
      signature: null,
      error: new EngineError("note-refused", "for somebody else"),
    }),
    people.received(5, { standing: "refused", signature: null, error: new EngineError("conflict", "deleted for good") }),
  ];
  engine.received.set({ status: "ready", items, error: null });
}

const others: readonly Scene[] = [
  { name: "shared", path: "/shared", prepare: receive },
  {
    name: "shared-strangers",
    path: "/shared",
    prepare: receive,
    act: (page) => page.getByRole("button", { name: "Show", exact: true }).click(),
  },
  {
    name: "shared-stranger-ask",
    path: "/shared",
    prepare: receive,
    act: async (page) => {
      await page.getByRole("button", { name: "Show", exact: true }).click();
      await page.getByRole("button", { name: /^Take it in/ }).click();
      await page.getByRole("alertdialog").waitFor();
    },
  },
  { name: "shared-empty", path: "/shared" },
  {
    name: "shared-failed",
    path: "/shared",
    prepare: (engine) => engine.received.set({ status: "failed", items: [], error: new EngineError("unreachable", "no") }),
  },
  { name: "report-of-others", path: `/reports/${reportId(500)}`, prepare: receive, act: settled },
  { name: "vault-with-others", path: "/reports", prepare: receive, act: settled },
  { name: "activity", path: "/activity", act: settled },
  {
    name: "activity-gap",
    path: "/activity",
    prepare: (engine) => (engine.trail = { state: "gap", entries: 60, anchored: 58, firstBad: 41 }),
    act: settled,
  },
  {
    name: "activity-altered",
    path: "/activity",
    prepare: (engine) => {
      engine.trail = { state: "altered", entries: 60, anchored: 58, firstBad: 12 };
      engine.unsigned = new EngineError("activity-altered", "entry 12");
    },
    act: settled,
  },
  {
    name: "activity-failed",
    path: "/activity",
    prepare: (engine) => (engine.sharingError = new EngineError("unreachable", "no")),
    act: settled,
  },
  { name: "more", path: "/more" },
];

export const sharingScenes: readonly Scene[] = [...inPeople, ...sharing, ...others];
