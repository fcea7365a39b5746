import { type ChildProcess, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Namespace } from "../lab/namespace.ts";
import type { NamespaceDoor } from "./namespace-door.ts";

export interface DaemonOptions {
  readonly namespace: Namespace;
  readonly door: NamespaceDoor;
  /** For the configuration, the store and the control socket. */
  readonly directory: string;
  /** The CA that policy hosts are verified against. */
  readonly caFile: string;
  /** Unix sockets to answer Postfix on, beside TCP. */
  readonly sockets: readonly string[];
  /** More entries for `listen`, such as those of other MTAs. */
  readonly listeners?: readonly object[];
  /** How long Postfix is made to wait for a discovery; default as built in. */
  readonly deadline?: string | undefined;
  /** More of the configuration, by section. */
  readonly settings?: Readonly<Record<string, object>>;
}

/** One line of the daemon's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event?: string; readonly msg?: string };

export interface WaitForEvent {
  /** Lines before this one, as `mark()` counted them, do not count. */
  readonly since?: number;
  /** Milliseconds; default 20,000. */
  readonly timeoutMs?: number;
}

/** Where the daemon answers Postfix over TCP, and where it shows its metrics. */
export const policyAddress = "127.0.0.1:8461";
const httpPort = 8462;
const program = fileURLToPath(new URL("../../dist/bindings/cli/main.js", import.meta.url));

let timeTravel: string | null | undefined;

/** Why the daemon cannot run here, for the name of a skipped suite; undefined when it can. */
export function whyNoDaemon(): string | undefined {
  if (!existsSync(program)) return "dist/bindings/cli/main.js is missing: run npm run build";
  timeTravel ??= spawnSync("unshare", ["--time", "--monotonic", "1", "--fork", "true"]).status === 0 ? null : "no";
  return timeTravel === null ? undefined : "unshare --time does not work: time namespaces need root and Linux 5.6";
}

/**
 * `mta-sts serve` as an operator runs it: the built program, a process of its own in the namespace. It lives in a
 * time namespace too (time_namespaces(7)): started again "later", its CLOCK_MONOTONIC has moved on, and with it the age
 * of every policy, while the machine has not been rebooted.
 */
export class DaemonProcess {
  readonly lines: LogLine[] = [];
  readonly #options: DaemonOptions;
  readonly #waiters = new Set<() => void>();
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #pid = 0;
  #later = 0;
  #complaints = "";

  constructor(options: DaemonOptions) {
    this.#options = options;
    const { directory, caFile, sockets, listeners = [], deadline, settings = {} } = options;
    const patience = deadline === undefined ? {} : { deadline };
    const config = {
      listen: [
        { postfix: { address: policyAddress, ...patience } },
        ...sockets.map((path) => ({ postfix: { path, mode: "0666", ...patience } })),
        ...listeners,
        { control: `unix:${join(directory, "control.sock")}` },
        { http: `127.0.0.1:${httpPort}` },
      ],
      dns: { timeout: "1s" },
      https: { "ca-file": caFile, "allow-private-addresses": true },
      store: { path: this.storePath },
      log: { format: "json" },
      ...settings,
    };
    // JSON is YAML.
    writeFileSync(this.configFile, JSON.stringify(config, null, 2));
  }

  get storePath(): string {
    return join(this.#options.directory, "policies.db");
  }

  /** Resolves when it listens. `later`: seconds that pass, for this daemon, between its last life and this one. */
  async start({ later = 0 }: { readonly later?: number } = {}): Promise<void> {
    if (this.#child !== null) throw new Error("the daemon runs already");
    this.#later += later;
    const since = this.mark();
    const offsets = ["--monotonic", "--boottime"].flatMap((clock) => [clock, String(this.#later)]);
    const time = ["--time", ...offsets, "--fork", "--kill-child=SIGKILL"];
    const command = [process.execPath, program, "serve", "--config", this.configFile];
    const child = this.#options.namespace.spawn("unshare", [...time, ...command], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#complaints = "";
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      this.#complaints += text;
    });
    if (child.stdout) createInterface({ input: child.stdout }).on("line", (line) => this.#take(line));
    this.#ended = new Promise((resolve) =>
      child.once("close", () => {
        this.#child = null;
        for (const settle of [...this.#waiters]) settle();
        resolve();
      }),
    );
    await this.waitForEvent("daemon-started", {}, { since });
    // What was spawned is unshare(1); the daemon is its only child.
    this.#pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8"));
  }

  /** SIGTERM, and the end of the process. Nothing happens when it does not run. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** kill -9: no last words, nothing flushed. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async restart(options: { readonly later?: number } = {}): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  /** A place in the log, for `waitForEvent`: lines that come after now. */
  mark(): number {
    return this.lines.length;
  }

  /** The first line with this event and these fields. */
  waitForEvent(
    event: string,
    fields: Readonly<Record<string, unknown>> = {},
    wait: WaitForEvent = {},
  ): Promise<LogLine> {
    const { since = 0, timeoutMs = 20_000 } = wait;
    const wanted = Object.entries({ event, ...fields });
    return new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(settle);
        act();
      };
      const fail = (why: string) => {
        const tail = this.lines.slice(-10).map((line) => JSON.stringify(line));
        const words = `the daemon ${why} ${JSON.stringify(Object.fromEntries(wanted))}`;
        end(() => reject(new Error([words, ...tail, this.#complaints].join("\n  "))));
      };
      const settle = () => {
        const found = this.lines.slice(since).find((line) => wanted.every(([name, value]) => line[name] === value));
        if (found !== undefined) end(() => resolve(found));
        else if (this.#child === null) fail("ended before it logged");
      };
      const timer = setTimeout(() => fail(`did not log within ${timeoutMs} ms:`), timeoutMs);
      this.#waiters.add(settle);
      settle();
    });
  }

  /** A page of its HTTP server. */
  async page(path: string): Promise<string> {
    const socket = await this.#options.door.connect(httpPort);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    let page = "";
    for await (const chunk of socket.setEncoding("utf8")) page += chunk;
    if (!page.startsWith("HTTP/1.1 200 ")) throw new Error(`no ${path}: ${page.slice(0, 200)}`);
    return page;
  }

  /** One sample of /metrics, 0 when there is none yet: `metric('temp_total{reason="overloaded"}')`. */
  async metric(sample: string): Promise<number> {
    const page = await this.page("/metrics");
    const line = page.split("\n").find((text) => text.startsWith(`mta_sts_${sample} `));
    return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ") + 1));
  }

  /** The daemon's configuration, which commands read too. */
  get configFile(): string {
    return join(this.#options.directory, "mta-sts.yaml");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child === null) return;
    process.kill(this.#pid, signal);
    await this.#ended;
  }

  #take(line: string): void {
    this.lines.push(JSON.parse(line) as LogLine);
    for (const settle of [...this.#waiters]) settle();
  }
}
