// The decision core for pages, workers and edge runtimes. `npm run build` bundles this file to dist/browser.
import { ABI_MAJOR, ABI_MINOR } from "../../assembly/abi.ts";
import { Core } from "../../host/core/core.ts";
import type { CoreExports } from "../../host/core/exports.ts";

export { Core, type CoreError, type ParsedPolicy, type SelectedRecord, type TxtRecord } from "../../host/core/core.ts";
export type { CoreExports } from "../../host/core/exports.ts";
export type { JudgeRequest, JudgeResult } from "../../host/core/judge.ts";
export type { DaneFacts, PlanEntry, PlanRequest } from "../../host/core/plan.ts";
export type { Effect, StepEvent, StepRequest, StepResult } from "../../host/core/step.ts";

export interface LoadOptions {
  /** A module that is compiled already: what a worker was sent, or an edge runtime imported. */
  readonly module?: WebAssembly.Module;
  /** Where mta-sts.wasm is, when it does not lie beside this script. */
  readonly url?: string | URL;
}

export interface Loaded {
  /** "portable": the same sources as plain JavaScript, because WebAssembly is forbidden here. */
  readonly build: "wasm" | "portable";
  /** The functions of docs/abi.md, for those who write their own frames. */
  readonly exports: CoreExports;
  readonly core: Core;
}

/** Eight octets: the smallest module there is. Compiling it is forbidden where compiling anything is. */
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** Does this place have WebAssembly, and does its Content-Security-Policy allow it ('wasm-unsafe-eval')? */
export function allowsWebAssembly(): boolean {
  try {
    return new WebAssembly.Module(EMPTY_MODULE) instanceof WebAssembly.Module;
  } catch {
    return false;
  }
}

/**
 * Loads the core, or its portable twin where WebAssembly is forbidden.
 * @throws TypeError the file cannot be fetched; CompileError it is damaged; Error it has another ABI: never "no core"
 */
export async function load(options: LoadOptions = {}): Promise<Loaded> {
  if (options.module) return loadModule(options.module);
  if (allowsWebAssembly()) return loadModule(await compile(options.url ?? new URL("./mta-sts.wasm", import.meta.url)));
  const { portableExports } = await import("../../host/core/portable.ts");
  return { build: "portable", exports: portableExports, core: new Core(portableExports) };
}

/** The same for a module that is compiled already, without waiting. One instance serves one thread; make as many as you like. */
export function loadModule(module: WebAssembly.Module): Loaded {
  const exports = new WebAssembly.Instance(module).exports as unknown as CoreExports;
  const version = exports.mtasts_abi_version();
  // docs/abi.md, "Versions": another major version, or an older minor one, is refused.
  if (version >> 16 !== ABI_MAJOR || (version & 0xffff) < ABI_MINOR)
    throw new Error(`mta-sts.wasm has ABI ${version >> 16}.${version & 0xffff}, not ${ABI_MAJOR}.${ABI_MINOR}`);
  return { build: "wasm", exports, core: new Core(exports) };
}

/** Not compileStreaming: that needs the server to say application/wasm, and saves nothing for so small a file. */
async function compile(url: string | URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) throw new TypeError(`${url}: status ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}
