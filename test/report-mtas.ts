import type { Reporter, TestModule } from "vitest/node";

const MARKS: Readonly<Record<string, string>> = { passed: "ok", failed: "FAILED", skipped: "-" };
const TITLE_WIDTH = 96;

/** Prints, after the project `mtas` has run, what each MTA did in each scenario. */
export default class MtaReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const scenarios = new Map<string, Map<string, string>>();
    const mtas = new Set<string>();
    for (const module of modules.filter(({ project }) => project.name === "mtas"))
      for (const test of module.children.allTests()) {
        const suite = test.parent.type === "suite" ? test.parent.name : "";
        const mta = /^[^,[]+?(?=,| \[|$)/.exec(suite)?.[0] ?? "";
        if (mta === "") continue;
        mtas.add(mta);
        const row = scenarios.get(test.name) ?? new Map<string, string>();
        row.set(mta, MARKS[test.result().state] ?? "?");
        scenarios.set(test.name, row);
      }
    if (scenarios.size === 0) return;
    const columns = [...mtas].sort();
    console.log(`\n${row("MTA x scenario", columns)}`);
    for (const [title, marks] of scenarios) console.log(row(title, columns, marks));
  }
}

function row(title: string, columns: readonly string[], marks?: ReadonlyMap<string, string>): string {
  const cut = title.length <= TITLE_WIDTH ? title : `${title.slice(0, TITLE_WIDTH - 3)}...`;
  const cells = columns.map((mta) => (marks === undefined ? mta : (marks.get(mta) ?? "")).padEnd(mta.length));
  return `  ${cut.padEnd(TITLE_WIDTH)}  ${cells.join("  ")}`.trimEnd();
}
