// Builds everything that is not committed: build/mta-sts.wasm (asc), build/config-validator.js (ajv), dist/ (tsc).
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = (label, script, args) => {
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    console.error(`build: ${label} failed`);
    process.exit(status ?? 1);
  }
};

rmSync(`${root}/dist`, { recursive: true, force: true });
run("asc", "node_modules/assemblyscript/bin/asc.js", ["--target", "release"]);
// What a package of another language embeds must lie in its own folder.
for (const folder of ["go", "python/src/mtasts", "java/src/main/resources/org/mtasts"]) {
  mkdirSync(`${root}/bindings/${folder}`, { recursive: true });
  copyFileSync(`${root}/build/mta-sts.wasm`, `${root}/bindings/${folder}/mta-sts.wasm`);
}
run("config validator", "tools/build-config-validator.mjs", []);
run("tsc", "node_modules/typescript/bin/tsc", ["-p", "tsconfig.json"]);
run("browser bundle", "tools/browser.mjs", []);
chmodSync(`${root}/dist/bindings/cli/main.js`, 0o755);
writeFileSync(`${root}/dist/.built`, ""); // its time tells tools/ready.mjs whether anything is newer
