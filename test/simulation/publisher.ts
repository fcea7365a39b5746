import type { Mode } from "../../host/core/names.ts";
import { drawMaxAge, type Publication, publication } from "./publication.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

const MODES: readonly Mode[] = ["enforce", "enforce", "enforce", "testing", "none"];

/** A Policy Domain as its owner runs it: the record and the policy that are published, and all that ever were. */
export class Publisher {
  readonly domain: string;
  /** Null: no TXT record. */
  id: string | null = null;
  /** Seconds. */
  ttl = 300;
  /** Everything ever served for this domain over a valid certificate, by serial. */
  readonly published = new Map<number, Publication>();
  current: Publication | null = null;
  readonly #random: Random;
  readonly #tally: Tally;
  #ids = 0;

  constructor(domain: string, random: Random, tally: Tally) {
    this.domain = domain;
    this.#random = random;
    this.#tally = tally;
  }

  /** A new body and a new id, in the right order (RFC 8461 §8.1). */
  publish(mode = this.#random.pick(MODES), maxAge = drawMaxAge(this.#random)): void {
    this.write(mode, maxAge);
    this.newId();
  }

  write(mode: Mode, maxAge: number): Publication {
    const made = publication(this.published.size + 1, mode, maxAge);
    this.published.set(made.serial, made);
    this.current = made;
    return made;
  }

  /** `name`: of an id that nobody can have made up before. */
  newId(name = `id${++this.#ids}`): void {
    this.id = name;
    this.ttl = this.#random.pick([0, 1, 60, 300, 3600, 86_400]);
  }

  /** A life of ordinary changes, mistakes among them. */
  change(): void {
    const kind = this.#random.below(8);
    if (kind < 3 || !this.current) {
      this.#tally.hit("publisher: new policy");
      this.publish();
    } else if (kind === 3) {
      this.#tally.hit("publisher: new id, same policy");
      this.newId();
    } else if (kind === 4) {
      this.#tally.hit("publisher: new policy, same id");
      this.write(this.#random.pick(MODES), drawMaxAge(this.#random));
    } else if (kind === 5) {
      this.#tally.hit("publisher: record removed");
      this.id = null;
    } else if (kind === 6) {
      this.#tally.hit("publisher: withdraws by mode none");
      this.publish("none", 86_400);
    } else {
      this.#tally.hit("publisher: shorter max_age");
      this.publish("enforce", this.#random.between(1, 3600));
    }
  }

  /** Another party with a valid certificate serves something of its own (RFC 8461 §10.4: it counts). */
  hijack(): Publication {
    const made = publication(this.published.size + 1, this.#random.pick(MODES), drawMaxAge(this.#random));
    this.published.set(made.serial, made);
    return made;
  }
}
