import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FLAVOURS } from "../../../bindings/postfix/policy-line.ts";
import { rows, table } from "../../dane/interplay.ts";
import { interplay } from "../../dane/postfix-cases.ts";
import { daneMatrix } from "../../haraka/dane-cases.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

describe("docs/dane.md", () => {
  it("has the interplay table as the tests have it, row by row", () => {
    const written = read("docs/dane.md")
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .map((line) => line.replace(/\s*\|\s*/g, "|").replace(/-{3,}/g, "---"));
    const wanted = table().map((line) => line.replace(/\s*\|\s*/g, "|"));
    expect(written.slice(written.indexOf(wanted[0] ?? ""), written.indexOf(wanted[0] ?? "") + wanted.length)).toEqual(
      wanted,
    );
  });

  it("names tests that exist", () => {
    expect(rows.map(({ postfix }) => postfix.title)).toEqual(interplay.map(({ title }) => title));
    const cases = new Set(daneMatrix.map(({ name }) => name));
    const exim = read("test/mtas/exim-dane.test.ts");
    for (const { haraka, exim: title } of rows) {
      expect(cases, haraka).toContain(haraka);
      if (title !== null) expect(exim).toContain(`it("${title}"`);
    }
  });
});

describe("docs/postfix.md", () => {
  it("names every map, and the names of another program's maps", () => {
    const text = read("docs/postfix.md");
    for (const name of [...FLAVOURS, "QUERY", "QUERYwithTLSRPT"]) expect(text).toContain(`\`${name}\``);
  });
});
