// npm run test:embed: the same vector files on every runtime there is an SDK for, as a matrix; and the SDKs' own tests.
// A runtime whose toolchain is missing is named and left out; with MTA_STS_TEST_ALL=1 that is a failure.
// `node test/embed/main.mjs Go C` runs those alone. To add a runtime: a file beside this one, and a line below.
import { files, read } from "mta-sts-engine/vectors";
import { cRuntime } from "./c.mjs";
import { chromiumRuntimes } from "./chromium.mjs";
import { goRuntime } from "./go.mjs";
import { javaRuntime } from "./java.mjs";
import { portable, v8 } from "./node.mjs";
import { pythonRuntime } from "./python.mjs";

const runtimes = [v8, portable, goRuntime, cRuntime, pythonRuntime, javaRuntime, ...chromiumRuntimes];

const wanted = process.argv.slice(2);
const chosen = runtimes.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const all = new Map();
const skipped = [];

for (const runtime of chosen) {
  const lacks = runtime.missing();
  if (lacks.length > 0) {
    skipped.push(`${runtime.name}: no ${lacks.join(", ")}`);
    continue;
  }
  const start = performance.now();
  const results = runtime.run();
  console.error(`${runtime.name}: ${((performance.now() - start) / 1000).toFixed(0)} s`);
  all.set(runtime.name, results);
}

/** "45", "44 of 45", or "-" where the runtime ran no such file. A file that was run in part is a failure. */
function cell(results, file) {
  const { passed, failed } = results.files.get(file) ?? { passed: 0, failed: 0 };
  const total = read(file).vectors.length;
  if (passed === total && failed === 0) return String(total);
  results.complaints.push(`${file}: ${passed} of ${total} vectors passed`);
  if (failed === 0) results.others.failed++;
  return passed + failed === 0 ? "-" : `${passed} of ${total}`;
}

const head = ["vectors", ...all.keys()];
const rows = files.map((file) => [file, ...[...all.values()].map((results) => cell(results, file))]);
const sdk = ["tests of the SDK", ...[...all.values()].map(({ others }) => String(others.passed || ""))];
const widths = head.map((_, column) => Math.max(...[head, ...rows, sdk].map((row) => row[column].length)));
for (const row of [head, ...rows, sdk])
  console.log(
    row
      .map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i])))
      .join("  ")
      .trimEnd(),
  );

for (const [name, { complaints }] of all) for (const complaint of complaints) console.log(`\n${name}: ${complaint}`);
for (const [name, results] of all) for (const test of results.skipped) console.log(`skipped ${name}: ${test}`);
for (const reason of skipped) console.log(`skipped ${reason}`);
const failed = [...all.values()].reduce((sum, results) => sum + results.failed, 0);
const passed = [...all.values()].reduce((sum, results) => sum + results.passed, 0);
console.log(`\nembed: ${passed} passed, ${failed} failed, ${skipped.length} skipped`);
if (failed > 0 || all.size === 0 || (skipped.length > 0 && process.env.MTA_STS_TEST_ALL)) process.exit(1);
