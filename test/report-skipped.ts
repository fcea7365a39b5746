import type { Reporter, TestModule } from "vitest/node";

/** Names every test that did not run, with the reason its suite gives, after the ordinary report. */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const names: string[] = [];
    for (const module of modules)
      for (const test of module.children.allTests("skipped")) {
        const result = test.result();
        const note = result.state === "skipped" && result.note ? ` (${result.note})` : "";
        names.push(`  ${test.fullName}${note}`);
      }
    if (names.length > 0) console.log(`\nSkipped, by name:\n${names.join("\n")}`);
  }
}
