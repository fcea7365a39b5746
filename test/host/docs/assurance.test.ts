// docs/assurance.md keeps up with what it tells of: the list of planted faults, and the figures of the long campaigns.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

interface Mutant {
  readonly fault: string;
  readonly file: string;
  readonly from: string;
}

interface Row {
  readonly fault: string;
  readonly file: string;
  readonly found: readonly string[];
}

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const load = (path: string) => import(new URL(path, root).href);
const { mutants, controls } = (await load("test/mutants/list.mjs")) as { mutants: Mutant[]; controls: Mutant[] };
const { tableRows } = (await load("test/mutants/table.mjs")) as { tableRows: () => Row[] };
const page = read("docs/assurance.md");
/** The page is long: what is missing is shown, not the page. */
const isOnPage = (text: string) => expect({ missing: page.includes(text) ? null : text }).toEqual({ missing: null });

describe("planted faults", () => {
  it("can be planted: what each replaces stands exactly once in its file", () => {
    const found = [...mutants, ...controls].map(({ fault, file, from }) => [fault, read(file).split(from).length - 1]);
    expect(found.filter(([, times]) => times !== 1)).toEqual([]);
  });

  it("have a row each on the page, in the order of the list", () => {
    const listed = mutants.map(({ fault, file }) => ({ fault, file }));
    expect(tableRows().map(({ fault, file }) => ({ fault, file }))).toEqual(listed);
  });

  it("are as many as the page says", () => {
    const core = mutants.filter(({ file }) => file.startsWith("assembly/")).length;
    const counted = `${mutants.length} faults are planted, ${core} in the core and ${mutants.length - core} in the host`;
    isOnPage(counted);
  });

  it("were all found by something when they were planted", () => {
    expect(tableRows().filter(({ found }) => !found.includes("found"))).toEqual([]);
  });

  it("stand in every file of the core but its table of numbers", () => {
    const files = readdirSync(new URL("assembly", root)).filter((file) => file.endsWith(".ts") && file !== "abi.ts");
    expect(files.filter((file) => !mutants.some((mutant) => mutant.file === `assembly/${file}`))).toEqual([]);
  });
});

describe("fuzzing campaigns", () => {
  it("are on the page with the figures that the runs wrote; targets without one are named", () => {
    const runs = read("test/fuzz/campaign.jsonl").trim().split("\n");
    const targets = new Set<string>();
    for (const run of runs) {
      const { target, build, seconds, executions, perSecond, edges, crashes } = JSON.parse(run);
      const figures = [seconds, executions, perSecond, edges, crashes].map((n: number) => n.toLocaleString("en-US"));
      isOnPage(`| \`${target}\` | ${build} | ${figures.join(" | ")} |`);
      targets.add(target);
    }
    const sources = readdirSync(new URL("test/fuzz/targets", root)).map((file) => file.replace(/\.c$/, ""));
    const without = sources.filter((target) => !targets.has(target)).map((target) => `\`${target}\``);
    if (without.length > 0) isOnPage(`No long campaign yet: ${without.sort().join(", ")}.`);
  });
});
