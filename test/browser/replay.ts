// What runs inside the page. It is sent there as text, so it uses nothing of this file but its own lines.
import type * as library from "../../bindings/browser/index.ts";
import type { Call } from "./recorded-builds.ts";

/** Makes every call on the module that ships and says which ones gave other octets. */
export async function replay(given: {
  readonly library: typeof library;
  readonly calls: readonly Call[];
}): Promise<{ build: string; differences: string[] }> {
  const { build, exports } = await given.library.load();
  const memory = new Uint8Array(exports.memory.buffer);
  const start = exports.mtasts_in_ptr();
  const out = exports.mtasts_out_ptr();
  const hex = (octets: Uint8Array) => Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
  const addresses = (name: string) => (/_match$/.test(name) && name !== "mtasts_tlsa_match" ? [0, 2] : [0]);

  const differences: string[] = [];
  for (const { file, name, args, request, status, out: wanted } of given.calls) {
    for (let i = 0; i < request.length; i += 2) memory[start + i / 2] = Number.parseInt(request.slice(i, i + 2), 16);
    const absolute = args.map((arg, i) =>
      name !== "mtasts_tlsa_base" && addresses(name).includes(i) ? arg + start : arg,
    );
    const said = (exports[name as "mtasts_plan"] as (...args: number[]) => number)(...absolute);
    const octets = hex(memory.subarray(out, out + wanted.length / 2));
    if (said !== status || octets !== wanted) differences.push(`${file}: ${name} gave ${said}, not ${status}`);
  }
  return { build, differences };
}
