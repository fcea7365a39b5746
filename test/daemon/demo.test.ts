import { spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const SOURCES = new URL("../lab/", import.meta.url);
const COMPILED = new URL("../../dist/test/lab/", import.meta.url);

/** The demonstration as `npm run demo` starts it. Throws when it is older than its source. */
function compiledDemo(): string {
  for (const file of readdirSync(SOURCES).filter((name) => name.endsWith(".ts"))) {
    const built = statSync(new URL(file.replace(/\.ts$/, ".js"), COMPILED), { throwIfNoEntry: false });
    if (built === undefined || built.mtimeMs < statSync(new URL(file, SOURCES)).mtimeMs)
      throw new Error(`dist/test/lab is older than test/lab/${file}; build first (npm run build)`);
  }
  return fileURLToPath(new URL("demo.js", COMPILED));
}

function run(script: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

it("delivers what may be delivered and holds back what twelve attackers want (R-8461-5-03, R-8461-5.1-04, R-8461-5.1-05)", async () => {
  const { code, output } = await run(compiledDemo());
  expect(output).toContain("DELIVERED to mx.bank.test over verified TLS, policy 1");
  expect(output).toContain("DELIVERED to mx.trial.test, and counted as a failure of the testing policy");
  expect(output).toContain("DELIVERED to mx2.two.test over verified TLS, policy 1");
  expect(output).toContain("DELIVERED to new.moving.test over verified TLS, policy 2");
  expect(output).toContain("12 attacks, 0 messages sent in the clear or to a wrong host");
  expect(output).toContain("the same MTA without mta-sts-engine: 12 of 12");
  expect(output).toContain("without an attack: 5 of 5 messages delivered, 1 failure of a testing policy counted");
  expect(output).not.toContain("NOT AS EXPECTED");
  expect(output).not.toContain("\u001b");
  expect(code).toBe(0);
});
