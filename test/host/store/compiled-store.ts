import { type ChildProcess, type ForkOptions, fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll } from "vitest";
import type { WorkerReport, WorkerTask } from "./store-worker.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SOURCES = ["host/store", "host/observe", "test/host/store"];

/**
 * The store, what it imports, and store-worker.ts as JavaScript that a plain `node` runs (Node 20 runs no TypeScript), below the project
 * so that its packages are found. Removed when the tests of the file are over.
 */
export function compileWorker(): string {
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const out = mkdtempSync(join(ROOT, "build/store-test-"));
  chmodSync(out, 0o755); // some tests run it as a user who owns nothing
  afterAll(() => rmSync(out, { recursive: true, force: true }));
  for (const name of SOURCES.flatMap((folder) => readdirSync(join(ROOT, folder)).map((file) => join(folder, file)))) {
    if (name.startsWith("test") && !name.endsWith("-worker.ts")) continue;
    const { outputText } = ts.transpileModule(readFileSync(join(ROOT, name), "utf8"), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    const target = join(out, name.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  return join(out, "test/host/store/store-worker.js");
}

/** One worker process; its reports are collected in order. */
export class StoreWorker {
  readonly child: ChildProcess;
  readonly reports: WorkerReport[] = [];
  #over = false;
  /** The process is gone and every report it sent has been read. */
  readonly ended: Promise<unknown>;

  constructor(script: string, task: WorkerTask, options: ForkOptions = {}) {
    this.child = fork(script, [JSON.stringify(task)], { execArgv: [], ...options });
    this.child.on("message", (report: WorkerReport) => this.reports.push(report));
    this.ended = Promise.all([once(this.child, "exit"), once(this.child, "disconnect")]);
    this.ended.then(() => {
      this.#over = true;
    });
  }

  /** The first report of this kind, waited for; rejects when the process ends without one. */
  async report<K extends WorkerReport["kind"]>(kind: K): Promise<Extract<WorkerReport, { kind: K }>> {
    const found = (): WorkerReport | undefined => this.reports.find((report) => report.kind === kind);
    while (found() === undefined) {
      if (this.#over) throw new Error(`worker ended before it reported ${kind}: ${JSON.stringify(this.reports)}`);
      await Promise.race([once(this.child, "message"), this.ended]);
    }
    return found() as Extract<WorkerReport, { kind: K }>;
  }

  /** Tells the worker to go on to its next part. */
  proceed(): void {
    this.child.send("proceed");
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}
