// Running other toolchains: commands, what they print, where a toolchain is found.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a command to its end. Nothing is thrown: a status other than 0 is a result too. */
export function run(command, args, { cwd = root, env = {} } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  });
  return {
    status: result.status ?? 1,
    stdout: result.stdout ?? "",
    stderr: result.stderr ?? String(result.error ?? ""),
  };
}

/** The first of the commands that runs with these arguments, and what it says; null when there is none. */
export function findCommand(candidates, args) {
  for (const command of candidates) {
    const { status, stdout } = run(command, args);
    if (status === 0) return { command, says: stdout };
  }
  return null;
}
