import { type Summary, scenarioText, summaryText, wentAstray } from "./demo-report.ts";
import { type Expected, SCENARIOS, type Scenario } from "./demo-scenarios.ts";
import { DemoWorld } from "./demo-world.ts";
import type { Delivery } from "./mx-server.ts";
import type { Attempt, SendResult } from "./sender.ts";

// npm run demo: a world on loopback in which one MTA with mta-sts-engine and one without it send the same mail.

const HOUR = 3600;

interface Played {
  readonly scenario: Scenario;
  readonly result: SendResult;
  readonly ours: readonly Delivery[];
  readonly ordinary: readonly Delivery[];
}

async function play(demo: DemoWorld, scenario: Scenario): Promise<Played> {
  const { domain } = scenario;
  await demo.world.domain(domain, scenario.owner);
  if (scenario.known) await demo.send("ours", domain);
  const before = (await demo.taken("ours", domain)).length;
  demo.skip(HOUR);
  await scenario.act?.(demo.world);
  if (scenario.restart) await demo.restart();
  await demo.send("ordinary", domain);
  const result = await demo.send("ours", domain);
  const ours = (await demo.taken("ours", domain)).slice(before);
  return { scenario, result, ours, ordinary: await demo.taken("ordinary", domain) };
}

/** Judged by what the MX servers have, not by what the sender believes. */
function becameOf({ scenario, ours }: Played): Expected {
  if (ours.length === 0) return "held";
  return ours.some((delivery) => wentAstray(scenario, delivery)) ? "delivered" : "verified";
}

function asExpected(played: Played): boolean {
  const { scenario, result, ours } = played;
  if (ours.length > 0 !== (result.status === "delivered")) return false;
  if (scenario.expected === "delivered") return ours.length > 0;
  const proven = scenario.expected === "held" || result.attempts.at(-1)?.judged.why === "compliant";
  return becameOf(played) === scenario.expected && proven;
}

function broken({ result }: Played): Attempt[] {
  return result.attempts.filter(({ evaluated, judged }) => evaluated && !judged.compliant);
}

function summarise(all: readonly Played[]): Summary {
  const attacks = all.filter(({ scenario }) => scenario.attack);
  const peace = all.filter(({ scenario }) => !scenario.attack);
  const astray = (played: readonly Played[], whose: "ours" | "ordinary") =>
    played.filter((one) => one[whose].some((delivery) => wentAstray(one.scenario, delivery))).length;
  return {
    attacks: attacks.length,
    oursAstray: astray(attacks, "ours"),
    ordinaryAstray: astray(attacks, "ordinary"),
    legitimate: peace.length,
    legitimateDelivered: peace.filter(({ ours }) => ours.length > 0).length,
    testingFailures: peace.filter(({ result }) => result.decision?.policy?.mode === "testing").flatMap(broken).length,
    failures: all
      .filter((played) => !asExpected(played))
      .map((played) => `${played.scenario.title}: ${becameOf(played)} in place of ${played.scenario.expected}`),
  };
}

async function main(): Promise<void> {
  const demo = await DemoWorld.create();
  const all: Played[] = [];
  try {
    console.log("A world on loopback: DNS, policy hosts, MX hosts, a CA, an attacker. Two MTAs send the same mail:");
    console.log("one asks mta-sts-engine, the other encrypts when it can, as most of the Internet does.\n");
    for (const scenario of SCENARIOS) {
      const played = await play(demo, scenario);
      all.push(played);
      console.log(scenarioText(all.length, scenario, played.result, played.ordinary, demo.finding(scenario.domain)));
    }
  } finally {
    await demo.close();
  }
  const summary = summarise(all);
  console.log(summaryText(summary));
  process.exitCode = summary.failures.length === 0 && summary.oursAstray === 0 ? 0 : 1;
}

await main();
