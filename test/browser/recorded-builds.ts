// The vectors of test/core in this process, with every call of the core written down, so that another runtime can be asked
// the same and its octets compared.
import { readFileSync } from "node:fs";
import { expect, TestRunner } from "vitest";
import { OUT_HEADER, OUT_LENGTH } from "../../assembly/abi.ts";
import { Core } from "../../host/core/core.ts";
import type { CoreExports } from "../../host/core/exports.ts";
import type { Build } from "../core/builds.ts";

/** One call: what it was given and what it gave. Octets as hexadecimal text. */
export interface Call {
  /** The vector file it was made for. */
  readonly file: string;
  readonly name: string;
  /** The arguments, addresses counted from the start of IN. */
  readonly args: readonly number[];
  readonly request: string;
  readonly status: number;
  /** OUT: the header and the payload. */
  readonly out: string;
}

/** Export -> which of its arguments are addresses; a length follows each. */
const ADDRESSES: Readonly<Record<string, readonly number[]>> = {
  mtasts_record_select: [0],
  mtasts_policy_parse: [0],
  mtasts_mx_match: [0, 2],
  mtasts_dnsid_match: [0, 2],
  mtasts_step: [0],
  mtasts_plan: [0],
  mtasts_judge: [0],
  mtasts_tlsa_usable: [0],
  mtasts_tlsa_match: [0],
  mtasts_tlsa_base: [],
};

/** The title of a test in test/core/vectors.test.ts holds the file: "wasm build > mx.json > ...". */
const fileOf = (title: string): string => title.match(/([a-z-]+\.json)/)?.[1] ?? "";

function recorded(exports: CoreExports, calls: Call[]): CoreExports {
  const memory = Buffer.from(exports.memory.buffer);
  const start = exports.mtasts_in_ptr();
  const out = exports.mtasts_out_ptr();
  const wrap = (name: string, addresses: readonly number[]) => {
    const call = exports[name as "mtasts_plan"] as (...args: number[]) => number;
    return (...args: number[]): number => {
      const end = Math.max(start, ...addresses.map((i) => (args[i] ?? 0) + (args[i + 1] ?? 0)));
      const request = memory.toString("hex", start, end);
      const status = call(...args);
      const answer = memory.toString("hex", out, out + OUT_HEADER + memory.readUInt32LE(out + OUT_LENGTH));
      const relative = args.map((arg, i) => (addresses.includes(i) ? arg - start : arg));
      const file = fileOf(expect.getState().currentTestName ?? "");
      // Titles are cut, so that two vectors may have the same one.
      vectors.set(file, (vectors.get(file) ?? new Set()).add(TestRunner.getCurrentTest()?.id ?? ""));
      calls.push({ file, name, args: relative, request, status, out: answer });
      return status;
    };
  };
  const wrapped = Object.entries(ADDRESSES).map(([name, addresses]) => [name, wrap(name, addresses)]);
  return { ...exports, ...Object.fromEntries(wrapped) };
}

export const calls: Call[] = [];
/** Vector file -> the vectors that made calls. */
export const vectors = new Map<string, Set<string>>();

const wasm = readFileSync(new URL("../../build/mta-sts.wasm", import.meta.url));
const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm));
const exports = recorded(instance.exports as unknown as CoreExports, calls);

/** Takes the place of the builds that test/core/vectors.test.ts runs on. */
export const recordedBuilds: readonly Build[] = [{ name: "wasm", exports, core: new Core(exports) }];
