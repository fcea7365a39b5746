// bindings/java: vectors, and the client against the lab.
import { findCommand } from "./command.mjs";
import { runWithReport } from "./report.mjs";

const needed = [
  ["mvn", ["--version"], "Maven (Debian: maven)"],
  ["javac", ["--version"], "a JDK, 17 or later (Debian: default-jdk-headless)"],
];

export const javaRuntime = {
  name: "Java",
  missing: () => needed.filter(([command, args]) => findCommand([command], args) === null).map(([, , what]) => what),
  run: () => runWithReport("bindings/java/test.sh", "bash", ["bindings/java/test.sh"])[0],
};
