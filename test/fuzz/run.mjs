// npm run fuzz -- TARGET SECONDS [--build asan|guard] [--keep] [--record FILE]
// Fuzzes one export of the shipped module, both builds at once. A crash is left in build/fuzz/crashes and exits 1.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { kinds, link, missing, project, targets, translate } from "./build.mjs";
import { writeSeeds } from "./seeds.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    build: { type: "string" },
    keep: { type: "boolean" },
    record: { type: "string" },
    seed: { type: "string", default: "0" },
  },
});
const [wanted, seconds = "60"] = positionals;
const chosen = wanted === "all" ? targets : [wanted];
if (!/^\d+$/.test(seconds) || chosen.some((target) => !targets.includes(target))) {
  console.error(`usage: npm run fuzz -- TARGET SECONDS [--build asan|guard] [--seed N] [--keep] [--record FILE]
TARGET: ${targets.join(", ")}, or all`);
  process.exit(2);
}
const lacks = missing();
if (lacks.length > 0) {
  console.error(`fuzzing needs ${lacks.join(" and ")}`);
  process.exit(2);
}

const folder = join(project, "build/fuzz");
const crashes = join(folder, "crashes");
mkdirSync(crashes, { recursive: true });

/** Runs a fuzzer; resolves to its exit status and what it printed. */
function fuzz(program, args) {
  return new Promise((resolve) => {
    let said = "";
    const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.on("data", (chunk) => {
      said = (said + chunk).slice(-20_000);
    });
    child.on("close", (status) => resolve({ status, said }));
  });
}

const last = (said, pattern) => Number([...said.matchAll(pattern)].at(-1)?.[1] ?? 0);

async function runOne(kind, target) {
  const program = link(kind, target, join(folder, kind));
  const found = join(folder, `found-${kind}`, target);
  const seeds = join(folder, "seeds", target);
  writeSeeds(project, target, seeds);
  mkdirSync(found, { recursive: true });
  const committed = join(project, "test/fuzz/corpus", target);
  const { status, said } = await fuzz(program, [
    `-max_total_time=${seconds}`,
    "-max_len=4096",
    "-timeout=10",
    "-print_final_stats=1",
    `-seed=${options.seed}`,
    `-dict=${join(project, "test/fuzz/dictionaries/text.dict")}`,
    `-artifact_prefix=${crashes}/${target}-${kind}-`,
    found,
    seeds,
    ...(existsSync(committed) ? [committed] : []),
  ]);
  const figures = {
    target,
    build: kind,
    seconds: Number(seconds),
    executions: last(said, /stat::number_of_executed_units:\s*(\d+)/g),
    perSecond: last(said, /stat::average_exec_per_sec:\s*(\d+)/g),
    edges: last(said, /cov: (\d+)/g),
    features: last(said, /ft: (\d+)/g),
    crashes: status === 0 ? 0 : 1,
  };
  if (status !== 0) console.error(said);
  console.log(JSON.stringify(figures));
  if (options.record !== undefined) appendFileSync(options.record, `${JSON.stringify(figures)}\n`);
  return status === 0;
}

/** A smallest set of inputs that reaches every edge that was reached becomes the committed corpus. */
async function keep(target) {
  const fresh = mkdtempSync(join(folder, "merge-"));
  const committed = join(project, "test/fuzz/corpus", target);
  const sources = [
    committed,
    join(folder, "seeds", target),
    ...kinds.map((kind) => join(folder, `found-${kind}`, target)),
  ];
  await fuzz(join(folder, "asan", target), [
    "-set_cover_merge=1",
    "-use_counters=0",
    "-max_len=1024",
    fresh,
    ...sources.filter(existsSync),
  ]);
  rmSync(committed, { recursive: true, force: true });
  mkdirSync(join(committed, ".."), { recursive: true });
  renameSync(fresh, committed);
  console.log(`${target}: ${readdirSync(committed).length} inputs kept`);
}

const used = options.build === undefined ? kinds : [options.build];
for (const kind of used) translate(kind, join(folder, kind));
let sound = true;
for (const target of chosen) {
  const together = availableParallelism() > 1;
  const results = together ? await Promise.all(used.map((kind) => runOne(kind, target))) : [];
  if (!together) for (const kind of used) results.push(await runOne(kind, target));
  if (options.keep) await keep(target);
  sound &&= results.every(Boolean);
}
process.exit(sound ? 0 : 1);
