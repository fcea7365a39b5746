// Makes a fresh clone ready to run: installs the locked packages and builds, each only when something changed.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modified = (path) => (existsSync(join(root, path)) ? statSync(join(root, path)).mtimeMs : 0);

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isFile()) latest = Math.max(latest, modified(path));
    else if (entry.isDirectory() && entry.name !== "node_modules") latest = Math.max(latest, newest(path));
  }
  return latest;
}

function run(label, command, args, folder = ".") {
  console.error(`mta-sts-engine: ${label}`);
  const { status } = spawnSync(command, args, { cwd: join(root, folder), stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}

function install(folder, what) {
  if (modified(join(folder, "node_modules/.package-lock.json")) < modified(join(folder, "package-lock.json")))
    run(`installing ${what} (npm ci)`, "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], folder);
}

install(".", "packages");

const sources = Math.max(
  ...["assembly", "host", "bindings", "test", "tools"].map(newest),
  ...["package.json", "tsconfig.json", "asconfig.json"].map(modified),
);
if (modified("dist/.built") < sources) run("building", process.execPath, ["tools/build.mjs"]);
