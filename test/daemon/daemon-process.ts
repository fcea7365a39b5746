import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { stringify } from "yaml";
import { SocketmapClient } from "../host/postfix/socketmap-client.ts";
import type { World } from "../lab/world.ts";
import { cleanEnvironment, MAIN } from "./command.ts";

export interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A folder of its own for one daemon: configuration, CA, store, sockets. */
export class Home {
  readonly folder = mkdtempSync(join(tmpdir(), "mta-sts-test-"));
  readonly config = join(this.folder, "config.yaml");
  readonly control = join(this.folder, "control.sock");
  readonly store = join(this.folder, "policies.db");

  /** Writes a configuration that looks at the world; `more` replaces whole sections. */
  configure(world: World | null, more: Record<string, unknown> = {}): this {
    const ca = join(this.folder, "ca.pem");
    if (world !== null) writeFileSync(ca, world.caPem);
    const config = {
      listen: [{ postfix: "127.0.0.1:0" }, { control: `unix:${this.control}` }, { http: "127.0.0.1:0" }],
      dns: {
        servers: [world === null ? "127.99.99.99:5353" : `127.0.0.1:${world.dns.port}`],
        timeout: "200ms",
      },
      https: { "allow-private-addresses": true, timeout: "15s", ...(world === null ? {} : { "ca-file": ca }) },
      store: { path: this.store },
      ...more,
    };
    writeFileSync(this.config, stringify(config));
    return this;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A running `mta-sts serve`. */
export class DaemonProcess {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  stderr = "";
  readonly ended: Promise<number | null>;
  #hasEnded = false;
  readonly #wakes = new Set<() => void>();

  private constructor(args: readonly string[], options: DaemonOptions) {
    const [command = process.execPath, ...before] = options.command ?? [];
    this.child = spawn(command, [...before, ...(options.nodeArgs ?? []), MAIN, "serve", ...args], {
      env: cleanEnvironment(options.env),
      cwd: options.cwd,
      uid: options.uid,
      gid: options.uid,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(this);
    if (this.child.stdout) createInterface({ input: this.child.stdout }).on("line", (line) => this.#onLine(line));
    this.child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
      this.stderr += piece;
    });
    this.ended = new Promise((resolve) =>
      this.child.once("close", (code) => {
        this.#hasEnded = true;
        running.delete(this);
        this.#wake();
        resolve(code);
      }),
    );
  }

  /** Starts it and waits until it listens. */
  static async start(home: Home, options: DaemonOptions = {}): Promise<DaemonProcess> {
    const daemon = DaemonProcess.launch(["--config", home.config], options);
    await daemon.event("daemon-started");
    return daemon;
  }

  /** Starts it without waiting. */
  static launch(args: readonly string[], options: DaemonOptions = {}): DaemonProcess {
    return new DaemonProcess(args, options);
  }

  /** The first line of an event, now or when it comes. */
  async event(name: string, matches: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find((line) => line.event === name && matches(line));
      if (found) return found;
      if (this.#hasEnded)
        throw new Error(`the daemon ended without ${name}: ${this.stderr}${JSON.stringify(this.lines)}`);
      await new Promise<void>((wake) => this.#wakes.add(wake));
    }
  }

  events(name: string): LogLine[] {
    return this.lines.filter((line) => line.event === name);
  }

  /** "postfix", "http" and "control" with what the daemon says it listens on. */
  listener(kind: string): string {
    const listeners = this.events("daemon-started")[0]?.listeners as string[];
    return listeners.find((name) => name.startsWith(`${kind} `))?.slice(kind.length + 1) ?? "";
  }

  get postfixPort(): number {
    return Number(this.listener("postfix").split(":").at(-1));
  }

  postfix(): Promise<SocketmapClient> {
    return SocketmapClient.open(this.postfixPort);
  }

  /** One question on a connection of its own. */
  async ask(request: string): Promise<string | null> {
    const client = await this.postfix();
    try {
      return await client.ask(request);
    } finally {
      client.socket.destroy();
    }
  }

  async page(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(`http://${this.listener("http")}${path}`);
    return { status: response.status, body: await response.text() };
  }

  /** SIGTERM, or another signal, and the exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Resident memory and the like are in /proc; this is the raw text of one of its files. */
  proc(file: string): string {
    return readFileSync(`/proc/${this.child.pid}/${file}`, "utf8");
  }

  #onLine(line: string): void {
    if (line.startsWith("{")) this.lines.push(JSON.parse(line) as LogLine);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
    this.#wakes.clear();
  }
}

export interface DaemonOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly nodeArgs?: readonly string[];
  /** A command line to run Node through, for example inside a namespace. */
  readonly command?: readonly string[];
}

const running = new Set<DaemonProcess>();

/** Ends whatever a test left running. */
export async function endDaemons(): Promise<void> {
  await Promise.all([...running].map((daemon) => daemon.stop("SIGKILL")));
}

/** A raw request on a control socket. */
export function control(
  socketPath: string,
  method: string,
  path: string,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, agent: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    outgoing.once("error", reject).end();
  });
}

/** Why no policy host can be had on this machine: policies are fetched from port 443 only. Null: nothing. */
export function policyHostObstacle(): string | null {
  return process.getuid?.() === 0 ? null : "a policy host listens on port 443, which needs root";
}
