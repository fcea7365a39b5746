import type { Reporter, TestCase, TestModule } from "vitest/node";

/** Set by .ci/run, whose machine has everything: there a skipped test is a failure, unless another run of it takes it. */
const ALL = process.env.MTA_STS_TEST_ALL === "1";
const TAKEN_ELSEWHERE = new RegExp(process.env.MTA_STS_TESTED_ELSEWHERE || "(?!)");

/** Names every test that did not run, with the reason its suite gives, after the ordinary report. */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const names = modules.flatMap((module) => [...module.children.allTests("skipped")].map(nameOf));
    if (names.length === 0) return;
    console.log(`\nSkipped, by name:\n${names.join("\n")}`);
    if (!ALL || names.every((name) => TAKEN_ELSEWHERE.test(name))) return;
    console.log("\nMTA_STS_TEST_ALL=1: nothing may be skipped here.");
    process.exitCode = 1;
  }
}

function nameOf(test: TestCase): string {
  const result = test.result();
  const note = result.state === "skipped" && result.note ? ` (${result.note})` : "";
  return `  ${test.fullName}${note}`;
}
