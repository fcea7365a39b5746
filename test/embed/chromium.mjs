// bindings/browser and examples/playground in headless Chromium: one run of the tests, two columns.
import { existsSync } from "node:fs";
import { runWithReport } from "./report.mjs";

const builds = ["wasm", "portable"];
let both = null;

function results(build) {
  const endings = builds.map((name) => `.${name}`);
  both ??= runWithReport("the project browser", "npx", ["vitest", "run", "--project", "browser"], endings);
  return both[builds.indexOf(build)];
}

export const chromiumRuntimes = builds.map((build) => ({
  name: build === "wasm" ? "Chromium" : "Chromium portable",
  missing: () => (existsSync("/usr/bin/chromium") ? [] : ["Chromium (Debian: chromium)"]),
  run: () => results(build),
}));
