import { printable } from "../observe/printable.ts";
import { dotted, type Path } from "./problem.ts";
import { settings } from "./settings.ts";
import { suggest } from "./suggest.ts";
import type { SchemaFinding } from "./validator.ts";

/** A finding of the schema in an operator's words, and whether the key or its value is at fault. */
export interface Explanation {
  readonly path: Path;
  readonly part: "key" | "value";
  readonly message: string;
}

/** Announced but not built: a plain answer is better than "unknown". */
const NOT_YET = new Set(["store.type=redis"]);

export function explain(finding: SchemaFinding): Explanation {
  const path = pathOf(finding);
  if (finding.keyword === "additionalProperties") return unknownKey(finding, path);
  return { path, part: "value", message: `${named(path)}${wrongValue(finding, path)}` };
}

/** The path of the value a finding is about, list positions as numbers. */
function pathOf(finding: SchemaFinding): Path {
  const steps = finding.instancePath.split("/").slice(1);
  return steps.map((step) => (/^[0-9]+$/.test(step) ? Number(step) : step.replaceAll("~1", "/").replaceAll("~0", "~")));
}

function unknownKey(finding: SchemaFinding, parent: Path): Explanation {
  const key = String(finding.params.additionalProperty);
  const path = [...parent, key];
  const known = Object.keys(finding.parentSchema.properties ?? {});
  return { path, part: "key", message: `unknown key "${printable(key, 60)}"${hint(key, parent, known)}` };
}

function hint(key: string, parent: Path, known: readonly string[]): string {
  const near = suggest(key, known);
  if (near !== null) return `, did you mean "${near}"?`;
  const elsewhere = settings.find(({ path }) => path.at(-1) === key && dotted(path.slice(0, -1)) !== dotted(parent));
  if (elsewhere) return `; it belongs under "${dotted(elsewhere.path.slice(0, -1))}"`;
  return `; the keys here are ${known.join(", ")}`;
}

function wrongValue(finding: SchemaFinding, path: Path): string {
  const { data, keyword, parentSchema } = finding;
  const expected = parentSchema.title ?? "a mapping";
  if (data === null) return `has no value; expected ${expected}, or remove the key for its default`;
  if (keyword === "enum" && typeof data === "string") {
    if (NOT_YET.has(`${dotted(path)}=${data}`))
      return `${quoted(data)} is not available in this version; expected ${expected}`;
    const values = parentSchema.enum ?? [];
    const near = suggest(data, values);
    return `expected ${expected}, found ${quoted(data)}${near === null ? "" : `, did you mean "${near}"?`}`;
  }
  if (keyword === "maxProperties")
    return `names several listeners at once; expected ${expected}, each behind its own "- "`;
  return `expected ${expected}, found ${found(data)}${withUnit(finding)}`;
}

/** The commonest slip: a duration without its unit. */
function withUnit({ data, parentSchema }: SchemaFinding): string {
  const unitless = typeof data === "number" ? data >= 0 : typeof data === "string" && /^[0-9]+$/.test(data);
  return parentSchema["x-range"] && unitless ? `; for seconds write "${data}s"` : "";
}

function found(data: unknown): string {
  if (typeof data === "string") return quoted(data);
  if (Array.isArray(data)) return data.length === 0 ? "an empty list" : "a list";
  if (typeof data === "object" && data !== null)
    return Object.keys(data).length === 0 ? "an empty mapping" : "a mapping";
  return String(data);
}

function named(path: Path): string {
  return path.length === 0 ? "" : `${dotted(path)}: `;
}

function quoted(text: string): string {
  return `"${printable(text, 80)}"`;
}
