import { fileURLToPath } from "node:url";
import { type Arena, ENFORCED, openArena, PLAIN } from "./arena.ts";
import type { LoadOrder, LoadResult } from "./load-order.ts";
import { type Peer, startOurs, startResolver } from "./peers.ts";
import { type Spread, spread } from "./statistics.ts";

export interface SocketmapRow {
  readonly what: string;
  readonly peer: string;
  readonly perSecond: Spread;
  /** Microseconds. */
  readonly p50: Spread;
  readonly p99: Spread;
  /** Microseconds of the daemon's processor time for each reply: what a busy machine disturbs least. */
  readonly cpu: Spread;
  /** Share of one processor that the load generator used. */
  readonly clientCpu: number;
}

export interface SocketmapReport {
  readonly rows: readonly SocketmapRow[];
  readonly memory: readonly {
    readonly peer: string;
    readonly version: string;
    readonly resident: number;
    readonly private: number;
  }[];
  readonly notes: readonly string[];
}

interface Case {
  readonly what: string;
  readonly connections: number;
  readonly depth: number;
  readonly keys: readonly string[];
  /** First letter of every reply. */
  readonly reply: "O" | "N";
}

const CASES: readonly Case[] = [
  { what: "policy held, 1 connection", connections: 1, depth: 1, keys: ENFORCED, reply: "O" },
  { what: "policy held, 16 connections", connections: 16, depth: 1, keys: ENFORCED, reply: "O" },
  { what: "policy held, 64 connections", connections: 64, depth: 1, keys: ENFORCED, reply: "O" },
  { what: "policy held, 1 connection, 32 deep", connections: 1, depth: 32, keys: ENFORCED, reply: "O" },
  { what: "no policy, 16 connections", connections: 16, depth: 1, keys: PLAIN, reply: "N" },
];

/** Runs of a pair of peers in turn (A B A B), so that what disturbs the machine disturbs both. */
export async function measureSocketmap(rounds: number, milliseconds: number): Promise<SocketmapReport> {
  const arena = await openArena();
  const peers: Peer[] = [];
  const notes: string[] = [];
  try {
    peers.push(await startOurs(arena));
    const rival = await startResolver(arena);
    if (typeof rival === "string") notes.push(rival);
    else peers.push(rival);
    for (const peer of peers) await warmUp(arena, peer, Math.min(2 * milliseconds, 2_000));
    const rows: SocketmapRow[] = [];
    for (const one of CASES) rows.push(...(await measureCase(arena, peers, one, rounds, milliseconds)));
    return { rows, memory: peers.map((peer) => ({ peer: peer.name, version: peer.version, ...peer.memory() })), notes };
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
    await arena.close();
  }
}

/** Until each connection has asked for each domain: then all are discovered, and compilers have seen the path. */
async function warmUp(arena: Arena, peer: Peer, milliseconds: number): Promise<void> {
  for (const one of CASES.filter(({ connections }) => connections === 16)) {
    const enough = 2 * one.connections * one.keys.length;
    for (let asked = 0; asked < enough; ) {
      const { replies } = await load(arena, peer, one, milliseconds);
      asked = Object.values(replies).reduce((sum, count) => sum + count, 0);
    }
  }
}

async function measureCase(
  arena: Arena,
  peers: readonly Peer[],
  one: Case,
  rounds: number,
  milliseconds: number,
): Promise<SocketmapRow[]> {
  const results = peers.map(() => [] as (LoadResult & { readonly cpu: number })[]);
  for (let round = 0; round < rounds; round++)
    for (const [i, peer] of peers.entries()) {
      const before = peer.cpu();
      const result = await load(arena, peer, one, milliseconds);
      const total = Object.values(result.replies).reduce((sum, count) => sum + count, 0);
      if (total !== result.replies[one.reply])
        throw new Error(`bench: ${peer.name}, ${one.what}: replies ${JSON.stringify(result.replies)}`);
      results[i]?.push({ ...result, cpu: ((peer.cpu() - before) / total) * 1e6 });
    }
  return peers.map((peer, i) => {
    const of = (pick: (result: LoadResult & { readonly cpu: number }) => number) => (results[i] ?? []).map(pick);
    return {
      what: one.what,
      peer: peer.name,
      perSecond: spread(of((result) => result.perSecond)),
      p50: spread(of((result) => result.p50)),
      p99: spread(of((result) => result.p99)),
      cpu: spread(of((result) => result.cpu)),
      clientCpu: spread(of((result) => result.clientCpu)).median,
    };
  });
}

async function load(arena: Arena, peer: Peer, one: Case, milliseconds: number): Promise<LoadResult> {
  const { connections, depth, keys } = one;
  const order: LoadOrder = {
    host: "127.0.0.1",
    port: peer.port,
    map: peer.map,
    keys,
    connections,
    depth,
    milliseconds,
  };
  const script = fileURLToPath(new URL("./socketmap-load.js", import.meta.url));
  const child = arena.spawn(process.execPath, [script, JSON.stringify(order)]);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`bench: ${peer.name}, ${one.what}: ${output.trim()}`);
  return JSON.parse(output) as LoadResult;
}
