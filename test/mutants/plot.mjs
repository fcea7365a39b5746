// A copy of the tree in which faults are planted, one at a time, and the checks that look for them. Nothing is ever
// planted in the tree itself.
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { link, project, replaceOnce, translate } from "../fuzz/build.mjs";
import { writeSeeds } from "../fuzz/seeds.mjs";

const FUZZ_RUNS = 150_000;
/** A check that takes longer says nothing, on whatever machine. */
const LIMIT_MS = 900_000;
const VECTORS = ["--project", "core", "test/core/vectors"];
/** All tests but those of the shipped file instead of what it does: any change of the sources fails its size. */
const OF_WHAT_IT_DOES = "^(?!.*(has the size that README says|the build is reproducible))";
const UNIT = ["--project", "core", "--exclude", "**/differential*", "-t", OF_WHAT_IT_DOES];
const DIFFERENTIAL = ["--project", "core", "test/core/differential"];
const WASM = "build/mta-sts.wasm";
const FOLDERS = ["assembly", "host", "bindings", "docs", "examples", "test", "tools", "build", "dist"];
const FILES = ["package.json", "asconfig.json", "tsconfig.json", "vitest.config.ts", "README.md"];

export class Plot {
  #tree = mkdtempSync(join(tmpdir(), "mta-sts-mutants-"));

  #wasm = readFileSync(join(project, WASM));

  /** What the last failing test run printed. */
  said = "";

  constructor() {
    const filter = (from) => !from.includes("/build/fuzz") && !from.includes("/node_modules");
    for (const name of [...FOLDERS, ...FILES])
      cpSync(join(project, name), join(this.#tree, name), { recursive: true, filter });
    symlinkSync(join(project, "node_modules"), join(this.#tree, "node_modules"));
  }

  close() {
    rmSync(this.#tree, { recursive: true, force: true });
  }

  /**
   * Which checks find the fault: true, false, null for a check that does not look there, undefined for one that did not
   * run: with `quick` the first that finds it is the last.
   */
  async try(mutant, quick) {
    const file = join(this.#tree, mutant.file);
    const original = readFileSync(file, "utf8");
    const restore = () => writeFileSync(file, original);
    try {
      replaceOnce(file, mutant.from, mutant.to);
      if (!mutant.file.startsWith("assembly/")) return await this.#tryHost(mutant);
      return await this.#tryCore(mutant, restore, quick);
    } finally {
      restore();
      writeFileSync(join(this.#tree, WASM), this.#wasm);
    }
  }

  async #tryCore({ fuzz, builds = ["asan"] }, restore, quick) {
    // The portable twin has the fault without being compiled, and the vectors find most in the shortest time.
    if (quick && (await this.#fails(VECTORS))) return { unit: true };
    await this.#compile();
    const unit = (await this.#fails(VECTORS)) || (await this.#fails(UNIT));
    if (quick && unit) return { unit };
    const oracle = await this.#fails(["--project", "oracle"]);
    if (quick && oracle) return { unit, oracle };
    const fuzzing = fuzz.length === 0 ? null : await this.#fuzzFinds(fuzz, builds);
    if (quick && fuzzing) return { unit, oracle, fuzz: fuzzing };
    restore(); // the wasm keeps the fault, its portable twin has it no longer
    return { unit, oracle, fuzz: fuzzing, differential: await this.#fails(DIFFERENTIAL) };
  }

  async #tryHost({ tests }) {
    const folders = tests.map((name) => `test/host/${name}/`);
    // A test that only a busy machine fails passes when it runs again; one that a fault fails does not.
    return {
      unit: await this.#fails(["--retry", "2", "--project", "host", ...folders]),
      oracle: null,
      fuzz: null,
      differential: null,
    };
  }

  async #compile() {
    const compiler = join(project, "node_modules/assemblyscript/bin/asc.js");
    const { status, said } = await this.#run(process.execPath, [compiler, "--target", "release"]);
    if (status !== 0) throw new Error(`the mutant does not compile\n${said}`);
  }

  async #fails(args) {
    const vitest = ["node_modules/vitest/vitest.mjs", "run", "--bail", "1", "--reporter", "dot"];
    const { status, said } = await this.#run(process.execPath, [...vitest, ...args]);
    // A run that tests nothing must not pass for a finding.
    if (said.includes("No test files found")) throw new Error(`no test ran: ${args.join(" ")}`);
    if (status !== 0) this.said = said;
    return status !== 0;
  }

  /** Every build named must find it, through one target or another. */
  async #fuzzFinds(targets, builds) {
    for (const kind of builds) {
      const folder = join(this.#tree, "build/fuzz", kind);
      translate(kind, folder, this.#tree);
      let found = false;
      for (const target of targets) found ||= await this.#fuzzTargetFinds(kind, target, folder);
      if (!found) return false;
    }
    return true;
  }

  async #fuzzTargetFinds(kind, target, folder) {
    const seeds = join(this.#tree, "build/fuzz/seeds", target);
    writeSeeds(project, target, seeds);
    const committed = join(project, "test/fuzz/corpus", target);
    const found = join(this.#tree, "build/fuzz/found");
    mkdirSync(found, { recursive: true });
    const dictionary = join(project, "test/fuzz/dictionaries/text.dict");
    const options = [`-runs=${FUZZ_RUNS}`, "-timeout=10", "-seed=1", "-max_len=4096", `-dict=${dictionary}`];
    const corpus = existsSync(committed) && readdirSync(committed).length > 0 ? [committed] : [];
    const program = link(kind, target, folder);
    const { status } = await this.#run(program, [...options, `-artifact_prefix=${found}/`, found, seeds, ...corpus]);
    rmSync(found, { recursive: true, force: true });
    return status !== 0;
  }

  /** Runs a command in the copy. */
  #run(command, args) {
    const { MTA_STS_TEST_ALL: _, ...env } = process.env; // what cannot run in a copy is skipped
    return new Promise((resolve, reject) => {
      let said = "";
      const child = spawn(command, args, {
        cwd: this.#tree,
        env,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: LIMIT_MS,
      });
      const hear = (chunk) => {
        said = (said + chunk).slice(-20_000);
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.on("error", reject);
      child.on("close", (status, signal) => {
        if (signal === "SIGTERM") reject(new Error(`${command} ${args.join(" ")} did not end`));
        else resolve({ status, said });
      });
    });
  }
}
