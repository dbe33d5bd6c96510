// What processes take, from /proc: CPU seconds and resident memory. Linux only.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** CPU seconds of a process or of one of its threads, in user and system mode together. */
function cpuOf(path) {
  const stat = readFileSync(`${path}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** CPU seconds so far; 0 for a process that has ended. */
export function cpuSeconds(pid) {
  try {
    return cpuOf(`/proc/${pid}`);
  } catch {
    return 0;
  }
}

/** CPU seconds so far of each thread, by name; threads of one name together. */
export function threadSeconds(pid) {
  const seconds = {};
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const path = `/proc/${pid}/task/${thread}`;
      const name = readFileSync(`${path}/comm`, "utf8").trim();
      seconds[name] = (seconds[name] ?? 0) + cpuOf(path);
    } catch {
      // it has ended meanwhile
    }
  }
  return seconds;
}

function statusOf(pid) {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return (name) => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) / 1024);
}

/** Resident memory in MiB: of its own, of files (program code among them), shared with other processes. */
export function memoryOf(pid) {
  const mib = statusOf(pid);
  return { mib: mib("VmRSS"), own: mib("RssAnon"), files: mib("RssFile"), shared: mib("RssShmem") };
}

/** From now on the peak is counted anew. */
export function forgetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Peak resident memory in MiB. */
export function peakOf(pid) {
  return statusOf(pid)("VmHWM");
}

/** Child processes of `pid`, and theirs. */
export function descendants(pid) {
  const found = [];
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").trim().split(" ").filter(Boolean);
      for (const child of children) found.push(Number(child), ...descendants(Number(child)));
    }
  } catch {
    // it has ended meanwhile
  }
  return found;
}
