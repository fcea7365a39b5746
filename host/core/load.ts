import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { instantiate, instantiateSync } from "@assemblyscript/loader";
import { ABI_MAJOR, ABI_MINOR } from "../../assembly/abi.ts";
import { Core } from "./core.ts";
import type { CoreExports } from "./exports.ts";

/** The package's own name for its artefact, so that it is found from sources and from dist/ alike. */
const wasmPath = (): string => createRequire(import.meta.url).resolve("mta-sts-engine/mta-sts.wasm");

const hasWebAssembly = (): boolean => typeof WebAssembly === "object";

/** A host must refuse another major version, and an older minor one (docs/abi.md "Versions"). */
function checkVersion(exports: CoreExports): CoreExports {
  const version = exports.mtasts_abi_version();
  if (version >> 16 !== ABI_MAJOR || (version & 0xffff) < ABI_MINOR)
    throw new Error(
      `mta-sts.wasm has ABI ${version >> 16}.${version & 0xffff}, this host needs ${ABI_MAJOR}.${ABI_MINOR}`,
    );
  return exports;
}

const exportsOf = (loaded: { instance: WebAssembly.Instance }): CoreExports =>
  checkVersion(loaded.instance.exports as unknown as CoreExports);

/** Bytes or a compiled module to use in place of the packaged mta-sts.wasm. */
export interface LoadOptions {
  readonly wasm?: Uint8Array | WebAssembly.Module;
}

/** Loads the core; falls back to the portable twin where WebAssembly is forbidden. */
export async function loadCore(options: LoadOptions = {}): Promise<Core> {
  if (!hasWebAssembly()) return new Core((await import("./portable.ts")).portableExports);
  const source = options.wasm ?? (await readFile(wasmPath()));
  const loaded = await instantiate(source as BufferSource);
  return new Core(exportsOf(loaded), another(loaded.module));
}

/** The same without waiting; there is no portable fallback here (it is loaded by import()). */
export function loadCoreSync(options: LoadOptions = {}): Core {
  const loaded = instantiateSync((options.wasm ?? readFileSync(wasmPath())) as BufferSource);
  return new Core(exportsOf(loaded), another(loaded.module));
}

const another = (module: WebAssembly.Module) => () => exportsOf(instantiateSync(module as never));
