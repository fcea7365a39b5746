// The production engine in worlds of faults, each seed twice. A longer run: npm run simulate.
import { describe, expect, it } from "vitest";
import { loadCoreSync } from "../../host/core/load.ts";
import { campaign } from "./campaign.ts";
import { CELLS, Tally } from "./tally.ts";

const core = loadCoreSync();
const SEEDS = [11, 12, 13];
const DELIVERIES = 25_000;

describe("an engine that restarts, shares its store and meets every fault of DNS, HTTPS, disk and clock", () => {
  const met = new Tally();

  it.each(SEEDS)(
    "seed %i: never loses, weakens or outlives a policy, backs off, answers in time, forgets nothing it must say, and does the same again (R-8461-3.1-23, R-8461-3.3-11, R-8461-3.3-17, R-8461-5-08, R-8461-5.1-01, R-8461-CSM-01, R-8461-CSM-02, R-8461-CSM-03, R-8461-CSM-07, R-8461-CSM-09, R-8461-CSM-10, R-8461-CSM-12, R-8461-CSM-13, R-8461-CSM-14, R-8461-CSM-16)",
    async (seed) => {
      const first = await campaign({ core, seed, deliveries: DELIVERIES });
      expect(first.failed?.result.violation?.message, `npm run simulate -- --seed ${seed}`).toBeUndefined();
      const second = await campaign({ core, seed, deliveries: DELIVERIES });
      expect(second.hash).toBe(first.hash);
      met.add(first.tally);
    },
  );

  it("another seed is another world", async () => {
    const [one, two] = [
      await campaign({ core, seed: 21, deliveries: 500 }),
      await campaign({ core, seed: 22, deliveries: 500 }),
    ];
    expect(one.hash).not.toBe(two.hash);
  });

  it("every cell of the cache's table and every kind of fault was met", () => {
    for (const cell of CELLS) expect(met.of(cell), cell).toBeGreaterThan(0);
    expect(met.under("fault: ").length).toBeGreaterThan(60);
  });
});
