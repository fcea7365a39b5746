import { readFileSync, statSync } from "node:fs";
import { type DnsServer, parseServer } from "./server.ts";

const RESOLV_CONF = "/etc/resolv.conf";
/** What resolv.conf(5) says when the file names no server: the one on this machine. */
const LOCAL: readonly DnsServer[] = [{ address: "127.0.0.1", port: 53, text: "127.0.0.1" }];
/** Milliseconds between two looks at the file. */
const CHECK_INTERVAL = 3000;

export interface ResolvConfOptions {
  readonly path?: string | undefined;
  /** Milliseconds, monotonic. */
  readonly now?: (() => number) | undefined;
}

/**
 * All name servers of /etc/resolv.conf, in order, followed while the file changes: a DHCP lease or a VPN must not need
 * a restart. A file that is gone or empty for a moment, as while it is being rewritten, leaves the last list in force;
 * before any list was read the server is 127.0.0.1. Its `options` are not used: timeouts have their own settings.
 */
export function resolvConfServers(options: ResolvConfOptions = {}): () => readonly DnsServer[] {
  const path = options.path ?? RESOLV_CONF;
  const now = options.now ?? (() => performance.now());
  let servers = LOCAL;
  let seen: string | null = null;
  let nextCheck = Number.NEGATIVE_INFINITY;
  return () => {
    if (now() < nextCheck) return servers;
    nextCheck = now() + CHECK_INTERVAL;
    const version = fileVersion(path);
    if (version === seen) return servers;
    const read = readServers(path);
    // Only what was read is remembered as seen: a failed read is tried again at the next check.
    seen = read === null ? null : version;
    if (read !== null && read.length > 0) servers = read;
    return servers;
  };
}

/** The `nameserver` lines of a resolv.conf, duplicates and unusable addresses left out. */
export function parseResolvConf(text: string): DnsServer[] {
  const servers = new Map<string, DnsServer>();
  for (const line of text.split(/\r?\n/)) {
    const address = /^\s*nameserver\s+([^\s#;]+)/.exec(line)?.[1];
    const server = address === undefined ? null : parseServer(address);
    if (server !== null) servers.set(server.text, server);
  }
  return [...servers.values()];
}

function readServers(path: string): DnsServer[] | null {
  try {
    return parseResolvConf(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}

/** Changes whenever the file is replaced, written or grows; null when there is none. */
function fileVersion(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}
