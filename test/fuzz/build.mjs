// Builds one target two ways (test/fuzz/README.md): "asan" is the shipped build/mta-sts.wasm, "guard" the same sources
// with the IN area at the end of the linear memory. Needs wasm2c (Debian: wabt) and clang with its runtime.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const project = fileURLToPath(new URL("../..", import.meta.url));
const here = join(project, "test/fuzz");

export const targets = readdirSync(join(here, "targets")).map((file) => file.replace(/\.c$/, ""));
export const kinds = ["asan", "guard"];

const found = (command) => spawnSync(command, ["--version"]).status === 0;
const clang = ["clang-19", "clang"].find(found);

/** What this machine lacks, in words; empty when fuzzing can run. */
export function missing() {
  const lacks = [];
  if (!found("wasm2c")) lacks.push("wasm2c (Debian: apt-get install wabt)");
  if (clang === undefined) lacks.push("clang with libFuzzer (Debian: apt-get install clang-19 libclang-rt-19-dev)");
  return lacks;
}

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}\n${stdout}${stderr}`);
}

const PAGE = 65536;
const GUARD_PAGES = 16;

/** Replaces text that must stand there exactly once. */
export function replaceOnce(file, from, to) {
  const text = readFileSync(file, "utf8");
  if (text.split(from).length !== 2) throw new Error(`${file}: found ${text.split(from).length - 1} times: ${from}`);
  writeFileSync(
    file,
    text.replace(from, () => to),
  );
}

/** Compiles the sources of `tree` with IN moved to the end of the memory. */
function guardedModule(tree, folder) {
  const copy = join(folder, "source");
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  cpSync(join(tree, "assembly"), join(copy, "assembly"), { recursive: true });
  replaceOnce(
    join(copy, "assembly/memory.ts"),
    "export const IN: usize = memory.data(196608, 16);",
    `export const IN: usize = ${GUARD_PAGES * PAGE - 196608};`,
  );
  const asconfig = JSON.parse(readFileSync(join(tree, "asconfig.json"), "utf8"));
  asconfig.options.initialMemory = GUARD_PAGES;
  asconfig.options.maximumMemory = GUARD_PAGES;
  writeFileSync(join(copy, "asconfig.json"), JSON.stringify(asconfig));
  run(process.execPath, [join(project, "node_modules/assemblyscript/bin/asc.js"), "--target", "release"], copy);
  return join(copy, "build/mta-sts.wasm");
}

const flags = (kind) => [
  "-O1",
  "-g",
  "-w",
  kind === "asan" ? "-fsanitize=fuzzer,address" : "-fsanitize=fuzzer",
  `-DWASM_RT_MEMCHECK_SIGNAL_HANDLER=${kind === "guard" ? 1 : 0}`,
  `-DFUZZ_GUARD=${kind === "guard" ? 1 : 0}`,
];

/** module.wasm -> core.c -> core.o in `folder`, once per kind. */
export function translate(kind, folder, tree = project) {
  mkdirSync(folder, { recursive: true });
  const wasm = kind === "guard" ? guardedModule(tree, folder) : join(tree, "build/mta-sts.wasm");
  if (!existsSync(wasm)) throw new Error("build/mta-sts.wasm is not there: npm run build");
  run("wasm2c", ["-n", "mtasts", wasm, "-o", "core.c"], folder);
  run(clang, [...flags(kind), "-c", "core.c", "-o", "core.o"], folder);
}

/** Links a target with the translated module in `folder`; returns the program. */
export function link(kind, target, folder) {
  const program = join(folder, target);
  const sources = [join(here, `targets/${target}.c`), join(here, "harness.c"), join(here, "runtime.c"), "core.o"];
  run(clang, [...flags(kind), "-I", folder, ...sources, "-lm", "-o", program], folder);
  return program;
}
