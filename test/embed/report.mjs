// What a test program of another language wrote to MTA_STS_VECTOR_REPORT:
// { "files": { FILE: { "passed", "failed" } }, "others": { "passed", "failed" } }, the second for tests that are no vectors.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./command.mjs";
import { Results } from "./results.mjs";

const readReport = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { files: {} });

/**
 * Runs a test program.
 * @param endings of the reports it writes, one for each runtime; default one report
 * @returns for each report the results: its vectors, and whether the program ended with 0
 */
export function runWithReport(name, command, args, endings = [""], env = {}) {
  const folder = mkdtempSync(join(tmpdir(), "mta-sts-report-"));
  const target = join(folder, "vectors.json");
  try {
    const { status, stdout, stderr } = run(command, args, { env: { ...env, MTA_STS_VECTOR_REPORT: target } });
    return endings.map((ending) => {
      const results = new Results();
      const { files, others } = readReport(target + ending);
      for (const [file, { passed, failed }] of Object.entries(files)) results.vector(file, passed, failed);
      if (others !== undefined) results.others = others;
      results.check(`${name} ends with 0`, status === 0, stdout + stderr);
      return results;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
