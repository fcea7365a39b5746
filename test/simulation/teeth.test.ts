// The simulation is only worth something if it finds faults: each of these is planted, and must be found.
import { describe, expect, it } from "vitest";
import { loadCoreSync } from "../../host/core/load.ts";
import { campaign } from "./campaign.ts";
import { PLANTED } from "./planted-faults.ts";

const WITHIN = 400_000; // deliveries
const core = loadCoreSync();

describe("the simulation finds an engine that", () => {
  it.each(Object.entries(PLANTED))(`%s, within ${WITHIN} deliveries`, async (name, plant) => {
    const { failed, deliveries } = await campaign({ core, seed: 8, deliveries: WITHIN, plant });
    console.log(`${name}: found after ${deliveries} deliveries: ${failed?.result.violation?.message}`);
    expect(failed, `not found within ${deliveries} deliveries`).not.toBeNull();
  });
});
