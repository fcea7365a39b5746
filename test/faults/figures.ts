import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";

const FILE = process.env.FAULTS_FIGURES ?? "";

/**
 * Adds what a run measured to the JSON file named by FAULTS_FIGURES, under the name of the run; without it figures go
 * nowhere. docs/faults.json holds those of the long runs.
 */
export function recordFigures(run: string, figures: Record<string, number | string>): void {
  if (FILE === "") return;
  let held: Record<string, unknown> = {};
  try {
    held = JSON.parse(readFileSync(FILE, "utf8")) as Record<string, unknown>;
  } catch {
    mkdirSync(new URL(".", `file://${FILE}`), { recursive: true });
  }
  const date = new Date().toISOString().slice(0, 10);
  const machine = { cpus: cpus().length, load: Math.round(loadavg()[0] ?? 0), node: process.version };
  writeFileSync(FILE, `${JSON.stringify({ ...held, [run]: { date, machine, ...figures } }, null, 2)}\n`);
}
