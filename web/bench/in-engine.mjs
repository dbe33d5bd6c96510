// What the bench runs inside the engine's worker: bodies of async functions, as text.

/** Lets the bench call the engine as the page does, and keeps what its feeds told last. */
export const PRELUDE = `
  const results = new Map(); let at = 1e6; self.uploadsSeen = null; self.downloadsSeen = null;
  const post = self.postMessage.bind(self);
  self.postMessage = (message, transfer) => {
    if (message.kind === "feed" && message.name === "uploads") self.uploadsSeen = message.value;
    if (message.kind === "feed" && message.name === "downloads") self.downloadsSeen = message.value;
    if (message.kind === "reports" && message.message.step === "rows") self.rowsSeen = message.message.rows;
    if (results.has(message.id)) { results.get(message.id)(message); return; }
    if (message.kind !== "file") post(message, transfer);
  };
  self.engineCall = (method, ...args) => new Promise((resolve, reject) => {
    const id = at++;
    results.set(id, (m) => (m.kind === "result" ? resolve(m.value) : reject(new Error(method + ": " + m.error.code))));
    self.onmessage({ data: { kind: "call", id, method, args, hasProgress: false } });
  });
  self.until = async (test) => { while (!test()) await new Promise((r) => setTimeout(r, 20)); };
`;


/** A vault whose page shows its reports, and then what is on its way. */
export const SIGN_UP = `
  const about = { email: "bench@example.org", name: "Bench", password: "correct horse battery staple" };
  const { code } = await self.engineCall("signUp", about);
  await self.engineCall("confirmKit", { kind: "code", text: code });
`;

/** Writes a file of `mib` MiB of random octets into the origin's own file system. */
export const fill = (mib, more = 0) => `
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle("bench.bin", { create: true });
  const access = await handle.createSyncAccessHandle();
  const data = new Uint8Array(1 << 20);
  for (let i = 0; i < ${mib}; i++) {
    for (let p = 0; p < data.length; p += 65536) crypto.getRandomValues(data.subarray(p, p + 65536));
    access.write(data, { at: i * 2 ** 20 });
  }
  access.truncate(${mib} * 2 ** 20 + ${more});
  access.flush(); access.close();
`;

/** Stores it; milliseconds until it was committed and read back. */
export const UP = `
  const handle = await (await navigator.storage.getDirectory()).getFileHandle("bench.bin");
  const file = await handle.getFile();
  const began = performance.now();
  const [id] = await self.engineCall("upload", [{ file }]);
  const item = () => self.uploadsSeen?.items.find((each) => each.id === id);
  await self.until(() => ["saved", "failed", "duplicate"].includes(item()?.state));
  if (item().state !== "saved") throw new Error(item().error?.code ?? item().state);
  return performance.now() - began;
`;

/** Above this the app has the person pick a file and writes into it (features/report/save-report.ts). */
const PICK_ABOVE_BYTES = 2 ** 30;

/**
 * Fetches it as the app does: what is large into a file's own handle, which is here one of the origin's file system, as
 * a desktop's dialog has nobody to answer it; the rest into that file system. Milliseconds until it was verified whole.
 */
export const DOWN = `
  const [{ id: report, sizeBytes }] = self.rowsSeen;
  const root = await navigator.storage.getDirectory();
  const isPicked = sizeBytes > ${PICK_ABOVE_BYTES};
  const handle = isPicked ? await root.getFileHandle("picked.bin", { create: true }) : null;
  const began = performance.now();
  const id = await self.engineCall("download", report, isPicked ? { kind: "file", handle } : { kind: "browser" });
  const item = () => self.downloadsSeen?.find((each) => each.id === id);
  await self.until(() => item() !== undefined && item().state !== "running");
  if (item().state !== "done") throw new Error(item().error?.code);
  const took = performance.now() - began;
  if (isPicked && (await handle.getFile()).size !== sizeBytes) throw new Error("The picked file is not whole.");
  const folder = isPicked ? root : await root.getDirectoryHandle("downloads");
  await folder.removeEntry(isPicked ? "picked.bin" : id);
  return took;
`;

/** MB/s of one WebCrypto call over pieces of `bytes`, four under way, 256 MiB in all. */
export const bare = (what, bytes = 1 << 18) => `
  const key = await crypto.subtle.importKey("raw", new Uint8Array(32), "AES-GCM", false, ["encrypt"]);
  const data = new Uint8Array(${bytes});
  const rounds = ${(256 << 20) / bytes};
  const began = performance.now();
  const flying = [];
  for (let i = 0; i < rounds; i++) {
    const iv = new Uint8Array(12); new DataView(iv.buffer).setUint32(8, i);
    flying.push(${what});
    if (flying.length > 3) await flying.shift();
  }
  await Promise.all(flying);
  return rounds * ${bytes} / 1000 / (performance.now() - began);
`;
export const GCM = 'crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, data)';
export const SHA256 = 'crypto.subtle.digest("SHA-256", data)';

/** From now on `latestTurn` is by how much the worker's loop was late at worst, in ms; it is asked every 20 ms. */
export const WATCH_TURNS = `
  self.latestTurn = 0;
  let due = performance.now() + 20;
  setInterval(() => {
    const now = performance.now();
    self.latestTurn = Math.max(self.latestTurn, now - due);
    due = now + 20;
  }, 20);
`;
