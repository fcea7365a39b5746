// npm run mutants [-- --only TEXT] [--sample] [--quick] [--workers N]
// Plants each fault of list.mjs in a copy of the tree and tells which checks find it: unit tests, the oracle, the
// fuzzer, and for the core the wasm against its portable twin (the fault in the wasm alone: twins that share a fault
// cannot differ). With --only, those of that name or file alone; with --quick, only until one check finds
// the fault. Exits 1 when a fault is found by nothing, or a change that changes nothing by something. Renews the rows of
// docs/assurance.md.
import { parseArgs } from "node:util";
import { missing } from "../fuzz/build.mjs";
import { controls, mutants } from "./list.mjs";
import { Plot } from "./plot.mjs";
import { cell, writeRow } from "./table.mjs";

/** What CI plants: one fault of each kind, found in one way each at least. */
const SAMPLE = [
  "a DNS-ID read one octet past the list",
  "the last mode counts",
  "NXDOMAIN drops a held policy",
  "any 2xx is a policy",
];

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    sample: { type: "boolean" },
    quick: { type: "boolean" },
    workers: { type: "string", default: "1" },
  },
});
const lacks = missing();
if (lacks.length > 0) {
  console.error(`planting faults needs ${lacks.join(" and ")}`);
  process.exit(2);
}

const isWanted = ({ fault, file }) =>
  (options.only === undefined || fault.includes(options.only) || file.includes(options.only)) &&
  (!options.sample || [...SAMPLE, ...controls.map((control) => control.fault)].includes(fault));
const chosen = [...controls, ...mutants].filter(isWanted);
const isFound = (result) => Object.values(result).includes(true);
const wrong = [];

async function tryOne(plot, mutant) {
  const result = await plot.try(mutant, options.quick);
  const isControl = controls.includes(mutant);
  if (isFound(result) === isControl) wrong.push(mutant.fault);
  const verdict = isControl ? (isFound(result) ? "WRONG" : "control") : isFound(result) ? "found" : "SURVIVED";
  const by = ["unit", "oracle", "fuzz", "differential"].map((check) => `${check} ${cell(result[check])}`);
  console.log(`${verdict} ${mutant.fault}: ${by.join(", ")}`);
  if (verdict === "WRONG") console.log(plot.said);
  if (!isControl && !options.sample) writeRow(mutant, result);
}

const queue = [...chosen];
const plots = Array.from({ length: Number(options.workers) }, () => new Plot());
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));
process.on("exit", () => {
  for (const plot of plots) plot.close();
});
await Promise.all(
  plots.map(async (plot) => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      try {
        await tryOne(plot, mutant);
      } catch (error) {
        wrong.push(mutant.fault);
        console.log(`ERROR ${mutant.fault}: ${error.message}`);
      }
    }
  }),
);
console.log(`${chosen.length} tries, ${wrong.length} results that must not be: ${wrong.join("; ")}`);
process.exit(wrong.length === 0 ? 0 : 1);
