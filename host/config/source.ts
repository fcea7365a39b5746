import type { Path, Problem } from "./problem.ts";

/** Settings from one place: a file, the environment or the command line. */
export interface Source {
  /** A sparse tree in the shape of schema.json, not yet validated; null when nothing is set. */
  readonly tree: unknown;
  /** What was wrong before the schema could be asked (YAML syntax, an unknown variable). */
  readonly problems: readonly Problem[];
  /** Names the place of a key or of its value for an operator. */
  where(path: Path, part: "key" | "value"): string;
}
