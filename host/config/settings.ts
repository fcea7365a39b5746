import { dotted, type Path } from "./problem.ts";
import { configSchema, type SchemaNode } from "./validator.ts";

/** One key that a configuration can set as a whole, and the environment variable that overrides it. */
export interface Setting {
  /** "dns.timeout". */
  readonly name: string;
  readonly path: Path;
  /** "MTA_STS_DNS_TIMEOUT": the name in upper case, dots and hyphens as underscores. */
  readonly variable: string;
  readonly schema: SchemaNode;
}

export const VARIABLE_PREFIX = "MTA_STS_";

/** Every setting in the order of schema.json. `listen` is one setting: its list is replaced as a whole. */
export const settings: readonly Setting[] = collect(configSchema, []);

/** The schema of the value at a path; a list position stands for any item. Throws RangeError where there is none. */
export function schemaOf(path: Path): SchemaNode {
  let node: SchemaNode | undefined = configSchema;
  for (const step of path) node = typeof step === "number" ? node?.items : node?.properties?.[step];
  if (node === undefined) throw new RangeError(`schema.json has no ${dotted(path)}`);
  return node;
}

function collect(node: SchemaNode, path: readonly string[]): Setting[] {
  const found: Setting[] = [];
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const here = [...path, key];
    if (child.properties) found.push(...collect(child, here));
    else found.push({ name: here.join("."), path: here, variable: variableOf(here), schema: child });
  }
  return found;
}

function variableOf(path: readonly string[]): string {
  return VARIABLE_PREFIX + path.join("_").replaceAll("-", "_").toUpperCase();
}
