import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Namespace } from "../lab/namespace.ts";
import { ADDRESSES } from "./addresses.ts";
import type { SignedZoneFile } from "./zone-signer.ts";
import { absolute } from "./zone-text.ts";

export interface DaemonOptions {
  readonly namespace: Namespace;
  readonly directory: string;
  readonly name: "nsd" | "unbound";
  readonly config: string;
}

/** One DNS server inside the namespace, in the foreground. */
export class DnsDaemon {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = "";

  constructor({ namespace, directory, name, config }: DaemonOptions) {
    const file = join(directory, `${name}.conf`);
    mkdirSync(join(directory, name), { recursive: true });
    writeFileSync(file, config);
    this.#child = namespace.spawn(name, ["-d", "-c", file], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text) => {
        this.#output += text;
      });
    this.#ended = new Promise((resolve) => this.#child.once("close", () => resolve()));
    this.#child.once("error", (error) => {
      this.#output += error.message;
    });
  }

  /** What it has said so far. */
  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves once it has its socket: what is sent to it from then on is answered. */
  async untilListening(): Promise<void> {
    for (let attempt = 0; attempt < 400; attempt++) {
      if (/nsd started|start of service/.test(this.#output)) return;
      if (!this.isRunning) break;
      await sleep(25);
    }
    throw new Error(`lab: a DNS server did not start: ${this.#output}`);
  }

  async stop(): Promise<void> {
    if (this.isRunning) this.#child.kill("SIGTERM");
    await this.#ended;
  }
}

export function nsdConfig(directory: string, zones: readonly SignedZoneFile[]): string {
  const here = join(directory, "nsd");
  const server = `server:
  ip-address: ${ADDRESSES.signed}
  port: 53
  do-ip6: no
  server-count: 1
  username: "root"
  zonesdir: "${directory}"
  pidfile: "${here}/nsd.pid"
  xfrdfile: "${here}/xfrd.state"
  zonelistfile: "${here}/zone.list"
  xfrdir: "${here}"
  database: ""
remote-control:
  control-enable: no
`;
  return server + zones.map(({ apex, file }) => `zone:\n  name: "${absolute(apex)}"\n  zonefile: "${file}"\n`).join("");
}

/** @param anchor the DS record of the island of trust (RFC 4033 §2) */
export function unboundConfig(directory: string, island: string, anchor: string): string {
  return `server:
  interface: ${ADDRESSES.resolver}
  port: 53
  do-ip6: no
  username: ""
  chroot: ""
  directory: "${join(directory, "unbound")}"
  pidfile: ""
  use-syslog: no
  log-time-ascii: yes
  verbosity: 1
  val-log-level: 2
  num-threads: 1
  module-config: "validator iterator"
  do-not-query-localhost: no
  qname-minimisation: no
  aggressive-nsec: no
  edns-buffer-size: 1232
  local-zone: "test." nodefault
  trust-anchor: "${anchor}"
  infra-host-ttl: 1
remote-control:
  control-enable: no
stub-zone:
  name: "${absolute(island)}"
  stub-addr: ${ADDRESSES.signed}
forward-zone:
  name: "."
  forward-addr: ${ADDRESSES.lab}
`;
}
