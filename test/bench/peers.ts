import { type ChildProcess, execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Arena } from "./arena.ts";

/** One socketmap daemon under test, as its real process. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  /** Socketmap name to ask with. */
  readonly map: string;
  /** MiB: all resident memory, and the part that no other process shares. */
  memory(): { readonly resident: number; readonly private: number };
  /** Seconds of processor time used so far. */
  cpu(): number;
  stop(): Promise<void>;
}

const RESOLVER = "/usr/bin/mta-sts-daemon";
const RESOLVER_PORT = 8461;
const CLOCK_TICKS = 100;

/** Our daemon, started by its command line. */
export async function startOurs(arena: Arena): Promise<Peer> {
  const main = fileURLToPath(new URL("../../bindings/cli/main.js", import.meta.url));
  const child = arena.spawn(process.execPath, [main, "serve"], {
    MTA_STS_LISTEN: "postfix=127.0.0.1:0",
    MTA_STS_DNS_SERVERS: arena.dns,
    MTA_STS_HTTPS_CA_FILE: arena.caFile,
    MTA_STS_HTTPS_ALLOW_PRIVATE_ADDRESSES: "true",
    MTA_STS_STORE_PATH: join(arena.directory, "policies.db"),
    MTA_STS_LOG_FORMAT: "json",
  });
  return peer("mta-sts-engine", `Node ${process.version}`, await listeningPort(child), "postfix", child);
}

/** The port in the daemon's own words: it was told to take a free one. */
async function listeningPort(child: ChildProcess): Promise<number> {
  const complaints = collect(child.stderr);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      const port = /"postfix 127\.0\.0\.1:(\d+)"/.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.once("exit", (code) => reject(new Error(`bench: the daemon ended with ${code}: ${complaints()}`)));
  });
}

/** Debian's postfix-mta-sts-resolver, or why it cannot take part. */
export async function startResolver(arena: Arena): Promise<Peer | string> {
  const name = "postfix-mta-sts-resolver";
  if (arena.obstacle !== null) return `${name} left out: ${arena.obstacle}`;
  if (!existsSync(RESOLVER)) return `${name} left out: not installed (Debian package ${name})`;
  const config = join(arena.directory, "mta-sts-daemon.yml");
  // Its cache is asked for a minute by default and then DNS again: an hour keeps the comparison warm.
  const cache = "cache_grace: 3600\ncache:\n  type: internal\n  options:\n    cache_size: 10000\n";
  const zone = "default_zone:\n  strict_testing: false\n  timeout: 4\n";
  writeFileSync(
    config,
    `host: 127.0.0.1\nport: ${RESOLVER_PORT}\nreuse_port: true\nshutdown_timeout: 1\n${cache}${zone}`,
  );
  const child = arena.spawn(RESOLVER, ["-c", config, "-v", "error"], { SSL_CERT_FILE: arena.caFile });
  collect(child.stdout);
  collect(child.stderr);
  return peer(name, resolverVersion(), RESOLVER_PORT, "postfix", child);
}

function resolverVersion(): string {
  const version = execFileSync("dpkg-query", ["-W", "-f", "$" + "{Version}", "postfix-mta-sts-resolver"], {
    encoding: "utf8",
  });
  try {
    const script = "import uvloop; print(uvloop.__version__)";
    return `${version} with uvloop ${execFileSync("/usr/bin/python3", ["-c", script], { encoding: "utf8", stdio: "pipe" }).trim()}`;
  } catch {
    return `${version} without uvloop (Debian package python3-uvloop)`;
  }
}

function peer(name: string, version: string, port: number, map: string, child: ChildProcess): Peer {
  const proc = (file: string) => readFileSync(`/proc/${child.pid}/${file}`, "utf8");
  const mebibytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(proc("status"))?.[1]) / 1024;
  return {
    name,
    version,
    port,
    map,
    memory: () => ({ resident: mebibytes("VmRSS"), private: mebibytes("RssAnon") }),
    cpu: () => {
      // proc(5): fields 14 and 15, counted behind the command name, which may hold spaces.
      const fields = proc("stat").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const patience = setTimeout(() => child.kill("SIGKILL"), 8_000);
      child.kill("SIGTERM");
      await ended;
      clearTimeout(patience);
    },
  };
}

/** Reads a stream so that it never fills up; gives what was read. */
function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = "";
  stream?.setEncoding("utf8").on("data", (part) => {
    text = (text + part).slice(-4000);
  });
  return () => text;
}
