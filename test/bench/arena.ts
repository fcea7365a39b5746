import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCore } from "../../host/core/load.ts";
import { createDnsClient } from "../../host/dns/client.ts";
import { createEngine } from "../../host/engine/engine.ts";
import { createPolicyFetcher } from "../../host/https/fetch-policy.ts";
import { openPolicyStore } from "../../host/store/policy-store.ts";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { startLab } from "../lab/lab-client.ts";
import { Namespace, namespaceObstacle } from "../lab/namespace.ts";
import { createWorld } from "../lab/world.ts";

/** Domains with an enforce policy of two exact patterns, and as many without any. */
export const ENFORCED = Array.from({ length: 100 }, (_, i) => `enforced-${i}.test`);
export const PLAIN = Array.from({ length: 100 }, (_, i) => `plain-${i}.test`);

const spec = (domain: string): DomainSpec => ({
  policy: { mode: "enforce", mx: [`mx1.${domain}`, `mx2.${domain}`], maxAge: 604_800 },
  mx: [],
});
const DOMAINS: Readonly<Record<string, DomainSpec>> = Object.fromEntries([
  ...ENFORCED.map((domain) => [domain, spec(domain)] as const),
  ...PLAIN.map((domain) => [domain, { policy: null, mx: [] }] as const),
]);
const TTL = 3600;

/** Where the peers run: a DNS and HTTPS world, and a way to start a process in it. */
export interface Arena {
  /** Address and port of the lab's DNS server. */
  readonly dns: string;
  readonly caFile: string;
  readonly directory: string;
  /** Null in a network namespace; else why there is none. */
  readonly obstacle: string | null;
  spawn(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): ChildProcess;
  close(): Promise<void>;
}

/** A namespace with the lab on ports 53 and 443. Without root: this machine's loopback, and policies put into the store. */
export async function openArena(): Promise<Arena> {
  const obstacle = namespaceObstacle();
  return obstacle === null ? inNamespace() : onLoopback(obstacle);
}

async function inNamespace(): Promise<Arena> {
  const directory = mkdtempSync(join(tmpdir(), "mta-sts-bench-"));
  const namespace = await Namespace.create();
  const lab = await startLab({ domains: DOMAINS, dnsPort: 53, httpsPort: 443, ttl: TTL }, namespace);
  return {
    dns: "127.0.0.1:53",
    caFile: written(join(directory, "ca.pem"), lab.ready.caPem),
    directory,
    obstacle: null,
    spawn: (command, args, env) => namespace.spawn(command, args, processOptions(directory, env)),
    close: async () => {
      await lab.close();
      await namespace.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function onLoopback(obstacle: string): Promise<Arena> {
  const directory = mkdtempSync(join(tmpdir(), "mta-sts-bench-"));
  const world = await createWorld({ ttl: TTL });
  for (const [name, description] of Object.entries(DOMAINS)) await world.domain(name, description);
  const dns = `${world.dns.address}:${world.dns.port}`;
  await fillStore(join(directory, "policies.db"), dns, world.caPem, world.https.port);
  return {
    dns,
    caFile: written(join(directory, "ca.pem"), world.caPem),
    directory,
    obstacle,
    spawn: (command, args, env) => spawn(command, args, processOptions(directory, env)),
    close: async () => {
      await world.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The daemon fetches from port 443 only, which nobody but root can serve: here an engine of ours fetches for it. */
async function fillStore(path: string, dnsServer: string, caPem: string, dialPort: number): Promise<void> {
  const core = await loadCore();
  const dns = createDnsClient({ servers: [dnsServer] });
  const matchesDnsId = (names: readonly string[], host: string) => core.matchesDnsId(names, host);
  const fetcher = createPolicyFetcher({ dns, caPem, dialPort, matchesDnsId, allowPrivateAddresses: true });
  const store = await openPolicyStore({ path });
  const engine = await createEngine({ core, dns, fetcher, store });
  await Promise.all(ENFORCED.map((domain) => engine.resolve(domain)));
  await engine.close();
  await fetcher.close();
  dns.close();
  await store.close();
}

function written(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}

const processOptions = (cwd: string, env: NodeJS.ProcessEnv = {}) => ({
  cwd,
  env: { ...process.env, ...env },
  stdio: ["ignore", "pipe", "pipe"] as ["ignore", "pipe", "pipe"],
});
