import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const prefix = "mta-sts-postfix-";

/** Makes a directory that Postfix's own users may enter, after removing those of runs that were killed. */
export function makeWorkDirectory(): string {
  for (const name of readdirSync(tmpdir())) if (isStale(name)) removeWorkDirectory(join(tmpdir(), name));
  const directory = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}.${startTime(process.pid)}-`));
  chmodSync(directory, 0o755);
  return directory;
}

/** Also while a process killed a moment ago is still writing to it. */
export function removeWorkDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

// Process id and start time together name a run, even after the id is used again.
function isStale(name: string): boolean {
  if (!name.startsWith(prefix)) return false;
  const [, pid, started] = /^(\d+)\.(\d+)-/.exec(name.slice(prefix.length)) ?? [];
  return pid === undefined || startTime(Number(pid)) !== started;
}

/** Field 22 of /proc/PID/stat, counted after the command name, which may hold spaces; undefined: no such process. */
function startTime(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")[19];
  } catch {
    return undefined;
  }
}
