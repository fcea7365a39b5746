// Plays a transcript of test/vectors/step.json against one build and prints every effect as one line of text.
import { txtRdata } from "../../host/core/core.ts";
import { detailName, type FetchFailureName, type Leniency, type OnDiscoveryFailure } from "../../host/core/names.ts";
import type { Effect, StepEvent, StepRequest } from "../../host/core/step.ts";
import type { Build } from "./builds.ts";
import { type Bytes, joined, toOctets, type Vector } from "./vectors.ts";

/** Where every transcript starts: Unix time and uptime, both in seconds. */
export const START = 2_000_000_000;
export const START_UPTIME = 1_000_000;
export const BOOT = 1;

export type Flag = "query-in-flight" | "get-in-flight" | "recheck-waiting" | "past-lost" | "store-unreadable";

export interface Step {
  /** Seconds since the start of the transcript, of wall clock and uptime alike. */
  readonly at: number;
  /** Overrides for clocks that do not agree; `wall` and `uptime` count from the start too, `now` is Unix time. */
  readonly clock?: {
    readonly wall?: number;
    readonly now?: number;
    readonly uptime?: number;
    readonly boot?: number;
    readonly highWater?: number;
  };
  readonly event: StepEvent["kind"];
  readonly flags?: readonly Flag[];
  /** refresh: an operator asks. */
  readonly force?: boolean;
  readonly seed?: number;
  /** record: the TXT RRs as text, "none" or "failed". */
  readonly txt?: readonly (string | readonly string[])[] | "none" | "failed";
  readonly ttl?: number;
  /** policy: a name in `bodies`, or the bytes themselves, or a failure. */
  readonly body?: string | { readonly bytes: Bytes | readonly Bytes[] };
  readonly type?: string | null;
  readonly failure?: FetchFailureName;
  /** Which get-policy effect this answers, counted from 1; without it the latest. */
  readonly flight?: number;
  /** Before the step: the host forgets what it held, or comes back with what was stored. */
  readonly state?: "nothing" | "as-stored";
  readonly why?: string;
  readonly expect: readonly string[];
}

export interface Transcript extends Vector {
  readonly name: string;
  readonly domain?: string;
  readonly onDiscoveryFailure?: OnDiscoveryFailure;
  readonly leniency?: readonly Leniency[];
  readonly steps: readonly Step[];
}

const DEFAULT_TYPE = "text/plain";

export class Player {
  readonly #build: Build;
  readonly #transcript: Transcript;
  readonly #bodies: Readonly<Record<string, string>>;
  readonly #tokens: Uint8Array[] = [];
  #state: Uint8Array | null = null;
  #stored: Uint8Array | null = null;

  constructor(build: Build, transcript: Transcript, bodies: Readonly<Record<string, string>>) {
    this.#build = build;
    this.#transcript = transcript;
    this.#bodies = bodies;
  }

  get state(): Uint8Array | null {
    return this.#state;
  }

  /** Runs one step and returns its effects as text, in their order. */
  play(step: Step): string[] {
    if (step.state !== undefined) this.#state = step.state === "nothing" ? null : this.#stored;
    const result = this.#build.core.step(this.#request(step));
    if (!result.ok) return [`error ${result.code} at ${result.offset}`];
    return result.effects.map((effect) => this.#apply(effect));
  }

  #request(step: Step): StepRequest {
    const flags = step.flags ?? [];
    const wall = START + (step.clock?.wall ?? step.at);
    return {
      event: this.#event(step),
      clock: {
        now: step.clock?.now ?? wall,
        uptimeMs: Math.round((START_UPTIME + (step.clock?.uptime ?? step.at)) * 1000),
        boot: step.clock?.boot ?? BOOT,
      },
      seed: step.seed ?? 0,
      highWater: step.clock?.highWater ?? 0,
      domain: this.#transcript.domain ?? "example.com",
      state: this.#state,
      queryInFlight: flags.includes("query-in-flight"),
      getInFlight: flags.includes("get-in-flight"),
      recheckWaiting: flags.includes("recheck-waiting"),
      pastLost: flags.includes("past-lost"),
      storeUnreadable: flags.includes("store-unreadable"),
      leniency: this.#transcript.leniency ?? [],
      onDiscoveryFailure: this.#transcript.onDiscoveryFailure ?? "defer-briefly",
    };
  }

  #event(step: Step): StepEvent {
    if (step.event === "record") {
      if (step.txt === "failed") return { kind: "record", outcome: "failed" };
      if (step.txt === "none" || step.txt === undefined)
        return { kind: "record", outcome: "none", ttl: step.ttl ?? 300 };
      const rrset = step.txt.map((record) => txtRdata(record));
      return { kind: "record", outcome: "answered", rrset, ttl: step.ttl ?? 300 };
    }
    if (step.event === "refresh") return { kind: "refresh", force: step.force ?? false };
    if (step.event !== "policy") return { kind: step.event };
    const token = this.#tokens[(step.flight ?? this.#tokens.length) - 1];
    if (!token) throw new Error(`${this.#transcript.name}: no such flight`);
    if (step.failure) return { kind: "policy", token, failure: step.failure };
    return {
      kind: "policy",
      token,
      body: this.#body(step),
      contentType: step.type === undefined ? DEFAULT_TYPE : step.type,
    };
  }

  #body(step: Step): Uint8Array {
    if (typeof step.body === "object") return joined(step.body.bytes);
    const body = this.#bodies[step.body ?? ""];
    if (body === undefined) throw new Error(`${this.#transcript.name}: no body named ${step.body}`);
    return toOctets(body);
  }

  #apply(effect: Effect): string {
    switch (effect.kind) {
      case "state":
        this.#state = effect.state;
        return "state";
      case "store":
        this.#stored = this.#state;
        return "store";
      case "forget":
        this.#stored = null;
        return "forget";
      case "notice":
        return words(
          "notice",
          effect.notice,
          field("result", effect.resultType),
          detail(effect),
          field("number", effect.number),
        );
      case "query-record":
        return `query-record ${waiting(effect.wait)}`;
      case "get-policy":
        this.#tokens.push(effect.token);
        return `get-policy ${waiting(effect.wait)} id=${tokenId(effect.token)}`;
      case "wake-at":
        return `wake-at ${effect.seconds}`;
      case "answer":
        return this.#printAnswer(effect.answer);
    }
  }

  #printAnswer(answer: Extract<Effect, { kind: "answer" }>["answer"]): string {
    const learned = words(field("result", answer.resultType), detail(answer));
    const { policy } = answer;
    if (answer.verdict === "temp") return words("answer", answer.status, "-> temp", answer.reason ?? "", learned);
    if (!policy) return words("answer", answer.status, "-> no policy", `reuse=${answer.reuse}`, learned);
    const text = this.#state?.subarray(policy.offset, policy.offset + policy.length) ?? new Uint8Array();
    return words(
      "answer",
      answer.status,
      `-> ${policy.mode} ${this.#nameOfBody(text)}`,
      `id=${policy.id || "-"}`,
      `age=${policy.age}/${policy.maxAge}`,
      `reuse=${answer.reuse}`,
      answer.recheck ? "recheck" : "",
      policy.expiresIn === Math.max(policy.maxAge - policy.age, 0) ? "" : `expires-in=${policy.expiresIn}`,
      policy.leniencies.length > 0 ? `lenient=${policy.leniencies.join(",")}` : "",
      learned,
    );
  }

  #nameOfBody(text: Uint8Array): string {
    const content = Buffer.from(text).toString("utf8");
    return Object.entries(this.#bodies).find(([, body]) => body === content)?.[0] ?? `(${text.length} octets)`;
  }
}

const words = (...parts: readonly string[]): string => parts.filter((part) => part !== "").join(" ");
const field = (name: string, value: string | number | null): string => (value ? `${name}=${value}` : "");
const waiting = (wait: boolean): string => (wait ? "awaited" : "background");

/** A detail is a failure's name where it names one, else a number that the notice gives a meaning. */
function detail({ detail, ...rest }: { readonly detail: number; readonly notice?: string }): string {
  if (detail === 0) return "";
  const plain =
    rest.notice === "policy-weakened" || rest.notice === "policy-changed" || rest.notice === "refresh-failing";
  return plain ? `detail=${detail}` : `detail=${detailName(detail) ?? detail}`;
}

function tokenId(token: Uint8Array): string {
  const length = new DataView(token.buffer, token.byteOffset).getUint32(12, true);
  return length === 0 ? "-" : Buffer.from(token.subarray(16, 16 + length)).toString("latin1");
}
