// The two builds of the decision core. Every test here runs on both: the shipped wasm and its portable twin.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Core } from "../../host/core/core.ts";
import type { CoreExports } from "../../host/core/exports.ts";
import { portableExports } from "../../host/core/portable.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

export const wasmBytes: Uint8Array<ArrayBuffer> = new Uint8Array(readFileSync(`${root}/build/mta-sts.wasm`));

/** A fresh instance of the shipped module, without an import object: it needs none. */
export function freshWasm(): CoreExports {
  return new WebAssembly.Instance(new WebAssembly.Module(wasmBytes)).exports as unknown as CoreExports;
}

export interface Build {
  readonly name: "wasm" | "portable";
  readonly exports: CoreExports;
  readonly core: Core;
}

const wasmExports = freshWasm();

export const builds: readonly Build[] = [
  { name: "wasm", exports: wasmExports, core: new Core(wasmExports) },
  { name: "portable", exports: portableExports, core: new Core(portableExports) },
];
