// npm run oracle -- [--runs N] [--seed S] [--only NAME] [--wasm FILE]: the core and the oracle on N generated inputs.
// Exit 1 where they differ, with the smallest input found and the seed and path that lead to it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import type { CoreExports } from "../../host/core/exports.ts";
import { runGenerated, verdictList } from "./generated.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    wasm: { type: "string" },
  },
});
const [runs, seed] = [Number(values.runs), Number(values.seed)];
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed)) {
  console.error("usage: npm run oracle -- [--runs N] [--seed S] [--only NAME] [--wasm FILE]");
  process.exit(2);
}
const file = values.wasm ?? createRequire(import.meta.url).resolve("mta-sts-engine/mta-sts.wasm");
const module = new WebAssembly.Module(new Uint8Array(readFileSync(file)));
const core = new WebAssembly.Instance(module).exports as unknown as CoreExports;

let total = 0;
try {
  for (const count of runGenerated(core, runs, seed, values.only)) {
    total += count.inputs;
    console.log(`${count.name}: ${count.inputs} inputs in ${count.seconds.toFixed(0)} s; ${verdictList(count)}`);
  }
} catch (problem) {
  console.error(problem instanceof Error ? `${problem.message}\n${String(problem.cause)}` : problem);
  process.exit(1);
}
console.log(`core and oracle agree on ${total} inputs, seed ${seed}`);
