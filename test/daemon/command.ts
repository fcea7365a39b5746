import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const MAIN = join(ROOT, "dist/bindings/cli/main.js");

/** The tests run the compiled command: one that is older than its sources would prove nothing. */
function requireFreshBuild(): void {
  const built = statSync(MAIN, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  for (const folder of ["assembly", "bindings", "host"])
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })) {
      const file = join(entry.parentPath, entry.name);
      const compiled = file.replace(ROOT, join(ROOT, "dist/")).replace(/\.ts$/, ".js");
      if (!entry.isFile() || !file.endsWith(".ts") || file.includes("/node_modules/")) continue;
      if (file.endsWith(".d.ts")) continue;
      if ((statSync(compiled, { throwIfNoEntry: false })?.mtimeMs ?? 0) < statSync(file).mtimeMs)
        throw new Error(`${file} is newer than ${built === 0 ? "nothing" : "dist/"}; build first (npm run build)`);
    }
}
requireFreshBuild();

/** The environment without what could change the command's mind. */
export function cleanEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(MTA_STS_|NODE_|FORCE_COLOR|NO_COLOR|VITEST|JOURNAL_STREAM)/.test(name),
  );
  return { ...Object.fromEntries(inherited), TERM: "xterm", ...more };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Runs `mta-sts` to its end. */
export function mtaSts(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return run(process.execPath, [MAIN, ...args], options);
}

export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { input = "", env = {}, cwd } = options;
  const child = spawn(command, args, { env: cleanEnvironment(env), cwd, stdio: "pipe" });
  child.stdin.on("error", () => undefined).end(input);
  return ended(child);
}

export function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name]?.setEncoding("utf8").on("data", (text: string) => {
        texts[name] += text;
      });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...texts }));
  });
}

export type { SpawnOptions };
