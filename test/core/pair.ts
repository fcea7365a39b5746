// The shipped wasm and its portable twin side by side: the same request to both, every octet of the answer compared.
import * as abi from "../../assembly/abi.ts";
import type { CoreExports } from "../../host/core/exports.ts";
import { portableExports } from "../../host/core/portable.ts";
import { freshWasm } from "./builds.ts";
import type { Random } from "./walk.ts";

/** One call, with the start of the IN area to count pointers from. */
export type Call = (exports: CoreExports, at: number) => number;

class Side {
  readonly #exports: CoreExports;
  readonly #at: number;
  readonly #in: Uint8Array;
  readonly #out: Buffer;

  constructor(exports: CoreExports) {
    this.#exports = exports;
    this.#at = exports.mtasts_in_ptr();
    this.#in = new Uint8Array(exports.memory.buffer, this.#at, exports.mtasts_in_cap());
    this.#out = Buffer.from(exports.memory.buffer, exports.mtasts_out_ptr(), exports.mtasts_out_cap());
  }

  call(request: Uint8Array, call: Call): number {
    this.#in.set(request);
    return call(this.#exports, this.#at);
  }

  /** Header and payload of the last call. */
  get answer(): Buffer {
    return this.#out.subarray(0, abi.OUT_HEADER + this.#out.readUInt32LE(abi.OUT_LENGTH));
  }
}

export interface Tally {
  readonly inputs: number;
  readonly accepted: number;
  readonly codes: ReadonlyMap<number, number>;
}

export class Pair {
  readonly #wasm = new Side(freshWasm());
  readonly #portable = new Side(portableExports);
  readonly #codes = new Map<number, number>();
  #inputs = 0;
  #accepted = 0;
  readonly #isAccepted: (status: number) => boolean;

  constructor(isAccepted: (status: number) => boolean) {
    this.#isAccepted = isAccepted;
  }

  /** The status both builds gave; throws with the request in hex where they differ. */
  run(request: Uint8Array, call: Call): number {
    const status = this.#wasm.call(request, call);
    const twin = this.#portable.call(request, call);
    if (status !== twin || !this.#wasm.answer.equals(this.#portable.answer))
      throw this.#difference(request, status, twin);
    this.#inputs++;
    if (this.#isAccepted(status)) this.#accepted++;
    this.#codes.set(status, (this.#codes.get(status) ?? 0) + 1);
    return status;
  }

  /** The payload of the last call, valid until the next one. */
  get payload(): Buffer {
    return this.#wasm.answer.subarray(abi.OUT_HEADER);
  }

  get tally(): Tally {
    return { inputs: this.#inputs, accepted: this.#accepted, codes: this.#codes };
  }

  #difference(request: Uint8Array, status: number, twin: number): Error {
    const hex = Buffer.from(request).toString("hex");
    const answers = `wasm ${status} ${this.#wasm.answer.toString("hex")}\nportable ${twin} ${this.#portable.answer.toString("hex")}`;
    return new Error(`input ${this.#inputs}: the builds differ on ${hex}\n${answers}`);
  }
}

/** Changes, drops, doubles or inserts a few octets; the result may be longer or shorter. */
export function mutate(random: Random, input: Uint8Array, alphabet: Uint8Array): Uint8Array {
  let bytes = Uint8Array.from(input);
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at = random.below(bytes.length + 1);
    const octet = random.chance(70) ? random.pick([...alphabet]) : random.below(256);
    const kind = random.below(4);
    if (kind === 0 && at < bytes.length) bytes[at] = octet;
    else if (kind === 1) bytes = Uint8Array.of(...bytes.subarray(0, at), octet, ...bytes.subarray(at));
    else if (kind === 2) bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.below(3)));
    else
      bytes = Uint8Array.of(
        ...bytes.subarray(0, at),
        ...bytes.subarray(Math.max(0, at - 4), at),
        ...bytes.subarray(at),
      );
  }
  return bytes;
}

/** Counts by name, for the printed report. */
export const countsOf = (codes: ReadonlyMap<number, number>): string =>
  [...codes]
    .sort(([a], [b]) => b - a)
    .map(([code, n]) => `${code}: ${n}`)
    .join(", ");
