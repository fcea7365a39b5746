/** One node of schema.json: what of JSON Schema draft-07 the file uses, and our three annotations. */
export interface SchemaNode {
  /** What a value must look like; error messages quote it after "expected". */
  readonly title?: string;
  readonly description?: string;
  readonly type: string | readonly string[];
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  /** The default where it is no value: "every nameserver of /etc/resolv.conf". */
  readonly "x-default-text"?: string;
  readonly "x-default-when-not-root"?: unknown;
  /** Shortest and longest duration. */
  readonly "x-range"?: readonly [string, string];
}

/** One finding of the compiled schema (the part of ajv's error object that is used). */
export interface SchemaFinding {
  /** JSON pointer (RFC 6901) of the value. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly parentSchema: SchemaNode;
  readonly data: unknown;
}

interface CompiledSchema {
  readonly validate: { (value: unknown): boolean; errors?: readonly SchemaFinding[] | null };
  readonly schema: SchemaNode;
}

// Generated (tools/build-config-validator.mjs), so absent before the first build: a computed address keeps the
// type check independent of it.
const { validate, schema } = (await import(
  new URL("../../build/config-validator.js", import.meta.url).href
)) as CompiledSchema;

/** Everything schema.json has to say against `value`; empty when it is valid. */
export function findings(value: unknown): readonly SchemaFinding[] {
  return validate(value) ? [] : (validate.errors ?? []);
}

/** schema.json itself: defaults, titles and the list of keys are read from it. */
export const configSchema: SchemaNode = schema;
