// Real-world policy bodies with the verdict a strict reader must give. They are not part of the project: where a
// checkout has them beside it, they are read; elsewhere these tests are skipped by name.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { builds, root } from "./builds.ts";

const folder = join(root, "../shared/corpus");
const present = existsSync(join(folder, "expected.tsv"));

interface Row {
  readonly file: string;
  readonly verdict: string;
  readonly mode: string;
  readonly maxAge: number;
  readonly mx: readonly string[];
}

const rows: Row[] = !present
  ? []
  : readFileSync(join(folder, "expected.tsv"), "utf8")
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => {
        const [file = "", verdict = "", mode = "", maxAge = "", mx = ""] = line.split("\t");
        return { file, verdict, mode, maxAge: Number(maxAge), mx: mx.split(" ").filter(Boolean) };
      });

describe.each(builds)("published policies, $name build", ({ core }) => {
  it.skipIf(!present)("reads each of them as a strict reader must (R-8461-3.2-27)", () => {
    expect(rows.length).toBe(151);
    for (const { file, verdict, mode, maxAge, mx } of rows) {
      const parsed = core.parsePolicy(new Uint8Array(readFileSync(join(folder, "policies", file))));
      if (verdict !== "accept") expect(parsed.ok, file).toBe(false);
      else expect(parsed, file).toEqual({ ok: true, mode, maxAge, mx, leniencies: [] });
    }
  });
});
