// What a call of the shipped module costs, in instructions: an exact count, the same on every machine.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freshWasm, root } from "../builds.ts";

/** A Python that has wasmtime; .ci/install makes one. */
export const python = process.env.MTA_STS_WASMTIME_PYTHON ?? "/var/cache/mta-sts-engine/python/bin/python";

export const hasWasmtime = spawnSync(python, ["-c", "import wasmtime"]).status === 0;

export interface Call {
  readonly export: string;
  readonly request: Uint8Array;
  /** After the request's address: its length and what else the export takes; `address` is where the request begins. */
  readonly more: (address: number) => readonly number[];
}

export interface Cost {
  readonly status: number;
  readonly fuel: number;
}

const IN = freshWasm().mtasts_in_ptr();

/** Costs of the calls, one after the other in one instance, each with its request at the start of IN. */
export function costs(calls: readonly Call[]): Cost[] {
  const script = fileURLToPath(new URL("fuel.py", import.meta.url));
  const lines = calls.map((call) =>
    JSON.stringify({
      export: call.export,
      arguments: [IN, ...call.more(IN)],
      at: IN,
      request: Buffer.from(call.request).toString("base64"),
    }),
  );
  const { status, stdout, stderr } = spawnSync(python, [script, `${root}/build/mta-sts.wasm`], {
    input: lines.join("\n"),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`fuel.py: ${stderr}`);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Cost);
}
