import { isHostName } from "../../host/mx/host-name.ts";
import { permittedHosts } from "../../host/mx/mx-candidates.ts";
import type { QuestionObserver, Questions, Ruling } from "../../host/mx/question.ts";

export interface OpenSmtpdObserver extends QuestionObserver {
  /** An enforced policy permits none of the MX hosts. */
  unmatched?(domain: string, policyId: string): void;
}

/** OpenSMTPD takes it for a fault of the table: 451 at RCPT, or another try later. */
export const ERROR = "error";

/**
 * Answers the table helper, one line each:
 *   CHECK domain -> found (an enforced policy), not-found, error
 *   ROUTE domain -> relay HOST (the MX host to use), error
 */
export class OpenSmtpdAnswerer {
  readonly #questions: Questions;
  readonly #observer: OpenSmtpdObserver;
  readonly #random: (limit: number) => number;

  /** `random`: a whole number in [0, limit), to spread mail over hosts of equal preference (R-5321-5.1-04). */
  constructor(questions: Questions, observer: OpenSmtpdObserver, random: (limit: number) => number) {
    this.#questions = questions;
    this.#observer = observer;
    this.#random = random;
  }

  /** Never rejects. */
  async answer(line: string): Promise<string> {
    const [verb, domain, more] = line.split(" ");
    const known = (verb === "CHECK" || verb === "ROUTE") && domain !== undefined && domain !== "" && more === undefined;
    if (!known) {
      this.#observer.answered?.("error");
      return ERROR;
    }
    const ruling = await this.#questions.ruling(domain);
    this.#observer.answered?.(ruling.kind === "enforce" ? "policy" : ruling.kind);
    if (ruling.kind === "temp") return ERROR;
    if (verb === "CHECK") return ruling.kind === "enforce" ? "found" : "not-found";
    return this.#route(ruling);
  }

  /**
   * The best MX host that may have the mail. A message keeps the action it was given when it came in, so a domain whose
   * policy has gone since then is routed too, to its best MX host: "not found" would return the message.
   */
  async #route(ruling: Exclude<Ruling, { kind: "temp" }>): Promise<string> {
    const { domain } = ruling;
    if (domain === null) return ERROR;
    const candidates = await this.#questions.candidates(domain);
    if (candidates.kind === "failed") {
      this.#observer.deferred?.(domain, "mx-lookup-failed", candidates.detail);
      return ERROR;
    }
    const { hosts, preferences } = candidates;
    const permitted =
      ruling.kind === "enforce"
        ? permittedHosts(ruling.mx, hosts, this.#questions.matchesMx)
        : hosts.filter((host) => isHostName(host));
    const best = permitted.filter((host) => preferences.get(host) === preferences.get(permitted[0] ?? ""));
    const chosen = best[this.#random(best.length)];
    if (chosen !== undefined) return `relay ${chosen}`;
    if (ruling.kind === "enforce") this.#observer.unmatched?.(domain, ruling.id);
    return ERROR;
  }
}
