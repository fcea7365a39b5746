import type { Core } from "../core/core.ts";
import type { Leniency, OnDiscoveryFailure } from "../core/names.ts";
import type { Effect, StepEvent, StepResult } from "../core/step.ts";
import type { Clock } from "./clock.ts";
import type { Decision } from "./decision.ts";
import type { DomainEntry } from "./domain-entry.ts";
import { policyInvalid, recordInvalid, recordMissing } from "./failure-text.ts";
import type { Shelf } from "./shelf.ts";
import { toDecision } from "./to-decision.ts";

/** What stays the same for every step of an engine. */
export interface StepSettings {
  readonly core: Core;
  readonly clock: Clock;
  readonly leniency: readonly Leniency[];
  readonly onDiscoveryFailure: OnDiscoveryFailure;
  /** A whole number in [0, limit). */
  readonly random: (limit: number) => number;
}

export interface Outcome {
  readonly effects: readonly Effect[];
  readonly answer: Decision | null;
}

const CONFLICT_LIMIT = 100;

/** One event through the core, with its writes: state in, durable state and effects out. */
export class Transition {
  readonly #settings: StepSettings;
  readonly #shelf: Shelf;

  constructor(settings: StepSettings, shelf: Shelf) {
    this.#settings = settings;
    this.#shelf = shelf;
  }

  step(entry: DomainEntry, event: StepEvent, storeUnreadable: boolean): StepResult {
    const { core, clock, random, leniency, onDiscoveryFailure } = this.#settings;
    return core.step({
      event,
      clock: clock.read(),
      seed: random(2 ** 32),
      highWater: this.#shelf.highWater,
      domain: entry.domain,
      state: entry.state,
      queryInFlight: entry.queryInFlight,
      getInFlight: entry.getInFlight,
      recheckWaiting: entry.recheckWaiting,
      pastLost: this.#shelf.isPastLost(entry),
      storeUnreadable: storeUnreadable || entry.damaged,
      leniency,
      onDiscoveryFailure,
    });
  }

  /**
   * Runs the event until its writes took effect. Where another process was faster the row is read anew and the same
   * event replayed: the step is pure, so that is always right. Nothing else of the outcome has left by then.
   */
  async run(entry: DomainEntry, event: StepEvent): Promise<Outcome> {
    const readable = await this.#shelf.load(entry, "due");
    for (let attempt = 0; attempt < CONFLICT_LIMIT; attempt++) {
      const effects = this.#effects(entry, event, !readable);
      if (!effects) continue; // a damaged state was dropped
      if (effects.some(({ kind }) => kind === "query-record") && (await this.#shelf.isOutdated(entry))) continue;
      const state = stateAfter(entry, effects);
      const version = await this.#shelf.persist(entry, effects, state);
      if (version !== null) return this.#finish(entry, event, effects, state, version);
      await this.#shelf.load(entry, "now");
    }
    throw new Error(`the store changed under ${CONFLICT_LIMIT} attempts to write ${entry.domain}`);
  }

  #effects(entry: DomainEntry, event: StepEvent, storeUnreadable: boolean): readonly Effect[] | null {
    const result = this.step(entry, event, storeUnreadable);
    if (result.ok) return result.effects;
    if (result.code !== "state")
      throw new Error(`step refused a ${event.kind} event: ${result.code}, ${result.offset}`);
    this.#shelf.dropDamaged(entry);
    return null;
  }

  #finish(
    entry: DomainEntry,
    event: StepEvent,
    effects: readonly Effect[],
    state: Uint8Array | null,
    version: number,
  ): Outcome {
    entry.hold(state, version);
    describe(entry, event, effects);
    return { effects, answer: this.answerFrom(entry, effects) };
  }

  /** The answer among the effects, in the words of the host. */
  answerFrom(entry: DomainEntry, effects: readonly Effect[]): Decision | null {
    for (const effect of effects)
      if (effect.kind === "answer")
        return toDecision(this.#settings.core, entry, entry.state ?? new Uint8Array(), effect.answer);
    return null;
  }
}

function stateAfter(entry: DomainEntry, effects: readonly Effect[]): Uint8Array | null {
  for (const effect of effects) if (effect.kind === "state") return effect.state;
  return entry.state;
}

/** Puts what the core found wrong into words, for TEMP reasons and the log. */
function describe(entry: DomainEntry, event: StepEvent, effects: readonly Effect[]): void {
  for (const effect of effects) {
    if (effect.kind === "notice" && event.kind === "policy" && effect.detail < 0)
      entry.detail = policyInvalid(entry.domain, effect.detail, effect.number);
    if (effect.kind !== "answer" || event.kind !== "record") continue;
    if (effect.answer.status === "no-record") entry.detail = recordMissing(entry.domain);
    if (effect.answer.status === "record-invalid") entry.detail = recordInvalid(entry.domain, effect.answer.detail);
  }
}
