import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { whyNoDaemon } from "./daemon-process.ts";
import { enforce } from "./delivery-cases.ts";
import { postfix37, whyUnavailable } from "./flavour.ts";
import { openSite, type SendingSite } from "./sending-site.ts";

// kill -9 while policies are being written. What Postfix was once told to enforce must be on disk by then.

const cycles = 8;
const domainsPerCycle = 8;

// The Postfix makes no difference to what the store keeps; one is enough.
const reason = whyUnavailable(postfix37) ?? whyNoDaemon();
const title = `${postfix37.name}, the daemon killed while it writes`;
describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
  let site: SendingSite<"main">;

  beforeAll(async () => {
    site = await openSite({ flavour: postfix37, domains: {}, ttl: 0, instances: { main: { map: "postfix" } } });
  });
  afterAll(() => site?.close());

  /** Domains whose mail shows at once whether a policy is in force: their hosts strip STARTTLS. */
  async function describeDomains(cycle: number): Promise<string[]> {
    const names = Array.from({ length: domainsPerCycle }, (_, i) => `d${i}.cycle${cycle}.test`);
    for (const name of names)
      await site.world.domain(name, {
        policy: enforce(`mx.${name}`),
        mx: [{ exchange: `mx.${name}`, starttls: "stripped" }],
      });
    return names;
  }

  /** Sends to all at once and kills the daemon as soon as `count` of them were told to enforce. */
  async function killAfter(count: number, names: readonly string[]): Promise<Map<string, string>> {
    const postfix = site.postfix("main");
    const told = new Map<string, string>();
    let killed: Promise<void> | undefined;
    await Promise.all(
      names.map(async (name) => {
        const queueId = await postfix.send({ from: "a@sender.lab.test", to: `b@${name}`, subject: "Hello" });
        const { dsn } = await postfix.waitForStatus(queueId);
        if (dsn === "4.7.4") told.set(name, queueId);
        if (told.size >= count) killed ??= site.daemon.kill();
      }),
    );
    await killed;
    return told;
  }

  it("loses nothing that it has answered: policies are on disk before answers leave (R-8461-CSM-10, R-8461-CSM-12)", async () => {
    const told = new Map<string, string>();
    for (let cycle = 0; cycle < cycles; cycle++) {
      const names = await describeDomains(cycle);
      const now = await killAfter(1 + (cycle % domainsPerCycle), names);
      expect(now.size).toBeGreaterThan(cycle % domainsPerCycle);
      for (const [name, queueId] of now) told.set(name, queueId);
      // Nothing can be learned anew: whatever is enforced from here on was on disk.
      for (const name of names) await site.world.forgeNxdomain(name, "record");
      await site.daemon.start();
      const again = await Promise.all([...told].map(([, queueId]) => site.retry("main", queueId)));
      for (const sent of again)
        expect(sent, `after ${cycle + 1} kills`).toMatchObject({ status: "deferred", dsn: "4.7.4", accepted: [] });
    }
    expect(site.daemon.lines.filter(({ event }) => event === "store-quarantined")).toEqual([]);
    expect(told.size).toBeGreaterThan(cycles);
  });
});
