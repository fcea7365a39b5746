import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually, HOUR, ownAddress, Site, secured } from "../attacks/site.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import { FaultProxy, type Faults } from "./fault-proxy.ts";
import { recordFigures } from "./figures.ts";

const SEEDS = (process.env.FAULTS_SEEDS ?? "1,2").split(",").map(Number);
const ROUNDS = Number(process.env.FAULTS_ROUNDS ?? 6);
const DNS: Faults = { delay: 0.5, longest: 300, drop: 0.2, duplicate: 0.2, truncate: 0.15, reset: 0.1 };
const HTTPS: Faults = { delay: 0.5, longest: 300, drop: 0.05, truncate: 0.1, reset: 0.1 };

describe("a wire that delays, drops, duplicates, reorders, truncates and resets", () => {
  let site: Site;
  const proxies: FaultProxy[] = [];
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
  });
  afterEach(async () => {
    await site?.close();
    for (const proxy of proxies.splice(0)) await proxy.close();
  });

  it.each(SEEDS)(
    "neither loses nor weakens a policy, and gives no answer that nobody published (seed %i) (R-8461-CSM-02)",
    { timeout: 600_000 },
    async (seed) => {
      site = await Site.open();
      const dns = await FaultProxy.forDns(seed, site.world.dns);
      const https = await FaultProxy.forHttps(seed + 1000, site.world.https, ownAddress());
      proxies.push(dns, https);
      await site.stop();
      const config = { dns: { servers: [`127.0.0.1:${dns.port}`], timeout: "200ms" } };
      const ca = { "ca-file": `${site.home.folder}/ca.pem`, "allow-private-addresses": true, timeout: "2s" };
      site.home.configure(site.world, { ...config, https: ca });
      await site.start();
      const through = { policyHost: { dnsAddresses: [https.address] } };
      const known: string[] = [];
      for (let i = 0; i < 15; i++) {
        const domain = await site.unknown(through);
        expect(await site.ask(domain)).toBe(secured(domain));
        known.push(domain);
      }
      dns.faults = DNS;
      https.faults = HTTPS;
      const fresh: string[] = [];
      const words = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round++) {
        site.clock.pass(HOUR + 700); // every id is looked at, and refreshes come due
        const young = await Promise.all(Array.from({ length: 5 }, () => site.unknown(through)));
        const replies = await Promise.all(
          [...known, ...young, ...fresh].map(async (name) => [name, await site.ask(name)] as const),
        );
        for (const [name, reply] of replies.slice(0, known.length)) expect(reply).toBe(secured(name));
        for (const [name, reply] of replies.slice(known.length)) {
          const word = reply === secured(name) ? "policy" : (reply ?? "closed").split(" ")[0];
          expect(["policy", "TEMP", "NOTFOUND"], String(reply)).toContain(word);
          words.set(String(word), (words.get(String(word)) ?? 0) + 1);
          if (word === "policy") known.push(name); // once answered it stays
        }
        fresh.splice(0, fresh.length, ...[...fresh, ...young].filter((name) => !known.includes(name)));
      }
      dns.faults = {};
      https.faults = {};
      const everyoneIsRight = async () => {
        site.clock.pass(400); // beyond the back-off after a failure, also after one that was still under way
        const asked = [...known, ...fresh].map(async (name) => (await site.ask(name)) === secured(name));
        return (await Promise.all(asked)).every(Boolean);
      };
      await eventually("every domain is right again", everyoneIsRight);
      expect(site.daemon.events("internal-error")).toEqual([]);
      for (const kind of ["delay", "drop", "duplicate", "truncate"] as const)
        expect(dns.struck[kind], kind).toBeGreaterThan(0);
      for (const kind of ["delay", "truncate", "reset"] as const) expect(https.struck[kind], kind).toBeGreaterThan(0);
      recordFigures(`wire, seed ${seed}`, {
        rounds: ROUNDS,
        dns: JSON.stringify(dns.struck),
        https: JSON.stringify(https.struck),
        answersUnderFaults: JSON.stringify(Object.fromEntries(words)),
      });
    },
  );
});
