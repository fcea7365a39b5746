import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DAY, HOUR, Site, secured, WEEK } from "../attacks/site.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";

const TEN_YEARS = 315_576_000;
const IN_2038 = 2 ** 31 - 30;

describe("a clock that jumps", () => {
  let site: Site;
  beforeEach(async (context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    site = await Site.open();
  });
  afterEach(() => site?.close());

  const cutOff = () => site.world.setDnsOutage({ answer: "nxdomain" });

  it("ten years ahead and ten years back, while the daemon runs: policies live as long as they said, no longer and no shorter (R-8461-CSM-14)", async () => {
    const [short, long] = [await site.known(DAY), await site.known(WEEK)];
    for (const jump of [TEN_YEARS, -2 * TEN_YEARS, TEN_YEARS]) {
      site.clock.set(jump);
      const learned = await site.known();
      for (const domain of [short, long, learned]) expect(await site.ask(domain), `${jump} s`).toBe(secured(domain));
      site.clock.pass(7 * HOUR);
      await site.restart();
    }
    await cutOff();
    for (const domain of [short, long]) await site.world.breakPolicyHost(domain, "down");
    site.clock.pass(DAY + HOUR);
    expect(await site.ask(short)).not.toContain("secure");
    expect(await site.ask(long)).toBe(secured(long));
  });

  it("over 2038-01-19T03:14:07Z, running and at a start: nothing overflows (R-8461-CSM-14)", async () => {
    await site.reboot((clock) => clock.setTo(IN_2038));
    const domain = await site.known(DAY);
    await cutOff();
    site.clock.pass(60);
    expect(await site.ask(domain)).toBe(secured(domain));
    await site.restart();
    expect(await site.ask(domain)).toBe(secured(domain));
    await site.reboot((clock) => clock.set(HOUR));
    expect(await site.ask(domain)).toBe(secured(domain));
    site.clock.pass(DAY);
    expect(await site.ask(domain)).not.toContain("secure");
  });

  it("to 1970 at boot, on a new store and on one that knows better: it serves, and learns policies that survive the right time (R-8461-CSM-14)", async () => {
    const known = await site.known(WEEK);
    await site.reboot((clock) => clock.setTo(0));
    const learned = await site.known(WEEK);
    await cutOff();
    for (const domain of [known, learned]) expect(await site.ask(domain)).toBe(secured(domain));
    expect((await site.daemon.event("clock-behind")).level).toBe("error");
    await site.reboot((clock) => clock.setTo(Math.floor(Date.now() / 1000) + HOUR));
    for (const domain of [known, learned]) expect(await site.ask(domain)).toBe(secured(domain));
  });
});
