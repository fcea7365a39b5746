import type { Reporter, TestModule } from "vitest/node";
import { fateOf, type InterplayRow, rows } from "./dane/interplay.ts";

const MARKS: Readonly<Record<string, string>> = { passed: "ok", failed: "FAILED", skipped: "-" };
const SUITE = /^DANE: ((?:Postfix|Haraka) [0-9.]+)(?: with the plugin)?(?: \[|$)/;

/** Prints, after the project `dane` has run, what each MTA does with mail in each row of docs/dane.md. */
export default class DaneReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const marks = new Map<string, string>();
    const mtas = new Set<string>();
    for (const module of modules.filter(({ project }) => project.name === "dane"))
      for (const test of module.children.allTests()) {
        const suite = test.parent.type === "suite" ? test.parent.name : "";
        const mta = SUITE.exec(suite)?.[1];
        if (mta === undefined) continue;
        mtas.add(mta);
        marks.set(`${mta} ${test.name}`, MARKS[test.result().state] ?? "?");
      }
    if (mtas.size === 0) return;
    const columns = [...mtas].sort().reverse();
    console.log(`\n${line(["TLSA", "MTA-STS", "the mail", ...columns])}`);
    for (const row of rows) {
      const cells = columns.map((mta) => markOf(mta, row, marks));
      console.log(line([row.dane, row.sts, fateOf(row), ...cells]));
    }
  }
}

/** Postfix runs every row under its title, Haraka the rows that are a case of its own. */
function markOf(mta: string, { postfix, haraka }: InterplayRow, marks: ReadonlyMap<string, string>): string {
  if (mta.startsWith("Postfix")) return marks.get(`${mta} ${postfix.title}`) ?? "";
  const name = [...marks.keys()].find((key) => key.startsWith(`${mta} ${haraka}: `));
  return name === undefined ? "" : (marks.get(name) ?? "");
}

function line(cells: readonly string[]): string {
  const widths = [10, 20, 26];
  return `  ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 13)).join("")}`.trimEnd();
}
