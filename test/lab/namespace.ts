import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Network namespaces made by the test itself. Each has its own loopback, so labs with the fixed ports 25, 53 and 443 run
 * side by side, and its own /etc/resolv.conf (ip-netns(8)), which is how an unchanged MTA comes to ask the lab.
 */

export interface NamespaceOptions {
  /** Address of the lab's DNS server, port 53. Default 127.0.0.1. */
  readonly resolver?: string;
  /** Files that stand in for those of /etc inside, by name: "hosts", "resolv.conf". They must exist in /etc outside. */
  readonly etc?: Readonly<Record<string, string>>;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Milliseconds after which the command is killed. Default 60,000. */
  readonly timeout?: number;
}

export interface RunResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const PREFIX = "mtasts";
const ETC = "/etc/netns";
const RUN = "/run/netns";
const open = new Set<Namespace>();
let made = 0;
let obstacle: string | null | undefined;

/** Why no namespace can be made here, for the message of a skipped test; null when nothing stands in the way. */
export function namespaceObstacle(): string | null {
  if (obstacle === undefined) obstacle = findObstacle();
  return obstacle;
}

function findObstacle(): string | null {
  if (process.platform !== "linux") return "network namespaces need Linux";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  if (spawnSync("ip", ["-V"]).error !== undefined) return "the ip command is missing (Debian package iproute2)";
  const probe = `${PREFIX}-${process.pid}-probe`;
  const added = spawnSync("ip", ["netns", "add", probe], { encoding: "utf8" });
  if (added.status !== 0) return `ip netns add failed: ${added.stderr.trim()}`;
  const inside = spawnSync("ip", ["netns", "exec", probe, "true"], { encoding: "utf8" });
  spawnSync("ip", ["netns", "del", probe]);
  return inside.status === 0 ? null : `ip netns exec failed: ${inside.stderr.trim()}`;
}

export class Namespace {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes a namespace with its loopback up. Throws where `namespaceObstacle` names a reason. */
  static async create(options: NamespaceOptions = {}): Promise<Namespace> {
    const reason = namespaceObstacle();
    if (reason !== null) throw new Error(`lab: ${reason}`);
    removeOrphans();
    const namespace = new Namespace(`${PREFIX}-${process.pid}-${made++}`);
    const resolver = options.resolver ?? "127.0.0.1";
    // trust-ad: the resolver's AD bit reaches Postfix and Exim through glibc.
    const resolv = `nameserver ${resolver}\noptions edns0 trust-ad timeout:2 attempts:2\n`;
    const etc = { "resolv.conf": resolv, hosts: "127.0.0.1 localhost\n", ...options.etc };
    mkdirSync(join(ETC, namespace.name), { recursive: true });
    for (const [file, text] of Object.entries(etc)) writeFileSync(join(ETC, namespace.name, file), text);
    ip("netns", "add", namespace.name);
    open.add(namespace);
    ip("-n", namespace.name, "link", "set", "lo", "up");
    return namespace;
  }

  /** The command line that runs a command inside. */
  command(command: string, args: readonly string[] = []): [string, string[]] {
    return ["ip", ["netns", "exec", this.name, command, ...args]];
  }

  /** Starts a command inside; `ip` becomes the command, so the child's pid is the command's. */
  spawn(command: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProcess {
    const [file, all] = this.command(command, args);
    return spawn(file, all, options);
  }

  /** Starts a Node script inside. */
  spawnNode(script: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProcess {
    return this.spawn(process.execPath, [script, ...args], options);
  }

  /** Runs a command inside to its end. */
  run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<RunResult> {
    const { input = "", env = process.env, cwd = process.cwd(), timeout = 60_000 } = options;
    return new Promise((resolve, reject) => {
      const child = this.spawn(command, args, { env, cwd, timeout, killSignal: "SIGKILL" });
      let stdout = "";
      let stderr = "";
      child.stdout?.setEncoding("utf8").on("data", (text) => {
        stdout += text;
      });
      child.stderr?.setEncoding("utf8").on("data", (text) => {
        stderr += text;
      });
      child.stdin?.on("error", () => undefined).end(input);
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
  }

  /** Ends what still runs inside and removes the namespace. */
  async close(): Promise<void> {
    if (!open.delete(this)) return;
    remove(this.name);
  }
}

function ip(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`lab: ip ${args.join(" ")} failed: ${stderr.trim()}`);
  return stdout;
}

/** Processes inside are ours by construction: nobody else knows the namespace. */
function remove(name: string): void {
  const { stdout } = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" });
  for (const pid of (stdout ?? "").split("\n").filter((line) => line !== "")) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
  spawnSync("ip", ["netns", "del", name]);
  rmSync(join(ETC, name), { recursive: true, force: true });
}

/** Namespaces of test processes that were killed before they could clean up. */
function removeOrphans(): void {
  for (const folder of [RUN, ETC])
    for (const name of entries(folder)) {
      const pid = new RegExp(`^${PREFIX}-(\\d+)-\\d+$`).exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) remove(name);
    }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

process.on("exit", () => {
  for (const namespace of open) remove(namespace.name);
});
