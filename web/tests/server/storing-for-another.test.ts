/** A doctor in a browser stores in a patient's vault: she owns it, he is its author (docs/spec/17-delegations.md §5). */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { formatTime, nowSeconds } from "../../src/crypto/times.ts";
import type { NewDelegation } from "../../src/engine/interface.ts";
import { Browser, newEmail, signedUp, type Page } from "./running.ts";
import { fileOf, Server } from "./serving.ts";

const [mira, okafor, ben] = [newEmail(), newEmail(), newEmail()];
let server: Server;
/** The patient's, and the doctor's. */
let hers: Browser;
let his: Browser;
let patient: Page;
let doctor: Page;
/** Another patient, at a shell. */
let shell: (...args: string[]) => string;
let given: string;

beforeAll(async () => {
  server = await Server.start();
  [hers, his] = [new Browser(server), new Browser(server)];
  patient = await signedUp(hers, mira);
  doctor = await signedUp(his, okafor);
  shell = server.person("ben");
  shell("signup", ben, "--name", "Ben", "--kit", join(server.folder, "kit-ben"));
  for (const [at, page, email] of [[hers, patient, okafor], [his, doctor, mira], [his, doctor, ben]] as const) {
    at.use();
    const { key } = await page.engine.sharing.meet(email);
    await page.engine.sharing.verifyPerson(email, { kind: "seen", key });
  }
  const { safety_number: number } = JSON.parse(shell("--json", "contacts", "show", okafor)) as { safety_number: string };
  shell("contacts", "verify", okafor, "--number", number);
});
afterAll(() => server.remove());
beforeEach(() => {
  his.meddle = () => null;
  his.use();
});

function right(change: Partial<NewDelegation> = {}): NewDelegation {
  const expires = formatTime(nowSeconds() + 90 * 86_400);
  const scope = { categories: ["lab"], subjects: "*", professions: "*" } as const;
  return { to: okafor, ...scope, rights: ["upload"], expires, parent: null, ...change };
}

/** What the doctor stores for somebody, and how it ended. */
async function storeFor(owner: string, file: File, labels: { category?: string; profession?: string } = { category: "lab" }) {
  const [id] = await doctor.engine.upload([{ file, owner, ...labels }]);
  await doctor.settled();
  return doctor.uploads!.items.find((item) => item.id === id)!;
}

it("is refused before anything is sent, where she has not given the right", async () => {
  let posts = 0;
  his.meddle = (request) => {
    if (request.method === "POST" && request.url.endsWith("/uploads")) posts++;
    return null;
  };
  expect(await doctor.engine.sharing.uploadRights()).toEqual([]);
  await expect(storeFor(mira, fileOf("no.txt", 100))).rejects.toMatchObject({ code: "delegation-refused" });
  await expect(storeFor("nobody@example.org", fileOf("no.txt", 100))).rejects.toMatchObject({ code: "not-found" });
  await expect(storeFor(okafor, fileOf("no.txt", 100))).rejects.toMatchObject({ code: "invalid-input" });
  expect(posts).toBe(0);
  expect(doctor.uploads!.items).toEqual([]);
});

it("is hers, with him as its author and the only other who reads it", async () => {
  hers.use();
  ({ id: given } = await patient.engine.sharing.delegate(right()));
  his.use();
  await doctor.engine.sharing.refreshDelegations();
  expect(await doctor.engine.sharing.uploadRights()).toMatchObject([{ owner: { email: mira }, categories: ["lab"] }]);
  const file = fileOf("Lab of today.txt", 300, 1);
  expect(await storeFor(mira, file, { category: "lab", profession: "cardiologist" })).toMatchObject({ state: "saved", owner: mira });
  const stored = doctor.row("Lab of today");
  expect(stored).toMatchObject({ isMine: false, category: "lab", signer: "me" });
  await expect(doctor.engine.edit(stored.id, { title: "mine" })).rejects.toMatchObject({ code: "forbidden" });

  hers.use();
  await patient.engine.refresh();
  const row = patient.row("Lab of today");
  expect(row).toMatchObject({ id: stored.id, isMine: true, author: stored.author, signer: "verified", subject: row.owner });
  const { bytes, signature } = await patient.engine.preview(row.id, { maxBytes: 1000 });
  expect(signature).toBe("valid");
  expect(Buffer.from(bytes).equals(Buffer.from(await file.arrayBuffer()))).toBe(true);
  const { readers, unnamed } = await patient.engine.sharing.readersOf(row.id);
  expect(readers.map(({ email, isOwner }) => [email, isOwner])).toEqual([[mira, true], [okafor, false]]);
  expect(unnamed).toBe(0);
  await patient.engine.edit(row.id, { title: "Lab, looked at" });
  expect(patient.row("Lab, looked at")).toMatchObject({ revision: 2, isMine: true });
  his.use();
  await doctor.engine.sharing.refreshReceived();
  expect(doctor.row("Lab, looked at")).toMatchObject({ id: stored.id, isMine: false });
});

it("holds several, short and long, beside files of his own, each in the vault it was meant for", async () => {
  const [short, long, own] = [fileOf("short.txt", 50, 2), fileOf("long.bin", 3_000_000, 3), fileOf("own.txt", 60, 4)];
  await doctor.engine.upload([
    { file: own, category: "lab" },
    { file: short, owner: mira, category: "lab" },
    { file: long, owner: mira, category: "lab" },
  ]);
  await doctor.settled();
  expect(doctor.uploads!.items.every(({ state }) => state === "saved")).toBe(true);
  expect(doctor.row("own").isMine).toBe(true);
  expect([doctor.row("short").isMine, doctor.row("long").isMine]).toEqual([false, false]);
  hers.use();
  await patient.engine.refresh();
  expect((await patient.engine.preview(patient.row("long").id, { maxBytes: 1 << 24 })).bytes).toHaveLength(long.size);
  expect(patient.row("short").isMine).toBe(true);
  expect(patient.rows.some(({ title }) => title === "own")).toBe(false);
});

it("is not stored twice when the answer to its commit is lost", async () => {
  let lost = 0;
  his.meddle = async (request, forward) => {
    if (request.method !== "POST" || !request.url.endsWith("/reports") || lost++ > 0) return null;
    await forward();
    return new Response(JSON.stringify({ code: "unavailable" }), { status: 503 });
  };
  expect(await storeFor(mira, fileOf("once.txt", 70, 5))).toMatchObject({ state: "saved" });
  expect(lost).toBeGreaterThan(1);
  hers.use();
  await patient.engine.refresh();
  expect(patient.rows.filter(({ title }) => title === "once")).toHaveLength(1);
});

it("reaches no further than what she gave: another kind, another profession, and nothing is queued", async () => {
  const before = doctor.uploads!.items.length;
  await expect(storeFor(mira, fileOf("x-ray.txt", 80, 6), { category: "imaging" })).rejects.toMatchObject({
    code: "delegation-refused",
  });
  await expect(storeFor(mira, fileOf("no kind.txt", 80, 6), {})).rejects.toMatchObject({ code: "delegation-refused" });
  expect(doctor.uploads!.items).toHaveLength(before);
});

it("fails in words when she ends it between the choice and the upload, and the server says so too", async () => {
  let isEnded = false;
  his.meddle = async (request) => {
    if (request.method === "POST" && request.url.endsWith("/reports") && !isEnded) {
      isEnded = true;
      hers.use();
      await patient.engine.sharing.endDelegation(given);
      his.use();
    }
    return null;
  };
  expect(await storeFor(mira, fileOf("late.txt", 90, 7))).toMatchObject({ state: "failed", error: { code: "forbidden" } });
  expect(isEnded).toBe(true);
  expect(doctor.rows.some(({ title }) => title === "late")).toBe(false);
  await doctor.engine.sharing.refreshDelegations();
  await expect(storeFor(mira, fileOf("later.txt", 90, 8))).rejects.toMatchObject({ code: "delegation-refused" });
});

it("is followed by her index after its end too, when he shares on what he had stored", async () => {
  const { id } = doctor.row("short");
  expect(await doctor.engine.sharing.share({ reports: [id], people: [ben] })).toMatchObject([{ state: "done" }]);
  const { key } = doctor.engine.sharing.contacts.current.find(({ email }) => email === ben)!;
  hers.use();
  await patient.engine.refresh();
  expect((await patient.engine.sharing.sharedWith()).get(id)).toContain(key);
});

it("is refused when her key has changed since", async () => {
  const { generateKey } = await import("../../src/crypto/keys.ts");
  shell("delegate", okafor, "--rights", "upload");
  await doctor.engine.sharing.refreshDelegations();
  const mallory = await generateKey("Ben", ben);
  his.meddle = async (request, forward) => {
    if (!request.url.endsWith("/people/find")) return null;
    const answer = (await (await forward()).json()) as object;
    return new Response(JSON.stringify({ ...answer, certificate: mallory.certificate.armored }));
  };
  await expect(storeFor(ben, fileOf("for ben.txt", 40, 9))).rejects.toMatchObject({
    code: "certificate-changed",
    facts: { person: ben },
  });
});

it("is read by the command line of a patient who gave the right there", async () => {
  const { key } = await doctor.engine.sharing.meet(ben);
  await doctor.engine.sharing.verifyPerson(ben, { kind: "seen", key });
  const file = fileOf("For Ben.txt", 400, 10);
  expect(await storeFor(ben, file)).toMatchObject({ state: "saved" });
  const { reports } = JSON.parse(shell("--json", "ls")) as { reports: { id: string; title: string }[] };
  expect(reports).toMatchObject([{ title: "For Ben" }]);
  expect(shell("cat", reports[0]!.id)).toBe(Buffer.from(await file.arrayBuffer()).toString("latin1"));
  const kit = join(server.folder, "kit-ben", "hygieia-kit.json");
  const out = join(server.folder, "recovered-ben");
  const password = join(server.folder, "ben.password");
  // By his kit alone: the report is in his own index.
  server.person("nobody")("--password-file", password, "recover", kit, "--gateway", server.origin, "--out", out);
  const names = readdirSync(out, { recursive: true }).map(String);
  expect(names.some((name) => name.endsWith("For Ben.txt"))).toBe(true);
});
