import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { cleanEnvironment } from "./command.ts";
import { Home, type LogLine } from "./daemon-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** `npm start` builds when something changed; here that would take dist/ from under the tests that run beside this one. */
function requireNothingToBuild(): void {
  const built = statSync(join(ROOT, "dist/.built")).mtimeMs;
  const sources = ["assembly", "bindings", "host", "test", "tools"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true }).flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
    ),
  );
  const settings = ["package.json", "tsconfig.json", "asconfig.json"].map((file) => join(ROOT, file));
  for (const file of [...sources, ...settings])
    if (statSync(file).mtimeMs > built) throw new Error(`${file} is newer than dist/; build first (npm run build)`);
}
requireNothingToBuild();

let home: Home;
let npm: ChildProcess;

/** `npm start` in the checkout, with ports and paths of its own; a process group, so that nothing of it can stay behind. */
beforeEach(() => {
  home = new Home().configure(null);
  const env = cleanEnvironment({ MTA_STS_CONFIG: home.config, npm_config_update_notifier: "false" });
  npm = spawn("npm", ["start"], { cwd: ROOT, env, detached: true, stdio: ["ignore", "pipe", "inherit"] });
});

afterEach(() => {
  try {
    process.kill(-(npm.pid as number), "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  home.remove();
});

/** The first line of this event; npm's own lines are passed over. */
async function event(name: string): Promise<LogLine> {
  for await (const line of createInterface({ input: npm.stdout as NodeJS.ReadableStream }))
    if (line.startsWith("{") && JSON.parse(line).event === name) return JSON.parse(line) as LogLine;
  throw new Error(`npm start ended without ${name}`);
}

/** "open", or the code of the error. */
function knock(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(String(error.code)));
    socket.once("connect", () => {
      socket.destroy();
      resolve("open");
    });
  });
}

it("npm start serves, and SIGTERM to npm ends the daemon and frees its port", async () => {
  const { listeners } = await event("daemon-started");
  const port = Number(/^postfix 127\.0\.0\.1:(\d+)$/.exec((listeners as string[])[0] ?? "")?.[1]);
  expect(await knock(port)).toBe("open");

  const exited = once(npm, "exit");
  npm.kill("SIGTERM");
  await exited;
  expect(await knock(port)).toBe("ECONNREFUSED");
});
