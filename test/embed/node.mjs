// The shipped module on V8 and its portable twin: test/core/vectors.test.ts runs both, its report is taken apart here.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run } from "./command.mjs";
import { Results } from "./results.mjs";

let report = null;

function vitestReport() {
  if (report !== null) return report;
  const folder = mkdtempSync(join(tmpdir(), "mta-sts-embed-"));
  const file = join(folder, "vectors.json");
  try {
    const args = ["run", "--project", "core", "test/core/vectors.test.ts", "--reporter=json", `--outputFile=${file}`];
    const { stderr } = run(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), ...args]);
    report = {
      tests: JSON.parse(readFileSync(file, "utf8")).testResults.flatMap((suite) => suite.assertionResults),
      stderr,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return report;
}

function runtime(name, build) {
  return {
    name,
    missing: () => [],
    run() {
      const results = new Results();
      const { tests } = vitestReport();
      for (const { ancestorTitles, status, failureMessages, title } of tests) {
        const [suite, file] = ancestorTitles;
        // describe.each prints a string with its quotes.
        if (suite?.replaceAll("'", "") !== `${build} build`) continue;
        results.vector(file, status === "passed" ? 1 : 0, status === "passed" ? 0 : 1);
        if (status !== "passed") results.complaints.push(`${file}: ${title}\n${failureMessages.join("\n")}`);
      }
      return results;
    },
  };
}

export const v8 = runtime("V8", "wasm");
export const portable = runtime("portable", "portable");
