// Seeded random numbers and hostile events for walks through the transition.
import type { FetchFailureName } from "../../host/core/names.ts";
import type { StepEvent } from "../../host/core/step.ts";
import { octets } from "./frames.ts";

/** xorshift32: the same numbers on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

export const policyText = (mode: string, mx: readonly string[], maxAge: number): string =>
  `version: STSv1\nmode: ${mode}\n${mx.map((name) => `mx: ${name}\n`).join("")}max_age: ${maxAge}\n`;

export const txt = (text: string): Uint8Array => Uint8Array.of(text.length, ...octets(text));

const FAILURES: readonly FetchFailureName[] = [
  "dns",
  "address-forbidden",
  "connect",
  "tls",
  "certificate",
  "timeout",
  "status",
  "redirect",
  "too-large",
  "incomplete",
  "encoding",
  "protocol",
  "aborted",
];

const RRSETS: readonly (readonly string[])[] = [
  [],
  ["v=spf1 -all"],
  ["v=STSv1; id=no-good;"],
  ["v=STSv1; id=1;", "v=STSv1; id=2;"],
  ["v=STSv1; id=1;"],
  ["v=STSv1; id=2;"],
  ["v=STSv1; id=zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz;"],
];

const BODIES: readonly string[] = [
  "",
  "\n",
  "<html>hello</html>",
  "version: STSv1\nmode: none\n",
  "version: STSv1\nmode: nonsense\nmax_age: 86400\n",
  `${policyText("none", [], 86400)}garbage`,
  `x${"y".repeat(70_000)}`,
];

/** Anything an attacker on the wire can make of a TXT query. */
export function hostileRecord(random: Random): StepEvent {
  const ttl = random.pick([0, 1, 60, 300, 86400, 0xffffffff]);
  const kind = random.below(4);
  if (kind === 0) return { kind: "record", outcome: "failed" };
  if (kind === 1) return { kind: "record", outcome: "none", ttl };
  return { kind: "record", outcome: "answered", rrset: random.pick(RRSETS).map(txt), ttl };
}

/** Anything but a valid, authenticated policy: what an attacker without the policy host's key can make of a GET. */
export function hostileFetch(random: Random, token: Uint8Array): StepEvent {
  if (random.chance(60)) return { kind: "policy", token, failure: random.pick(FAILURES) };
  if (random.chance(50)) return { kind: "policy", token, body: octets(random.pick(BODIES)), contentType: "text/plain" };
  const good = octets(policyText("none", [], 86400));
  return { kind: "policy", token, body: good, contentType: random.pick(["text/html", null, "", "text/plain-old"]) };
}
