// docs/abi.json and the constants of the bindings are made by tools/abi.mjs, which reads text; here its numbers and words
// meet those that the code really has, and the files that are committed those that it makes.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as abi from "../../assembly/abi.ts";
import { ERRORS } from "../../host/core/names.ts";
import { freshWasm, root } from "./builds.ts";

// After builds.ts: the state module reserves memory of the portable twin.
const state = await import("../../assembly/state.ts");

interface Constant {
  readonly name: string;
  readonly group: string;
  readonly number: number;
  readonly word: string | null;
  readonly meaning: string;
}

interface AbiFile {
  readonly version: { readonly major: number; readonly minor: number };
  readonly exports: readonly { readonly name: string; readonly parameters: readonly string[] }[];
  readonly constants: readonly Constant[];
}

const file = JSON.parse(readFileSync(join(root, "docs/abi.json"), "utf8")) as AbiFile;

describe("docs/abi.json", () => {
  it("and the constants of every binding are what tools/abi.mjs makes of the sources", () => {
    const check = spawnSync(process.execPath, [join(root, "tools/abi.mjs"), "--check"], { encoding: "utf8" });
    expect(check.stdout).toBe("");
    expect(check.status, check.stderr).toBe(0);
  });

  it("has every number of the code, and no other", () => {
    const numbers: Record<string, number> = { ...(abi as Record<string, number>) };
    for (const [name, value] of Object.entries(state)) if (name.startsWith("S_")) numbers[name] = value as number;
    const listed = Object.fromEntries(file.constants.map(({ name, number }) => [name, number]));
    expect(listed).toEqual(numbers);
    expect(file.constants.length, "a name stands twice").toBe(Object.keys(numbers).length);
  });

  it("has the words and sentences of the errors that the host prints", () => {
    const errors = file.constants.filter(({ group }) => group === "error");
    const listed = Object.fromEntries(errors.map(({ number, word, meaning }) => [number, [word, meaning]]));
    expect(listed).toEqual(Object.fromEntries(Object.entries(ERRORS).map(([number, text]) => [number, [...text]])));
  });

  it("has the exports of the module, each with as many parameters", () => {
    const functions = Object.entries(freshWasm()).filter(([, value]) => typeof value === "function");
    const listed = Object.fromEntries(file.exports.map(({ name, parameters }) => [name, parameters.length]));
    expect(listed).toEqual(Object.fromEntries(functions.map(([name, value]) => [name, (value as () => void).length])));
  });

  it("names the version that the module says it has", () => {
    expect((file.version.major << 16) | file.version.minor).toBe(freshWasm().mtasts_abi_version());
  });
});
