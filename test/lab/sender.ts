import type { Core } from "../../host/core/core.ts";
import type { JudgeResult } from "../../host/core/judge.ts";
import type { Chain, Session } from "../../host/core/names.ts";
import type { PlanEntry } from "../../host/core/plan.ts";
import { canonicalDomain } from "../../host/dns/names.ts";
import type { DnsClient } from "../../host/dns/types.ts";
import type { Decision } from "../../host/engine/decision.ts";
import type { Engine } from "../../host/engine/engine.ts";
import { SenderSession, type TlsFacts } from "./sender-session.ts";

export interface SenderOptions {
  readonly core: Core;
  /** Null: an MTA that knows nothing of MTA-STS and encrypts when it can. */
  readonly engine: Pick<Engine, "resolve" | "recheck"> | null;
  readonly dns: Pick<DnsClient, "mx" | "addresses">;
  /** Trusted roots, PEM. */
  readonly caPem: string;
  /** The port an MX host listens on; the lab's are not 25. */
  readonly portOf: (host: string) => Promise<number>;
}

export interface Message {
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** One MX host that was tried, or left out by the plan. */
export interface Attempt {
  readonly host: string;
  readonly action: PlanEntry["action"];
  readonly judged: JudgeResult;
  /** Did the policy have a say in this (enforce and testing)? */
  readonly evaluated: boolean;
}

export interface SendResult {
  readonly status: "delivered" | "held";
  readonly decision: Decision | null;
  /** In the order of trial, those of a second round after a recheck included. */
  readonly attempts: readonly Attempt[];
  /** What a fresh look at the policy gave before the message was held; null when there was none. */
  readonly recheck: Decision | null;
  /** Why it is held when no MX host was tried. */
  readonly detail: string;
}

interface Contact {
  readonly session: Session;
  readonly facts: TlsFacts | null;
  readonly connection: SenderSession | null;
}

const NO_TLS = { tlsVersion: 0, chain: "no-certificate" as Chain, names: [] as readonly string[] };

/** A small sending MTA: MX lookup, policy, the plan for each MX host, SMTP with STARTTLS, a judgement for each session. */
export class Sender {
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Delivers to the first MX host that may have the message. A held message is one that a queue would try again. */
  async send(message: Message): Promise<SendResult> {
    const { engine } = this.#options;
    const domain = canonicalDomain(message.to.slice(message.to.lastIndexOf("@") + 1));
    if (domain === null) throw new TypeError(`not a mail address: ${message.to}`);
    const decision = (await engine?.resolve(domain)) ?? null;
    const first = await this.#round(message, domain, decision);
    if (first.status === "delivered" || engine === null || !decision?.recheck) return first;
    // RFC 8461 §5.1: before mail is given up, look whether there is a newer policy.
    const fresh = await engine.recheck(domain);
    if (fresh.policy?.id === decision.policy?.id) return { ...first, recheck: fresh };
    const second = await this.#round(message, domain, fresh);
    return { ...second, attempts: [...first.attempts, ...second.attempts], recheck: fresh };
  }

  async #round(message: Message, domain: string, decision: Decision | null): Promise<SendResult> {
    const held = { status: "held", decision, attempts: [], recheck: null } as const;
    if (decision?.verdict === "temp") return { ...held, detail: decision.detail };
    const hosts = await this.#mxHosts(domain);
    if (typeof hosts === "string") return { ...held, detail: hosts };
    const attempts: Attempt[] = [];
    for (const [i, entry] of this.#plan(decision, hosts).entries()) {
      const attempt = await this.#tryHost(entry, i === hosts.length - 1, message);
      attempts.push(attempt);
      if (attempt.judged.verdict === "deliver") return { ...held, status: "delivered", attempts, detail: "" };
    }
    return { ...held, attempts, detail: "" };
  }

  /** MX hosts by preference, or why there are none. */
  async #mxHosts(domain: string): Promise<string[] | string> {
    const found = await this.#options.dns.mx(domain);
    if (found.kind === "failed") return found.detail;
    if (found.kind === "none") return found.reason === "nodata" ? [domain] : `${domain} does not exist`;
    const hosts = [...found.records].sort((a, b) => a.preference - b.preference).map(({ exchange }) => exchange);
    return hosts.length === 1 && hosts[0] === "" ? `${domain} takes no mail` : hosts;
  }

  #plan(decision: Decision | null, hosts: readonly string[]): PlanEntry[] {
    const { policy = null } = decision ?? {};
    if (policy === null) return this.#options.core.plan({ decision: { verdict: "none" }, hosts });
    const text = Buffer.from(policy.lines.join("\n"));
    return this.#options.core.plan({ decision: { verdict: "policy", policy: text }, hosts });
  }

  /** A judgement "deliver" stands only when the host has then taken the message. */
  async #tryHost(entry: PlanEntry, last: boolean, message: Message): Promise<Attempt> {
    const contact = await this.#contact(entry);
    const judged = this.#judge(entry, contact, last);
    const attempt = { host: entry.host, action: entry.action, judged, evaluated: entry.evaluate };
    if (judged.verdict !== "deliver") {
      contact.connection?.close();
      return attempt;
    }
    try {
      const connection = contact.connection ?? (await this.#connect(entry.host));
      await connection.deliver(message.from, message.to, message.text);
      connection.close();
      return attempt;
    } catch {
      const unreached = this.#judge(entry, { session: "not-connected", facts: null, connection: null }, last);
      return { ...attempt, judged: unreached };
    }
  }

  #judge(entry: PlanEntry, { session, facts }: Contact, last: boolean): JudgeResult {
    return this.#options.core.judge({ entry, session, last, ...(facts ?? NO_TLS) });
  }

  /** Connects and encrypts as far as host and attacker let us. A host the plan leaves out is not even connected to. */
  async #contact({ host, action }: PlanEntry): Promise<Contact> {
    const nothing = { facts: null, connection: null };
    if (action === "skip") return { session: "not-connected", ...nothing };
    const connection = await this.#connect(host).catch(() => null);
    if (connection === null) return { session: "not-connected", ...nothing };
    if (!connection.offersStartTls) return { session: "no-starttls", facts: null, connection };
    try {
      const facts = await connection.startTls(host, this.#options.caPem);
      return { session: facts === null ? "starttls-refused" : "tls", facts, connection };
    } catch {
      connection.close();
      return { session: "handshake-failed", ...nothing };
    }
  }

  async #connect(host: string): Promise<SenderSession> {
    const addresses = await this.#options.dns.addresses(host);
    const address = addresses.kind === "records" ? addresses.records[0] : undefined;
    if (address === undefined) throw new Error(`${host} has no address`);
    return SenderSession.open(address, await this.#options.portOf(host));
  }
}
