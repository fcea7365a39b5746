import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** A directory of this test file's own, removed when its tests are over. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "mta-sts-store-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Numbers in [0, 1), the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x1_0000_0000;
  };
}
