import { type ChildProcess, type ForkOptions, fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT, transpiled } from "../transpiled.ts";
import type { WorkerReport, WorkerTask } from "./store-worker.ts";

const WORKER = "test/host/store/store-worker";

const sourcesIn = (folder: string): string[] => readdirSync(join(ROOT, folder)).map((name) => join(folder, name));

/** The store, what it imports, and store-worker.ts, compiled for a process of their own: the path of the worker. */
export function compileWorker(): string {
  const out = transpiled([...["host/store", "host/observe"].flatMap(sourcesIn), `${WORKER}.ts`]);
  return join(out, `${WORKER}.js`);
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
