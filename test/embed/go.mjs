// bindings/go and examples/go-mta: vectors, the client's tests (also against the lab), vet and gofmt.
import { join } from "node:path";
import { findCommand, root, run } from "./command.mjs";
import { Results } from "./results.mjs";

const LEAST_MINOR = 23;
const go = findCommand(
  ["go", "/usr/local/go/bin/go", "/usr/lib/go-1.24/bin/go", "/usr/lib/go-1.23/bin/go"],
  ["version"],
);
// No toolchain is downloaded behind our back.
const env = { GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false" };
const folders = ["bindings/go", "examples/go-mta"];

function missing() {
  if (go === null) return ["Go (Debian bookworm: golang-1.23-go from backports)"];
  const minor = Number(/go1\.(\d+)/.exec(go.says)?.[1] ?? 0);
  return minor < LEAST_MINOR ? [`Go 1.${LEAST_MINOR} (this is ${go.says.trim()})`] : [];
}

/** Only tests without tests below them count, so that none counts twice. */
function readTests(results, stdout) {
  const outputs = new Map();
  const ended = new Map();
  for (const line of stdout.split("\n").filter((text) => text.startsWith("{"))) {
    const { Action, Package, Test, Output } = JSON.parse(line);
    if (Test === undefined) continue;
    const key = `${Package} ${Test}`;
    if (Action === "output") outputs.set(key, (outputs.get(key) ?? "") + Output);
    if (["pass", "fail", "skip"].includes(Action)) ended.set(key, { Test, Action });
  }
  const parents = new Set([...ended.keys()].map((key) => key.slice(0, key.lastIndexOf("/"))));
  for (const [key, { Test, Action }] of ended) {
    if (parents.has(key) && Action !== "fail") continue;
    if (parents.has(key) && [...ended].some(([other, end]) => other.startsWith(`${key}/`) && end.Action === "fail"))
      continue;
    const file = /^TestVectors\/([\w-]+\.json)/.exec(Test)?.[1];
    const good = Action === "pass";
    if (Test === "TestBench") continue;
    if (Action === "skip") {
      results.skipped.push(Test);
      continue;
    }
    if (file === undefined) results.check(`${Test}: ${Action}`, good, outputs.get(key));
    else results.vector(file, good ? 1 : 0, good ? 0 : 1);
    if (file !== undefined && !good) results.complaints.push(outputs.get(key) ?? Test);
  }
}

export const goRuntime = {
  name: "Go",
  missing,
  /** What bench_test.go prints. */
  bench: () =>
    run(go.command, ["test", "-count=1", "-run", "TestBench", "-v", "."], {
      cwd: join(root, "bindings/go"),
      env: { ...env, MTA_STS_BENCH: "1" },
    }).stdout,
  run() {
    const results = new Results();
    for (const folder of folders) {
      const cwd = join(root, folder);
      const tests = run(go.command, ["test", "-json", "-count=1", "./..."], { cwd, env });
      readTests(results, tests.stdout);
      results.check(`${folder}: go test ends with 0`, tests.status === 0, tests.stderr);
      const vet = run(go.command, ["vet", "./..."], { cwd, env });
      results.check(`${folder}: go vet`, vet.status === 0, vet.stderr);
      const format = run(go.command.replace(/go$/, "gofmt"), ["-l", "."], { cwd });
      results.check(`${folder}: gofmt`, format.status === 0 && format.stdout === "", format.stdout + format.stderr);
      const tidy = run(go.command, ["mod", "verify"], { cwd, env });
      results.check(`${folder}: go mod verify`, tidy.status === 0, tidy.stdout + tidy.stderr);
    }
    return results;
  },
};
