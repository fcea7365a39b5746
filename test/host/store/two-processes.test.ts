import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSqliteStore } from "../../../host/store/open.ts";
import { compileWorker, StoreWorker } from "./compiled-store.ts";
import { scratchDirectory, seeded } from "./scratch.ts";
import { decode, type Write } from "./store-worker.ts";

const scratch = scratchDirectory();
const script = compileWorker();
const now = (): number => 1_790_000_000;
const domains = Array.from({ length: 8 }, (_, n) => `shared${n}.example`);

describe("two processes on one store", () => {
  it("loses no update and never puts an older state over a newer one in 10,000 interleaved transitions, id and policy always together (R-8461-CSM-12, R-8461-CSM-01)", async () => {
    const path = join(scratch, "interleaved.db");
    const workers = ["a", "b"].map(
      (name) => new StoreWorker(script, { path, name, domains, task: "transitions", count: 5000 }),
    );
    await Promise.all(workers.map((worker) => worker.report("opened")));
    for (const worker of workers) worker.proceed();
    const results = await Promise.all(workers.map((worker) => worker.report("written")));
    await Promise.all(workers.map((worker) => worker.ended));

    const writes: Write[] = results.flatMap((result) => result.writes);
    const conflicts = results.reduce((sum, result) => sum + result.conflicts, 0);
    console.log(`10,000 transitions by two processes: ${conflicts} conflicts re-read and replayed`);
    expect(writes).toHaveLength(10_000);
    expect(conflicts).toBeGreaterThan(0);
    expect(results.map(({ torn }) => torn)).toEqual([0, 0]);
    expect(new Set(writes.map(({ version }) => version)).size).toBe(10_000);
    const store = await openSqliteStore({ path, now });
    for (const domain of domains) {
      const inOrder = writes.filter((write) => write.domain === domain).sort((a, b) => a.version - b.version);
      expect(inOrder.map(({ fetches }) => fetches)).toEqual(inOrder.map((_, n) => n + 1));
      const row = await store.get(domain);
      expect(row?.version).toBe(inOrder.at(-1)?.version);
      expect(row && decode(row.state).fetches).toBe(inOrder.length);
    }
    await store.close();
  }, 120_000);

  it("keeps every acknowledged write of a process killed while writing, 30 times (R-8461-CSM-12, R-8461-CSM-10)", async () => {
    const path = join(scratch, "killed.db");
    const ackLog = join(scratch, "acknowledged");
    const random = seeded(8461);
    let acknowledged = 0;
    for (let cycle = 0; cycle < 30; cycle++) {
      writeFileSync(ackLog, "");
      const worker = new StoreWorker(script, { path, name: `k${cycle}`, domains, task: "endless", ackLog });
      await worker.report("opened");
      await expect.poll(() => statSync(ackLog).size, { timeout: 30_000, interval: 1 }).toBeGreaterThan(0);
      // The moment of the kill is the fault under test: anywhere in the next 40 ms of writing.
      await new Promise((resolve) => setTimeout(resolve, 40 * random()));
      await worker.kill();

      const events: string[] = [];
      const store = await openSqliteStore({ path, now, onEvent: ({ event }) => events.push(event) });
      const lines = readFileSync(ackLog, "utf8").split("\n").slice(0, -1);
      for (const [domain = "", fetches] of lines.map((line) => line.split(" "))) {
        const row = await store.get(domain);
        expect(row && decode(row.state).fetches).toBeGreaterThanOrEqual(Number(fetches));
      }
      expect(events).toEqual([]);
      expect(await store.lostAt()).toBeNull();
      await store.close();
      acknowledged += lines.length;
    }
    console.log(`30 kills: ${acknowledged} acknowledged writes, 0 lost`);
    expect(acknowledged).toBeGreaterThanOrEqual(30);
  }, 120_000);

  it("goes on at once when the other process is killed inside a write transaction", async () => {
    const path = join(scratch, "survivor.db");
    const store = await openSqliteStore({ path, now });
    const ackLog = join(scratch, "survivor-acknowledged");
    const slowest: number[] = [];
    for (let kill = 0; kill < 5; kill++) {
      const worker = new StoreWorker(script, { path, name: "victim", domains, task: "endless", ackLog });
      await worker.report("opened");
      await worker.kill();
      const from = performance.now();
      const version = await store.put(
        "survivor.example",
        new Uint8Array([kill]),
        await store.version("survivor.example"),
      );
      slowest.push(performance.now() - from);
      expect(version).toBeGreaterThan(0);
    }
    expect(Math.max(...slowest)).toBeLessThan(2000);
    await store.close();
  }, 60_000);

  it("sets a damaged file aside once, not each other's fresh one, when several start at once", async () => {
    const path = join(scratch, "race", "policies.db");
    const maker = await openSqliteStore({ path, now });
    await maker.close();
    writeFileSync(path, "not a database\n".repeat(1000));
    const workers = ["a", "b", "c", "d"].map(
      (name) => new StoreWorker(script, { path, name, domains: ["example.com"], task: "hold" }),
    );
    const opened = await Promise.all(workers.map((worker) => worker.report("opened")));
    expect(opened.flatMap(({ events }) => events)).toEqual(["store-quarantined"]);
    expect(new Set(opened.map(({ lostAt }) => lostAt)).size).toBe(1);
    expect(opened[0]?.lostAt).not.toBeNull();
    expect(readdirSync(join(scratch, "race")).filter((name) => /\.corrupt-[0-9TZ-]+$/.test(name))).toHaveLength(1);
    for (const worker of workers) worker.proceed();
    const written = await Promise.all(workers.map((worker) => worker.report("written")));
    expect(written.map(({ writes }) => writes[0]?.fetches).sort()).toEqual([1, 2, 3, 4]);
    for (const worker of workers) worker.proceed();
    await Promise.all(workers.map((worker) => worker.ended));
  }, 60_000);

  it("creates one store when several start at once without any", async () => {
    const path = join(scratch, "fresh", "deeper", "policies.db");
    const workers = ["a", "b", "c"].map(
      (name) => new StoreWorker(script, { path, name, domains: ["example.com"], task: "hold" }),
    );
    const opened = await Promise.all(workers.map((worker) => worker.report("opened")));
    expect(opened.map(({ events, lostAt }) => [events, lostAt])).toEqual(opened.map(() => [[], null]));
    for (const worker of workers) worker.proceed();
    const written = await Promise.all(workers.map((worker) => worker.report("written")));
    expect(written.map(({ writes }) => writes[0]?.fetches).sort()).toEqual([1, 2, 3]);
    for (const worker of workers) worker.proceed();
    await Promise.all(workers.map((worker) => worker.ended));
  }, 60_000);
});
