// docs/requirements.md is the list of what is right. Every id that is cited anywhere must stand there, and what binds
// the core must be shown by a test of the core: in a title, or in the `req` of a vector (test/vectors runs whole).
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./builds.ts";
import { readVectors, type Vector, vectorFiles } from "./vectors.ts";

const LIST = "docs/requirements.md";
const IGNORED = new Set([".git", "node_modules", "build", "dist", "coverage", ".mta-sts", "package-lock.json"]);
const TEXT = /\.(ts|mts|js|mjs|cjs|json|md|ya?ml|sh|cf|conf|go|rs|py|c|h|java)$|^(run|install)$/;

const REQUIREMENT = /\bR-(?:\d{4}|[A-Z]{2,5})(?:-[A-Za-z0-9]+(?:\.[0-9]+)*)*-\d{2}\b/g;
const AMBIGUITY = /\bAMB-\d{2}\b/g;
const ENTRY = /^\*\*(R-[\w.-]+)\*\*\s*·\s*([^·]+)·\s*[^·]+·\s*(.+?)\s*$/;

interface Requirement {
  readonly id: string;
  readonly section: string;
  readonly level: string;
  readonly components: readonly string[];
}

function readList(): Requirement[] {
  const entries: Requirement[] = [];
  let section = "";
  for (const line of readFileSync(join(root, LIST), "utf8").split("\n")) {
    section = /^## ([A-Z]\d?)\. /.exec(line)?.[1] ?? section;
    const [, id, level, components] = ENTRY.exec(line) ?? [];
    if (id && level && components)
      entries.push({ id, section, level: level.trim(), components: components.split(",").map((name) => name.trim()) });
  }
  return entries;
}

function* sources(folder = root): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (IGNORED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.isFile() && TEXT.test(entry.name)) yield relative(root, path).split(sep).join("/");
  }
}

/** Comments do not count as citations by a test. */
const withoutComments = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "")
    .replace(/([^:"'`])\/\/ .*$/gm, "$1");

const requirements = readList();
const known = new Set(requirements.map(({ id }) => id));
const ambiguities = new Set(
  readFileSync(join(root, LIST), "utf8")
    .match(/^\*\*(AMB-\d{2})\*\*/gm)
    ?.map((text) => text.slice(2, -2)),
);

function citedByCoreTests(): Set<string> {
  const cited = new Set<string>();
  for (const file of readdirSync(join(root, "test/core")).filter((name) => name.endsWith(".test.ts")))
    for (const [id] of withoutComments(readFileSync(join(root, "test/core", file), "utf8")).matchAll(REQUIREMENT))
      cited.add(id);
  for (const file of vectorFiles())
    for (const { req } of readVectors<{ vectors: readonly Vector[] }>(file).vectors)
      for (const id of [req].flat()) cited.add(id);
  return cited;
}

describe("docs/requirements.md", () => {
  it("is the whole list", () => {
    expect(requirements.length).toBe(328);
    expect(known.size).toBe(328);
    expect(ambiguities.size).toBe(37);
  });

  it("holds every requirement and every ambiguity that any file of the project cites", () => {
    const unknown: string[] = [];
    let citations = 0;
    for (const file of sources()) {
      if (file === LIST) continue;
      const text = readFileSync(join(root, file), "utf8");
      for (const [id] of text.matchAll(REQUIREMENT)) {
        citations++;
        if (!known.has(id)) unknown.push(`${file}: ${id}`);
      }
      for (const [id] of text.matchAll(AMBIGUITY)) if (!ambiguities.has(id)) unknown.push(`${file}: ${id}`);
    }
    expect(unknown).toEqual([]);
    expect(citations).toBeGreaterThan(500);
  });

  it("has every MUST of sections A to H that binds the core shown by a test of the core", () => {
    const core = ["core TXT parser", "core policy parser", "core MX matcher", "core cache state machine"];
    const binding = requirements.filter(
      ({ section, level, components }) =>
        /^[A-H]$/.test(section) && /MUST|SHALL/.test(level) && components.some((name) => core.includes(name)),
    );
    const cited = citedByCoreTests();
    console.log(
      `requirements: ${binding.length} MUSTs bind the core in sections A to H; the core's tests cite ${cited.size} ids`,
    );
    expect(binding.length).toBeGreaterThan(60);
    expect(binding.map(({ id }) => id).filter((id) => !cited.has(id))).toEqual([]);
  });

  it("has every MUST of DANE (section I), of DANE with MTA-STS (J) and of routing (J2) shown by a test, REQUIRETLS left out", () => {
    const binding = requirements.filter(
      ({ id, section, level }) => /^(I|J|J2)$/.test(section) && level.includes("MUST") && !id.startsWith("R-8689"),
    );
    const cited = citedByCoreTests();
    for (const file of sources(join(root, "test")))
      if (/(\.test|cases)\.ts$/.test(file))
        for (const [id] of withoutComments(readFileSync(join(root, file), "utf8")).matchAll(REQUIREMENT)) cited.add(id);
    expect(binding.length).toBeGreaterThan(40);
    expect(binding.map(({ id }) => id).filter((id) => !cited.has(id))).toEqual([]);
  });

  it("gives every vector an id that exists", () => {
    for (const file of vectorFiles())
      for (const { req, name } of readVectors<{ vectors: readonly Vector[] }>(file).vectors) {
        expect([req].flat().length, `${file}: ${name}`).toBeGreaterThan(0);
        for (const id of [req].flat()) expect(known.has(id) || ambiguities.has(id), `${file}: ${id}`).toBe(true);
      }
  });
});
