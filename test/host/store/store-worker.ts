// A process of its own that works on a store; started by compiled-store.ts. Reusable: `transition` is the only part
// that knows what a state holds.
import { once } from "node:events";
import { closeSync, openSync, writeSync } from "node:fs";
import { openSqliteStore } from "../../../host/store/open.ts";
import type { PolicyStore } from "../../../host/store/types.ts";

export interface WorkerTask {
  readonly path: string;
  readonly name: string;
  readonly domains: readonly string[];
  /**
   * transitions: open, report, wait, do `count` compare-and-swaps spread over the domains, report, close.
   * endless: the same without end, each acknowledged write told to `ackLog` (for SIGKILL).
   * hold: open, report, and at each message write and read `domains[0]`, until killed or disconnected.
   */
  readonly task: "transitions" | "endless" | "hold";
  readonly count?: number;
  readonly ackLog?: string;
}

export type WorkerReport =
  | {
      readonly kind: "opened";
      readonly persisting: boolean;
      readonly lostAt: number | null;
      readonly events: readonly string[];
      readonly held: string | null;
    }
  | { readonly kind: "failed"; readonly failure: string; readonly message: string }
  | { readonly kind: "written"; readonly writes: readonly Write[]; readonly conflicts: number; readonly torn: number };

/** An acknowledged write. */
export interface Write {
  readonly domain: string;
  readonly version: number;
  readonly fetches: number;
}

/** What these tests keep per domain. `id` and `body` come from one fetch and must never be seen apart. */
export interface CountedState {
  readonly fetches: number;
  readonly id: string;
  readonly body: string;
}

export const decode = (state: Uint8Array): CountedState => JSON.parse(new TextDecoder().decode(state)) as CountedState;
export const encode = (state: CountedState): Uint8Array => new TextEncoder().encode(JSON.stringify(state));

/** One read, one new state, one compare-and-swap, again from the read after a conflict. */
export async function transition(
  store: PolicyStore,
  domain: string,
  id: string,
): Promise<Write & { readonly conflicts: number; readonly torn: number }> {
  for (let conflicts = 0, torn = 0; ; conflicts++) {
    const row = await store.get(domain);
    const before = row === null ? null : decode(row.state);
    if (before !== null && before.body !== `policy of ${before.id}`) torn++;
    const fetches = (before?.fetches ?? 0) + 1;
    const version = await store.put(domain, encode({ fetches, id, body: `policy of ${id}` }), row?.version ?? 0);
    if (version !== null) return { domain, version, fetches, conflicts, torn };
  }
}

/** Resolves when the report has left, so that the end of the process cannot overtake it. */
const report = (message: WorkerReport): Promise<void> =>
  new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
const proceed = (): Promise<unknown> => once(process, "message");

async function main(task: WorkerTask): Promise<void> {
  const events: string[] = [];
  const store = await openSqliteStore({
    path: task.path,
    now: () => Math.floor(Date.now() / 1000),
    busyLimit: 15_000,
    onEvent: ({ event }) => events.push(event),
  });
  const first = await store.get(task.domains[0] ?? "example.com");
  await report({
    kind: "opened",
    persisting: store.status().persisting,
    lostAt: await store.lostAt(),
    events,
    held: first === null ? null : new TextDecoder().decode(first.state),
  });
  if (task.task === "hold") {
    await proceed();
    const { conflicts, torn, ...write } = await transition(store, task.domains[0] ?? "example.com", task.name);
    await report({ kind: "written", writes: [write], conflicts, torn });
    await proceed();
  } else if (task.task === "transitions") {
    await proceed();
    await countedTransitions(store, task);
  } else await endlessTransitions(store, task);
  await store.close();
}

async function countedTransitions(store: PolicyStore, { domains, name, count = 0 }: WorkerTask): Promise<void> {
  const writes: Write[] = [];
  let allConflicts = 0;
  let allTorn = 0;
  for (let n = 0; n < count; n++) {
    const { conflicts, torn, ...write } = await transition(store, domainAt(domains, n), `${name}-${n}`);
    writes.push(write);
    allConflicts += conflicts;
    allTorn += torn;
  }
  await report({ kind: "written", writes, conflicts: allConflicts, torn: allTorn });
}

async function endlessTransitions(store: PolicyStore, { domains, name, ackLog = "" }: WorkerTask): Promise<void> {
  const log = openSync(ackLog, "a");
  for (let n = 0; process.connected; n++) {
    const { domain, fetches } = await transition(store, domainAt(domains, n), `${name}-${n}`);
    writeSync(log, `${domain} ${fetches}\n`);
  }
  closeSync(log);
}

const domainAt = (domains: readonly string[], n: number): string => domains[n % domains.length] ?? "example.com";

const argument = process.argv[2];
if (process.send !== undefined && argument?.startsWith("{"))
  main(JSON.parse(argument) as WorkerTask).then(
    () => process.disconnect(),
    async (error: Error & { failure?: string }) => {
      await report({ kind: "failed", failure: error.failure ?? error.name, message: error.message });
      process.disconnect();
    },
  );
