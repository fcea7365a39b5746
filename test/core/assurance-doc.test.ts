// docs/assurance.md says which test shows what. What it names must be there.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./builds.ts";

const page = readFileSync(join(root, "docs/assurance.md"), "utf8");

/** The lines between a heading and the next one. */
const section = (title: string): string[] => {
  const lines = page.split("\n");
  const start = lines.indexOf(`## ${title}`);
  const length = lines.slice(start + 1).findIndex((line) => line.startsWith("## "));
  return start < 0 ? [] : lines.slice(start + 1, length < 0 ? undefined : start + 1 + length);
};

const ROW = /^\| (.+?) \| (.+?) \| (.+) \|$/;
const PROOF = /^\[[\w-]+\]\(\.\.\/(test\/[\w./-]+)\): (.+)$/;

const faults = section("Faults that others had").flatMap((line) => {
  const [, fault = "", , proofs = ""] = ROW.exec(line) ?? [];
  return proofs.startsWith("[") ? [{ fault, proofs: proofs.split("<br>") }] : [];
});

describe("docs/assurance.md", () => {
  it("lists the faults of others, each once", () => {
    expect(faults.length).toBeGreaterThan(50);
    expect(new Set(faults.map(({ fault }) => fault)).size).toBe(faults.length);
  });

  it.each(faults)("names tests that exist: $fault", ({ proofs }) => {
    for (const proof of proofs) {
      const [, file = "", title = ""] = PROOF.exec(proof) ?? [];
      expect(title, proof).not.toBe("");
      expect(readFileSync(join(root, file), "utf8"), file).toContain(title);
    }
  });

  it("links to files that are there", () => {
    for (const [, target = ""] of page.matchAll(/\]\(([^)#]+)\)/g))
      expect(existsSync(join(root, "docs", target)), target).toBe(true);
  });
});
