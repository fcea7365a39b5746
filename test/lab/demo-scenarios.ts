import type { DomainSpec, PolicySpec } from "./domain-spec.ts";
import type { World } from "./world.ts";

/** What must become of our message. "verified": over TLS that proved a permitted MX host. */
export type Expected = "verified" | "delivered" | "held";

export interface Scenario {
  readonly title: string;
  readonly domain: string;
  /** Is somebody on the path up to no good? */
  readonly attack: boolean;
  /** How its owner set the domain up. */
  readonly owner: DomainSpec;
  /** Was there mail to the domain before, so that its policy is known? */
  readonly known: boolean;
  /** What somebody does before the message is sent, in plain words. */
  readonly story: string;
  readonly act?: (world: World) => Promise<void>;
  readonly restart?: boolean;
  readonly expected: Expected;
  /** The MX hosts that its owner wants mail to arrive at. */
  readonly rightHosts: readonly string[];
}

const WEEK = 604_800;
const enforce = (...mx: string[]): PolicySpec => ({ mode: "enforce", mx, maxAge: WEEK });

/** An attack on a domain whose only MX host is mx.DOMAIN, and whose policy is known. */
function attack(title: string, domain: string, story: string, act: (world: World) => Promise<void>): Scenario {
  const owner = { policy: enforce(`mx.${domain}`) };
  const rightHosts = [`mx.${domain}`];
  return { title, domain, attack: true, owner, known: true, story, act, expected: "held", rightHosts };
}

const strip = (world: World, domain: string) => world.setMxBehaviour(`mx.${domain}`, { starttls: "stripped" });

/** The policy host is under attack too: a forged id makes every sender fetch the policy anew. */
async function forgeRefresh(world: World, domain: string, how: Parameters<World["breakPolicyHost"]>[1]): Promise<void> {
  await world.setId(domain, "forged");
  await world.breakPolicyHost(domain, how);
  await strip(world, domain);
}

const PEACE: readonly Scenario[] = [
  {
    title: "A domain that enforces, nobody attacks",
    domain: "bank.test",
    attack: false,
    owner: { policy: enforce("mx.bank.test") },
    known: false,
    story: "nothing; the policy is found, fetched and kept",
    expected: "verified",
    rightHosts: ["mx.bank.test"],
  },
  {
    title: "A domain without a policy",
    domain: "plain.test",
    attack: false,
    owner: { policy: null, mx: [{ exchange: "mx.plain.test", certificate: "self-signed" }] },
    known: false,
    story: "nothing; the domain promises nothing",
    expected: "delivered",
    rightHosts: ["mx.plain.test"],
  },
  {
    title: "Testing mode",
    domain: "trial.test",
    attack: false,
    owner: {
      policy: { mode: "testing", mx: ["mx.trial.test"], maxAge: WEEK },
      mx: [{ exchange: "mx.trial.test", certificate: "expired" }],
    },
    known: false,
    story: "the owner forgot to renew a certificate",
    expected: "delivered",
    rightHosts: ["mx.trial.test"],
  },
  {
    title: "The owner moves to a new MX host",
    domain: "moving.test",
    attack: false,
    owner: { policy: enforce("old.moving.test"), mx: ["old.moving.test"] },
    known: true,
    story: "the owner publishes a new MX host, a policy that names it, and a new id",
    act: async (world) => {
      await world.setMx("moving.test", ["new.moving.test"]);
      await world.setPolicy("moving.test", enforce("new.moving.test"));
      await world.setId("moving.test", "2");
    },
    expected: "verified",
    rightHosts: ["new.moving.test"],
  },
  {
    title: "The owner opts out",
    domain: "leaving.test",
    attack: false,
    owner: { policy: enforce("mx.leaving.test") },
    known: true,
    story: "the owner publishes mode none under a new id and then switches TLS off",
    act: async (world) => {
      await world.setPolicy("leaving.test", { mode: "none", maxAge: 86_400 });
      await world.setId("leaving.test", "2");
      await strip(world, "leaving.test");
    },
    expected: "delivered",
    rightHosts: ["mx.leaving.test"],
  },
];

const ON_THE_WAY: readonly Scenario[] = [
  attack("STARTTLS stripped", "strip.test", "takes STARTTLS out of the MX host's offer", (world) =>
    strip(world, "strip.test"),
  ),
  {
    ...attack("STARTTLS stripped at one of two MX hosts", "two.test", "does so at the first MX host only", (world) =>
      strip(world, "two.test"),
    ),
    owner: { policy: enforce("mx.two.test", "mx2.two.test"), mx: ["mx.two.test", "mx2.two.test"] },
    expected: "verified",
    rightHosts: ["mx.two.test", "mx2.two.test"],
  },
  attack(
    "MX record forged",
    "forged.test",
    "answers the MX query with a host of his own, good certificate included",
    (world) => world.forgeMx("forged.test", ["mx.attacker.test"]),
  ),
  attack("Certificate for another name", "other.test", "redirects the connection to a server of his", (world) =>
    world.setMxBehaviour("mx.other.test", { certificate: "wrong-name" }),
  ),
  attack("Expired certificate", "expired.test", "uses a stolen key whose certificate has expired", (world) =>
    world.setMxBehaviour("mx.expired.test", { certificate: "expired" }),
  ),
  attack("Self-signed certificate", "selfmade.test", "makes a certificate with the right name himself", (world) =>
    world.setMxBehaviour("mx.selfmade.test", { certificate: "self-signed" }),
  ),
  {
    ...attack(
      "MX host too deep for the wildcard",
      "deep.test",
      "forges the MX record to a.b.deep.test, where he has a foothold",
      (world) => world.forgeMx("deep.test", ["a.b.deep.test"]),
    ),
    owner: { policy: enforce("*.deep.test") },
  },
];

const ON_THE_POLICY: readonly Scenario[] = [
  attack(
    "Policy record denied",
    "denied.test",
    "answers that _mta-sts.denied.test does not exist, and strips STARTTLS",
    async (world) => {
      await world.forgeNxdomain("denied.test");
      await strip(world, "denied.test");
    },
  ),
  attack(
    "Policy host with a bad certificate",
    "badcert.test",
    "forges a new policy id, poses as the policy host with a self-signed certificate, and strips STARTTLS",
    (world) => forgeRefresh(world, "badcert.test", { certificate: "self-signed" }),
  ),
  attack(
    "Policy host redirects",
    "redirect.test",
    "forges a new policy id, redirects the fetch to a host of his own, and strips STARTTLS",
    (world) =>
      forgeRefresh(world, "redirect.test", {
        behaviour: { kind: "redirect", status: 302, location: "https://attacker.test/.well-known/mta-sts.txt" },
      }),
  ),
  attack(
    "Policy host serves garbage",
    "garbage.test",
    "forges a new policy id, has the policy host serve its parking page, and strips STARTTLS",
    (world) => forgeRefresh(world, "garbage.test", { behaviour: { kind: "ok", body: "<html>mode: none</html>\n" } }),
  ),
  {
    ...attack(
      "Restart while DNS is dead",
      "restart.test",
      "silences DNS for record and policy host while the daemon restarts, and strips STARTTLS",
      async (world) => {
        await world.forgeReply("restart.test", { answer: "servfail" }, "record");
        await world.forgeReply("restart.test", { answer: "servfail" }, "policy-host");
        await strip(world, "restart.test");
      },
    ),
    restart: true,
  },
];

/** Peace first, then the attacks on the way of the mail, then those on the policy itself. */
export const SCENARIOS: readonly Scenario[] = [...PEACE, ...ON_THE_WAY, ...ON_THE_POLICY];
