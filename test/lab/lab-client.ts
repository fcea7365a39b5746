import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  COMMANDS,
  type CommandName,
  type LabAnswer,
  type LabDescription,
  type LabReady,
  type LabRequest,
  readLine,
  writeLine,
} from "./lab-protocol.ts";
import type { Namespace } from "./namespace.ts";
import type { World } from "./world.ts";

/** The methods of a World in another process: same names, arguments and results. */
export type RemoteWorld = {
  readonly [K in CommandName]: World[K] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Promise<Result>
    : never;
};

export interface Lab {
  readonly world: RemoteWorld;
  readonly ready: LabReady;
  readonly pid: number | undefined;
  /** Ends the lab and waits for its process. */
  close(): Promise<void>;
}

/** Starts a lab as a process of its own, inside a namespace where one is given, and waits until it listens. */
export async function startLab(description: LabDescription, namespace?: Namespace): Promise<Lab> {
  const script = compiledMain();
  const stdio = { stdio: ["pipe", "pipe", "pipe"] as ("pipe" | "ignore")[] };
  const child = namespace?.spawnNode(script, [], stdio) ?? spawn(process.execPath, [script], stdio);
  const wire = new LabWire(child);
  wire.send(description);
  const ready = await wire.ready;
  const calls = COMMANDS.map((command) => [command, (...args: unknown[]) => wire.call(command, args)]);
  return {
    world: Object.fromEntries(calls) as RemoteWorld,
    ready,
    pid: child.pid,
    close: async () => {
      child.stdin?.end();
      await wire.ended;
    },
  };
}

class LabWire {
  readonly ready: Promise<LabReady>;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #last = 0;
  #complaints = "";
  #over = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.ready = new Promise((resolve, reject) => {
      // Number 0 is the "ready" line: nothing is asked for before it.
      this.#waiting.set(0, { resolve: (value) => resolve(value as LabReady), reject });
    });
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#end(`lab: the lab process ended (${signal ?? `exit code ${code}`}) ${this.#complaints}`);
        resolve();
      });
      child.once("error", (error) => {
        this.#end(`lab: cannot start the lab process: ${error.message}`);
        resolve();
      });
    });
    child.stdin?.on("error", () => undefined);
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      this.#complaints += text;
    });
    if (child.stdout) createInterface({ input: child.stdout }).on("line", (line) => this.#onLine(line));
  }

  send(value: unknown): void {
    this.#child.stdin?.write(writeLine(value));
  }

  call(command: CommandName, args: readonly unknown[]): Promise<unknown> {
    if (this.#over) return Promise.reject(new Error(`lab: ${command} after the lab process ended`));
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.send({ id, command, args } satisfies LabRequest);
    });
  }

  #onLine(line: string): void {
    const said = readLine(line) as LabReady | LabAnswer;
    const id = "ready" in said ? 0 : said.id;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if ("ready" in said) waiting?.resolve(said);
    else if (said.ok) waiting?.resolve(said.value);
    else waiting?.reject(new Error(said.error));
  }

  #end(reason: string): void {
    this.#over = true;
    for (const { reject } of this.#waiting.values()) reject(new Error(reason.trim()));
    this.#waiting.clear();
  }
}

/** The lab as JavaScript, which a plain `node` can run. Throws when it is missing or older than its source. */
function compiledMain(): string {
  if (import.meta.url.endsWith(".js")) return fileURLToPath(new URL("./main.js", import.meta.url));
  const source = new URL("./", import.meta.url);
  const compiled = new URL("../../dist/test/lab/", import.meta.url);
  for (const file of readdirSync(source).filter((name) => name.endsWith(".ts"))) {
    const built = statSync(new URL(file.replace(/\.ts$/, ".js"), compiled), { throwIfNoEntry: false });
    if (built === undefined || built.mtimeMs < statSync(new URL(file, source)).mtimeMs)
      throw new Error(`lab: dist/test/lab is older than test/lab/${file}; build first (npm run build)`);
  }
  return fileURLToPath(new URL("main.js", compiled));
}
