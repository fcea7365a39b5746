import { readFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** Set by .ci/run, whose machine has everything: there the shares below must be reached. */
const ALL = process.env.MTA_STS_TEST_ALL === "1";
const ID = /\bR-(?:\d{4}|[A-Z]{2,5})(?:-[A-Za-z0-9]+(?:\.[0-9]+)*)*-\d{2}\b/g;
/** Sections A to H of docs/requirements.md, and how much of each component must be shown by a test that passed. */
const SECTIONS = /^## [A-H]\. /;
const SHARES = [
  { component: "core TXT parser", levels: /MUST|SHALL/, share: 1 },
  { component: "core policy parser", levels: /MUST|SHALL/, share: 1 },
  { component: "core MX matcher", levels: /MUST|SHALL/, share: 1 },
  { component: "core cache state machine", levels: /MUST|SHALL/, share: 1 },
  { component: "host DNS", levels: /./, share: 0.8 },
  { component: "host HTTPS", levels: /./, share: 0.8 },
  { component: "host store", levels: /./, share: 0.8 },
];

interface Requirement {
  readonly id: string;
  readonly level: string;
  readonly components: readonly string[];
}

/** Says after a whole run which requirements were cited in the title of a test that ran and passed. */
export default class RequirementsReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const projects = new Set(modules.map((module) => module.project.name));
    if (!["core", "host", "daemon"].every((name) => projects.has(name))) return; // a part says nothing of the whole
    const shown = new Set(modules.flatMap((module) => [...module.children.allTests("passed")].flatMap(idsIn)));
    console.log("\nRequirements of sections A to H in titles of tests that passed:");
    for (const { component, levels, share } of SHARES) {
      const asked = requirements().filter((r) => r.components.includes(component) && levels.test(r.level));
      const missing = asked.filter(({ id }) => !shown.has(id)).map(({ id }) => id);
      const met = asked.length - missing.length >= share * asked.length;
      console.log(`  ${component.padEnd(26)}${asked.length - missing.length} of ${asked.length}  ${missing.join(" ")}`);
      if (ALL && !met) process.exitCode = 1;
    }
  }
}

function idsIn(test: { readonly fullName: string }): string[] {
  return test.fullName.match(ID) ?? [];
}

function requirements(): Requirement[] {
  const found: Requirement[] = [];
  let inside = false;
  for (const line of readFileSync(new URL("../docs/requirements.md", import.meta.url), "utf8").split("\n")) {
    if (line.startsWith("## ")) inside = SECTIONS.test(line);
    const entry = /^\*\*(R-[\w.-]+)\*\*\s*·\s*([^·]+)·\s*[^·]+·\s*(.+?)\s*$/.exec(line);
    if (!inside || !entry) continue;
    const [, id = "", level = "", components = ""] = entry;
    found.push({ id, level: level.trim(), components: components.split(",").map((name) => name.trim()) });
  }
  return found;
}
