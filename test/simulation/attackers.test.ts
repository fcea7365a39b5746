import { describe, expect, it } from "vitest";
import { loadCoreSync } from "../../host/core/load.ts";
import { type Attacker, attack } from "./attackers.ts";

const core = loadCoreSync();
const GAP = 60; // seconds between two mails to a domain
const DAY = 86_400;

describe.each<Attacker>(["DNS", "network"])("an attacker who controls the %s but has no certificate", (attacker) => {
  it("never makes a policy fall before max_age is over, and needs to keep it up for max_age less one refresh (R-8461-3.1-23, R-8461-3.3-17, R-8461-3.3-18, R-8461-CSM-05)", async () => {
    const attacked = (await Promise.all([1, 2].map((seed) => attack({ core, seed, attacker, domains: 12 })))).flat();
    expect(attacked).toHaveLength(24);
    for (const { maxAge, heldFor, attackedFor } of attacked) {
      expect(heldFor).toBeGreaterThan(maxAge);
      expect(heldFor).toBeLessThanOrEqual(maxAge + GAP + 21); // there is no grace either
      expect(attackedFor).toBeGreaterThanOrEqual(maxAge - Math.min(DAY, maxAge / 2) - 2 * GAP);
    }
    const share = attacked.map(({ maxAge, attackedFor }) => attackedFor / maxAge).sort((a, b) => a - b);
    console.log(
      `${attacker}: least share of max_age that an attack must last: ${share[0]?.toFixed(3)}, median ${share[12]?.toFixed(3)}`,
    );
  });
});
