import type { Core } from "../../host/core/core.ts";
import type { DnsFailure } from "../../host/dns/types.ts";
import type { FetchFailure } from "../../host/https/types.ts";
import type { WorldOptions } from "./options.ts";
import type { Publisher } from "./publisher.ts";
import { Random } from "./random.ts";
import { Sender } from "./sender.ts";
import { run } from "./virtual-time.ts";
import { CLEAR, noAnswer, noPolicy, nothing, records, served, type Weather } from "./weather.ts";
import { World } from "./world.ts";

/** What an attacker controls. Neither has a certificate for the policy host. */
export type Attacker = "DNS" | "network";

export interface AttackSetup {
  readonly core: Core;
  readonly seed: number;
  readonly attacker: Attacker;
  /** Domains attacked at once, each with another max_age. */
  readonly domains: number;
}

/** How one domain fared. Seconds. */
export interface Attacked {
  readonly maxAge: number;
  /** From the start of the last good GET to the first mail that goes out unprotected. */
  readonly heldFor: number;
  /** The same from the beginning of the attack. */
  readonly attackedFor: number;
}

const HOUR = 3_600_000;
/** Mail to each domain every so often: what the answers can be seen by. */
const GAP_MS = 60_000;
const LEAST_MAX_AGE = 3_600;
const MOST_MAX_AGE = 1_209_600;

const FORGED: readonly DnsFailure[] = ["servfail", "timeout", "refused", "malformed"];
const CUT: readonly FetchFailure[] = ["connect", "timeout", "tls", "certificate", "incomplete", "dns"];
const WEAK = new TextEncoder().encode("version: STSv1\nmode: none\nmax_age: 86400\n");

/** Says anything about the record, and sends the GET to a host of its own, whose certificate does not verify. */
const dnsAttacker: Weather = {
  dns: ({ random }) => {
    const kind = random.below(4);
    if (kind === 0) return { delayMs: 5, answer: nothing("nxdomain", random.pick([0, 300, 86_400])), id: null };
    if (kind === 1) return { delayMs: 5, answer: noAnswer(random.pick(FORGED)), id: null };
    const id = `evil${random.below(1000)}`;
    return { delayMs: 5, answer: records([`v=STSv1; id=${id};`], random.pick([0, 300, 4_294_967_295])), id };
  },
  host: ({ random }) => ({ delayMs: 50, answer: noPolicy(random.pick(["certificate", "dns", "tls"])), valid: null }),
};

/** Drops, cuts and answers in place of everybody, but cannot prove to be the policy host. */
const networkAttacker: Weather = {
  dns: (world, publisher) => {
    if (world.random.chance(0.5)) return { delayMs: 6000, answer: noAnswer("timeout"), id: null };
    return dnsAttacker.dns(world, publisher);
  },
  host: ({ random }) => {
    // In clear, or under another media type, a weak policy is no policy.
    if (random.chance(0.1)) return { delayMs: 50, answer: served(WEAK, "text/html"), valid: null };
    return { delayMs: 50, answer: noPolicy(random.pick(CUT)), valid: null };
  },
};

const WORLD: Omit<WorldOptions, "domains"> = {
  senders: 1,
  deliveries: 0,
  gapMs: GAP_MS,
  onDiscoveryFailure: "defer-briefly",
  maxDomains: 50_000,
  maxWaiting: 50_000,
  dnsTrouble: 0,
  hostTrouble: 0,
  storeTrouble: 0,
  slowStore: false,
  restarts: 0,
  reboots: false,
  clockSteps: 0,
  storeLosses: 0,
  strangers: 0,
  changes: 0,
};

/** Honest hours first, at a moment that the attacker chooses the attack, then mail until the last domain has fallen. */
export async function attack({ core, seed, attacker, domains }: AttackSetup): Promise<Attacked[]> {
  const random = new Random(seed);
  const weather: Weather = { dns: (...now) => current.dns(...now), host: (...now) => current.host(...now) };
  let current: Weather = CLEAR;
  const world = new World({ core, seed, stream: 1, options: { ...WORLD, domains }, weather });
  const sender = new Sender(world, "p0");
  for (const publisher of world.publishers)
    publisher.publish(
      "enforce",
      Math.round(LEAST_MAX_AGE * (MOST_MAX_AGE / LEAST_MAX_AGE) ** (random.next() / 2 ** 32)),
    );
  const attackedMs = random.between(2 * HOUR, 72 * HOUR);
  world.time.after(attackedMs, () => {
    current = attacker === "DNS" ? dnsAttacker : networkAttacker;
  });
  const fallen = new Map<Publisher, Attacked>();
  const visit = (publisher: Publisher): void => {
    void sender.ask(publisher.domain, "lookup", 20_000).then((decision) => {
      const isAttacked = world.time.trueMs >= attackedMs;
      if (isAttacked && decision?.policy?.mode !== "enforce") fallen.set(publisher, fall(world, publisher, attackedMs));
      else world.time.after(GAP_MS, () => visit(publisher));
    });
  };
  world.time.after(1000, () => world.publishers.forEach(visit));
  await run(world.time, () => {
    world.ledger.rest();
    return world.broken || fallen.size === domains ? "over" : "go on";
  });
  if (world.broken) throw world.broken;
  return [...fallen.values()];
}

function fall({ ledger, time }: World, { domain, current }: Publisher, attackedMs: number): Attacked {
  const last = ledger.fetches.get(domain)?.at(-1);
  const since = (ms: number): number => Math.floor(time.trueMs / 1000) - Math.floor(ms / 1000);
  return { maxAge: current?.maxAge ?? 0, heldFor: since(last?.startedMs ?? 0), attackedFor: since(attackedMs) };
}
