import { permittedHosts } from "../../host/mx/mx-candidates.ts";
import type { QuestionObserver, Questions } from "../../host/mx/question.ts";
import { otherHosts } from "./other-hosts.ts";
import { type EximOutcome, outcomeOf } from "./outcome.ts";
import { type EximEvent, type EximRequest, parseRequest } from "./request.ts";

/** True when one of the DNS-IDs of a certificate names the host (RFC 9525 §6.3); the decision core's function. */
export type MatchesDnsId = (names: readonly string[], host: string) => boolean;

/** What metrics and logs hear from the binding beside its questions. */
export interface EximObserver extends QuestionObserver {
  /** Exim was about to use a host that the policy does not permit, and was told no. */
  refused?(domain: string, host: string, policyId: string): void;
  /** An enforced policy permits none of the MX hosts that Exim found. */
  unmatched?(domain: string, policyId: string): void;
  outcome?(outcome: EximOutcome, event: EximEvent): void;
}

/** Anything but "none" and "yes" is strict to Exim, so a request that we do not understand cannot open anything. */
export const NOT_UNDERSTOOD =
  "error: expected MODE domain, OTHERS domain, NOHOST domain, MXOK domain host [names], or EVENT name domain host address errno text";

/** Turns one line of Exim's ${readsocket} into one reply. */
export class EximAnswerer {
  readonly #questions: Questions;
  readonly #matchesDnsId: MatchesDnsId;
  readonly #observer: EximObserver;

  constructor(questions: Questions, matchesDnsId: MatchesDnsId, observer: EximObserver = {}) {
    this.#questions = questions;
    this.#matchesDnsId = matchesDnsId;
    this.#observer = observer;
  }

  /** `line` is a request without its line end, in Latin-1 characters. Never rejects. */
  async answer(line: string): Promise<string> {
    const request = parseRequest(line.endsWith("\r") ? line.slice(0, -1) : line);
    switch (request?.verb) {
      case "MODE":
        return this.#mode(request.domain);
      case "OTHERS":
        return this.#others(request.domain);
      case "NOHOST":
        return this.#noHost(request.domain);
      case "MXOK":
        return this.#mxOk(request);
      case "EVENT":
        this.#observer.outcome?.(outcomeOf(request), request);
        return "";
      default:
        this.#observer.answered?.("error");
        return NOT_UNDERSTOOD;
    }
  }

  async #mode(domain: string): Promise<"none" | "enforce" | "temp"> {
    const { kind } = await this.#questions.ruling(domain);
    this.#observer.answered?.(kind === "enforce" ? "policy" : kind);
    return kind;
  }

  /** What to leave out; where nothing is to be honoured or nothing is known, nothing: MXOK judges at the handshake. */
  async #others(domain: string): Promise<string> {
    const ruling = await this.#questions.ruling(domain);
    this.#observer.answered?.(ruling.kind === "enforce" ? "policy" : ruling.kind);
    return ruling.kind === "enforce" ? otherHosts(ruling.mx) : "";
  }

  /** Exim found no host that it may use: has the domain none at all, or one that its policy does not permit? */
  async #noHost(domain: string): Promise<"gone" | "defer"> {
    const ruling = await this.#questions.ruling(domain);
    this.#observer.answered?.(ruling.kind === "enforce" ? "policy" : ruling.kind);
    if (ruling.kind !== "enforce") return "defer";
    const candidates = await this.#questions.candidates(ruling.domain);
    if (candidates.kind === "known" && candidates.hosts.every((host) => host === "")) return "gone";
    this.#observer.unmatched?.(ruling.domain, ruling.id);
    return "defer";
  }

  /**
   * May this MX host have mail of the domain, and does the certificate it has shown name it (R-8461-4.2-03, R-8461-4.2-05)?
   * Where the policy has gone since Exim asked for the mode, any may.
   */
  async #mxOk({ domain, host: name, names }: Extract<EximRequest, { verb: "MXOK" }>): Promise<"yes" | "no" | "temp"> {
    const ruling = await this.#questions.ruling(domain);
    this.#observer.answered?.(ruling.kind === "enforce" ? "policy" : ruling.kind);
    if (ruling.kind !== "enforce") return ruling.kind === "none" ? "yes" : "temp";
    const host = name.toLowerCase().replace(/\.$/, "");
    const permitted = permittedHosts(ruling.mx, [host], this.#questions.matchesMx).length > 0;
    if (permitted && (names === null || this.#matchesDnsId(names, host))) return "yes";
    this.#observer.refused?.(ruling.domain, host, ruling.id);
    return "no";
  }
}
