// npm run bench:embed: nanoseconds per call through each SDK, and how that compares with C, measured in the same run.
// Each figure is the least of fifteen rounds. An SDK whose toolchain is missing is left out.
import { loadCoreSync } from "mta-sts-engine";
import { cRuntime } from "./c.mjs";
import { root, run } from "./command.mjs";
import { goRuntime } from "./go.mjs";
import { pythonRuntime } from "./python.mjs";

const CALLS = ["select_record", "parse_policy", "match_mx"];
const ROUNDS = 15;
const REPEAT = 20_000;

const policy = Buffer.from(
  "version: STSv1\nmode: enforce\nmx: mail1.example.com\nmx: mail2.example.com\nmx: mail3.example.com\n" +
    "mx: *.example.net\nmx: backup.example.org\nmax_age: 604800\n",
);

function measureHere() {
  const begin = performance.now();
  const core = loadCoreSync();
  const figures = { instantiate: (performance.now() - begin) * 1e6 };
  const calls = {
    select_record: () => core.selectRecord(["v=STSv1; id=20260101000000Z;"]).ok,
    parse_policy: () => core.parsePolicy(policy).ok,
    match_mx: () => core.matchesMx("*.example.net", "mx1.example.net"),
  };
  for (const name of CALLS) {
    const rounds = Array.from({ length: ROUNDS }, () => {
      const start = performance.now();
      for (let i = 0; i < REPEAT; i++) if (!calls[name]()) throw new Error(`${name} said no`);
      return ((performance.now() - start) * 1e6) / REPEAT;
    });
    figures[name] = Math.min(...rounds);
  }
  return figures;
}

/** Lines of the form "NAME NS". */
const readLines = (text) =>
  Object.fromEntries([...text.matchAll(/^(\w+) ([\d.]+)$/gm)].map(([, name, ns]) => [name, Number(ns)]));

const runtimes = [
  ["C (wasm2c)", cRuntime, () => run("make", ["-s", "-C", `${root}/bindings/c`, "bench"]).stdout],
  ["Go (wazero)", goRuntime, () => goRuntime.bench()],
  ["Python", pythonRuntime, () => pythonRuntime.bench()],
];
const table = [];
for (const [name, runtime, figures] of runtimes) {
  const lacks = runtime.missing();
  if (lacks.length > 0) console.log(`skipped ${name}: no ${lacks.join(", ")}`);
  else table.push([name, readLines(figures())]);
}
table.push(["Node (V8)", measureHere()]);

const [, native] = table.find(([name]) => name.startsWith("C ")) ?? [];
console.log(
  `${"ns per call".padEnd(12)}${CALLS.map((name) => name.padStart(24)).join("")}${"instantiate".padStart(14)}`,
);
for (const [name, figures] of table) {
  const cells = CALLS.map((call) => {
    const ratio = native === undefined ? "" : ` (${(figures[call] / native[call]).toFixed(1)} x C)`;
    return `${figures[call].toFixed(0)}${ratio}`.padStart(24);
  });
  console.log(`${name.padEnd(12)}${cells.join("")}${`${(figures.instantiate / 1e6).toFixed(2)} ms`.padStart(14)}`);
}

const python = table.find(([name]) => name === "Python")?.[1];
if (python !== undefined)
  console.log(
    `Python, before anything is decided: ${python.bare_call} ns a call, ${python.exchange} ns with request and reply`,
  );
