import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSqliteStore } from "../../../host/store/open.ts";
import { scratchDirectory } from "../store/scratch.ts";
import { compileEngineWorker } from "./compiled-engine.ts";
import type { EngineReport, EngineTask, Fetch, Write } from "./engine-worker.ts";

const scratch = scratchDirectory();
const script = compileEngineWorker();
const domains = Array.from({ length: 8 }, (_, n) => `shared${n}.example`);
const EACH = 5000;

async function inTwoProcesses(path: string): Promise<EngineReport[]> {
  const origin = Number(process.hrtime.bigint()) / 1e6;
  const processes = ["a", "b"].map((name, n) => {
    const task: EngineTask = { path, name, seed: 8461 + n, domains, transitions: EACH, origin };
    return fork(script, [JSON.stringify(task)], { execArgv: ["--unhandled-rejections=strict"] });
  });
  for (const [ready] of await Promise.all(processes.map((child) => once(child, "message"))))
    expect(ready).toBe("ready");
  const exits = processes.map((child) => once(child, "exit"));
  const reports = processes.map(async (child) => ((await once(child, "message")) as [EngineReport])[0]);
  for (const child of processes) child.send("go");
  const results = await Promise.all(reports);
  for (const [code] of await Promise.all(exits)) expect(code).toBe(0);
  return results;
}

/** The versions of one row in the order they were written; each write must follow on one that nothing else followed. */
function history(writes: readonly Write[]): { order: Write[]; from: Map<number, Write> } {
  const from = new Map<number, Write>();
  for (const write of writes) {
    if (write.expected === 0) continue;
    expect(from.get(write.expected)).toBeUndefined();
    from.set(write.expected, write);
  }
  const order = writes.filter(({ version }) => version !== 0).sort((a, b) => a.version - b.version);
  return { order, from };
}

const sum = (reports: readonly EngineReport[], count: (report: EngineReport) => number): number =>
  reports.reduce((total, report) => total + count(report), 0);

describe("two processes that share one store", () => {
  it("lose no acknowledged policy and never replace one by an older fetch in 10,000 interleaved transitions, late and failed fetches and expiries included (R-8461-CSM-12, R-8461-CSM-10)", async () => {
    const path = join(scratch, "shared.db");
    const reports = await inTwoProcesses(path);
    const writes = reports.flatMap((report) => report.writes);
    const fetches = new Map<string, Fetch>(reports.flatMap((report) => report.fetches.map((one) => [one.name, one])));
    const acknowledged = reports.flatMap((report) => report.acknowledged);
    const startOf = (write: Write): number => fetches.get(write.fetch)?.startedAt ?? Number.NaN;
    const lifeOver = ({ fetch }: Write, at: number): boolean => {
      const { startedAt, maxAge } = fetches.get(fetch) ?? { startedAt: Number.NaN, maxAge: 0 };
      return at - startedAt > maxAge * 1000;
    };
    const store = await openSqliteStore({ path, now: () => 1_790_000_000 });

    let replaced = 0;
    let expired = 0;
    for (const domain of domains) {
      const ofDomain = writes.filter((write) => write.domain === domain);
      const { order, from } = history(ofDomain);
      const byVersion = new Map(order.map((write) => [write.version, write]));
      // What followed each version: a later or the same fetch, or anything once it had expired; nothing else.
      for (const before of order) {
        const after = from.get(before.version);
        if (after === undefined) continue;
        // A later fetch that took longer than its own max_age ends what was held like any later one.
        const isLater = startOf(after) >= startOf(before);
        const isOver = lifeOver(before, after.at) || (isLater && lifeOver(after, after.at));
        if (after.version === 0) expect(isOver).toBe(true);
        else expect(isLater || isOver).toBe(true);
        if (isOver) expired++;
        else if (after.fetch !== before.fetch) replaced++;
      }
      // Every row there ever was but the one there is has such a successor: none was lost.
      const ends = order.filter(({ version }) => !from.has(version));
      const row = await store.get(domain);
      expect(ends.map(({ version }) => version)).toEqual(row ? [row.version] : []);
      for (const { version, fetch } of acknowledged.filter((one) => one.domain === domain && one.version !== 0))
        expect(byVersion.get(version)?.fetch).toBe(fetch);
    }
    await store.close();

    const transitions = sum(reports, (report) => Object.values(report.transitions).reduce((a, b) => a + b, 0));
    const conflicts = sum(reports, (report) => report.conflicts);
    const tooLate = sum(reports, (report) => report.tooLate);
    console.log(
      `${transitions} transitions by two processes: ${writes.length} writes, ${conflicts} conflicts replayed, ` +
        `${acknowledged.length} policies acknowledged, ${replaced} replaced by a later fetch, ${tooLate} fetches came too late, ${expired} expired, 0 lost`,
    );
    expect(transitions).toBeGreaterThanOrEqual(2 * EACH);
    for (const count of [conflicts, tooLate, replaced, expired]) expect(count).toBeGreaterThan(0);
    expect(acknowledged.length).toBeGreaterThan(1000);
    expect(sum(reports, (report) => report.storeFailures)).toBe(0);
  }, 120_000);
});
