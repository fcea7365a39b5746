import { readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Site, secured } from "../attacks/site.ts";
import { policyHostObstacle } from "../daemon/daemon-process.ts";
import { withinBudget } from "./budget.ts";
import { recordFigures } from "./figures.ts";
import { seeded } from "./random.ts";

/** FAULTS_CYCLES=2000 for the long run. */
const CYCLES = Number(process.env.FAULTS_CYCLES ?? 100);
const DOMAINS_A_CYCLE = 4;
/** Domains of earlier cycles that are asked for again after each start; all of them at the end. */
const SAMPLE = 8;

/** Resolves when so many of them are settled. */
async function someOf(promises: readonly Promise<unknown>[], count: number): Promise<void> {
  let settled = 0;
  if (count === 0) return;
  await new Promise<void>((resolve) => {
    for (const promise of promises) void promise.then(() => ++settled >= count && resolve());
  });
}

describe("kill -9", () => {
  let site: Site;
  beforeEach(async (context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    site = await Site.open({ config: { listen: [{ postfix: "127.0.0.1:0" }] } });
    await site.stop();
  });
  afterEach(() => site?.close());

  it(`${CYCLES} times at any moment: nothing acknowledged is lost, nothing is corrupt, every start serves (R-8461-CSM-10, R-8461-CSM-12)`, {
    timeout: 14_400_000,
  }, async () => {
    const random = seeded(7);
    const acknowledged: string[] = [];
    let slowest = 0;
    const holds = async (domains: readonly string[]) => {
      const replies = await Promise.all(domains.map((domain) => site.ask(domain)));
      for (const [i, domain] of domains.entries()) expect(replies[i]).toBe(secured(domain));
    };
    const startCutOff = async () => {
      await site.world.setDnsOutage({ answer: "nxdomain" }); // nothing can be learned anew
      const before = performance.now();
      await site.start();
      slowest = Math.max(slowest, performance.now() - before);
    };
    let cycles = 0;
    for (const cycle of withinBudget(1, CYCLES)) {
      cycles++;
      await startCutOff();
      const older = Array.from({ length: SAMPLE }, () => acknowledged[Math.floor(random() * acknowledged.length)]);
      await holds([...acknowledged.slice(-DOMAINS_A_CYCLE), ...older.filter((domain) => domain !== undefined)]);
      await site.world.setDnsOutage(null);
      const names = await Promise.all(Array.from({ length: DOMAINS_A_CYCLE }, () => site.unknown({ mx: [] })));
      const answers = names.map(async (name) => {
        if ((await site.ask(name).catch(() => null)) === secured(name)) acknowledged.push(name);
      });
      // Some while they are being learned, some right after an answer; a slow machine gets its answers too.
      const moment = new Promise((wake) => setTimeout(wake, random() * 120));
      const wanted = Math.floor(random() * (DOMAINS_A_CYCLE + 1));
      await (cycle % 2 === 0 ? moment : Promise.race([someOf(answers, wanted), Promise.all(answers)]));
      await site.stop("SIGKILL");
      await Promise.all(answers);
    }
    await startCutOff();
    for (let i = 0; i < acknowledged.length; i += 100) await holds(acknowledged.slice(i, i + 100));
    const files = readdirSync(site.home.folder).filter((name) => name.startsWith("policies.db.corrupt"));
    expect(files).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(cycles / 4);
    recordFigures("kill -9", {
      cycles,
      acknowledged: acknowledged.length,
      lost: 0,
      quarantined: 0,
      slowestStartMs: Math.round(slowest),
    });
  });
});
