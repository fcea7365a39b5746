// bindings/java: vectors, and the client against the lab.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "./command.mjs";
import { runWithReport } from "./report.mjs";

const needed = [
  ["mvn", ["--version"], "Maven (Debian: maven)"],
  ["javac", ["--version"], "a JDK, 17 or later (Debian: default-jdk-headless)"],
];

const target = process.env.MTA_STS_JAVA_CACHE ?? "/var/cache/mta-sts-engine/java";

/** Tests that are no vectors, from Surefire's reports: the first line of each says how many there were. */
function countOthers(results) {
  for (const folder of [target, join(target, "mailet")].map((path) => join(path, "surefire-reports")))
    for (const file of existsSync(folder) ? readdirSync(folder) : []) {
      if (!file.endsWith(".xml") || file.includes("VectorsTest")) continue;
      const text = readFileSync(join(folder, file), "utf8");
      const number = (name) => Number(new RegExp(`<testsuite [^>]*${name}="(\\d+)"`).exec(text)?.[1] ?? 0);
      const failed = number("errors") + number("failures");
      results.others.passed += number("tests") - failed;
      results.others.failed += failed;
    }
}

function runJava() {
  const [results] = runWithReport("bindings/java/test.sh", "bash", ["bindings/java/test.sh"]);
  countOthers(results);
  return results;
}

export const javaRuntime = {
  name: "Java",
  missing: () => needed.filter(([command, args]) => findCommand([command], args) === null).map(([, , what]) => what),
  run: runJava,
};
