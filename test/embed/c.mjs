// bindings/c: every vector under two sanitizers, what the shared library exports, and the README's own commands.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand, root, run } from "./command.mjs";
import { Results } from "./results.mjs";

const needed = [
  ["wasm2c", ["--version"], "wasm2c (Debian: wabt)"],
  ["make", ["--version"], "make"],
  ["cc", ["--version"], "a C compiler (Debian: gcc)"],
];
const headers = ["jansson.h", "openssl/sha.h"];

function missing() {
  const tools = needed.filter(([command, args]) => findCommand([command], args) === null).map(([, , what]) => what);
  if (tools.length > 0) return tools;
  const probe = headers.map((header) => `#include <${header}>`).join("\n");
  const folder = mkdtempSync(join(tmpdir(), "mta-sts-c-"));
  try {
    writeFileSync(join(folder, "probe.c"), `${probe}\n`);
    const { status } = run("cc", ["-fsyntax-only", join(folder, "probe.c")]);
    return status === 0 ? [] : ["libjansson-dev and libssl-dev"];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const library = join(root, "bindings/c");
const out = join(root, "build/c");

function runVectors(results) {
  const { status, stdout, stderr } = run("make", ["-s", "-C", library, "test"]);
  for (const [, file, passed, failed] of stdout.matchAll(/^(\S+\.json) (\d+) (\d+)$/gm))
    results.vector(file, Number(passed), Number(failed));
  results.check("make test ends with 0, and neither sanitizer complains", status === 0, stderr);
}

function checkExports(results) {
  const { stdout, status } = run("nm", ["-D", "--defined-only", join(out, "libmta-sts.so")]);
  const names = [...stdout.matchAll(/ T (\S+)/g)].map(([, name]) => name.replace(/@.*/, ""));
  const declared = readFileSync(join(library, "mta_sts.h"), "utf8").match(/\bmta_sts_?\w*(?=\()/g) ?? [];
  const good = status === 0 && [...new Set(declared)].sort().join() === [...new Set(names)].sort().join();
  results.check(
    "the shared library exports what the header declares",
    good,
    `${names.join(" ")}\n${declared.join(" ")}`,
  );
}

/** The README says what its commands print. */
function checkReadme(results) {
  const text = readFileSync(join(library, "README.md"), "utf8");
  const expected = /prints\n\n```\n([\s\S]*?)```/.exec(text)?.[1] ?? "(no output in README.md)";
  const folder = mkdtempSync(join(tmpdir(), "mta-sts-c-"));
  const program = join(out, "c-embed");
  const hosts = ["mx.example.net", "mx.attacker.example"];
  try {
    writeFileSync(join(folder, "policy.txt"), "version: STSv1\nmode: enforce\nmx: *.example.net\nmax_age: 604800\n");
    const first = run(program, ["example.com", "state", "v=STSv1; id=1;", "policy.txt", ...hosts], { cwd: folder });
    results.check("c-embed prints what README.md says", first.stdout === expected, first.stdout + first.stderr);
    const second = run(program, ["example.com", "state", "servfail", "", ...hosts], { cwd: folder });
    const held = expected.replace("notice: policy-new\n", "").replace("fetched", "cached");
    results.check("c-embed honours the held policy whatever DNS says", second.stdout === held, second.stdout);
    writeFileSync(join(folder, "state"), "damaged");
    const third = run(program, ["example.com", "state", "v=STSv1; id=1;", "", ...hosts], { cwd: folder });
    const waits = third.stdout.includes("temp: fetch-failed\nmx.example.net: skip temporary\n");
    results.check("c-embed defers when its state is damaged and no policy is found", waits, third.stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const cRuntime = {
  name: "C",
  missing,
  run() {
    const results = new Results();
    runVectors(results);
    const built = run("make", ["-s", "-C", join(root, "examples/c-embed")]);
    results.check("make builds the libraries and the example", built.status === 0, built.stderr);
    checkExports(results);
    checkReadme(results);
    return results;
  },
};
