import { readFileSync } from "node:fs";
import type { Config } from "./config.ts";
import { readDocument } from "./document.ts";
import { FILE_VARIABLE, readEnvironment } from "./environment.ts";
import { explain } from "./explain.ts";
import { ConfigError, dotted, isWithin, type Path, type Problem, type Report } from "./problem.ts";
import { readers, type Values } from "./readers.ts";
import { type Setting, settings } from "./settings.ts";
import type { Source } from "./source.ts";
import { isAbsent, reasonOf } from "./unreadable.ts";
import { findings, type SchemaFinding } from "./validator.ts";

export const DEFAULT_FILE = "/etc/mta-sts/config.yaml";

export interface LoadOptions {
  /** The file of --config; it must exist. Else MTA_STS_CONFIG, else `defaultFile` if there is one, else no file. */
  readonly file?: string;
  readonly defaultFile?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Chooses the default places of the store and the control socket. */
  readonly isRoot: boolean;
}

/**
 * Reads the configuration: built-in defaults, then the file, then MTA_STS_* variables; the last one to name a setting
 * wins. Throws ConfigError with every problem of every source, each with its line and column or the name of its
 * variable. The result is frozen.
 */
export function loadConfig(options: LoadOptions): Config {
  const { file, source } = openFile(options);
  const sources = [source, readEnvironment(options.env)];
  const judged = sources.map(judge);
  const problems = judged.flatMap((result) => result.problems);
  if (problems.length > 0) throw new ConfigError(problems);

  const value = <Name extends keyof Values>(name: Name): Values[Name] => {
    const winner = judged.findLast((result) => name in result.values)?.values[name];
    return winner === undefined ? defaultOf(name, options.isRoot) : (winner as Values[Name]);
  };
  return freeze({
    file,
    listen: value("listen"),
    dns: { servers: value("dns.servers"), timeout: value("dns.timeout"), trustAd: value("dns.trust-ad") },
    dane: {
      mode: value("dane.mode"),
      signedNames: value("dane.signed-names"),
      bogusNames: value("dane.bogus-names"),
      notFor: value("dane.not-for"),
    },
    https: {
      ca: value("https.ca-file"),
      timeout: value("https.timeout"),
      allowPrivateAddresses: value("https.allow-private-addresses"),
    },
    store: { type: value("store.type"), path: value("store.path") },
    policy: { leniency: value("policy.leniency"), onDiscoveryFailure: value("policy.on-discovery-failure") },
    log: { level: value("log.level"), format: value("log.format") },
  });
}

function openFile(options: LoadOptions): { readonly file: string | null; readonly source: Source } {
  const named = options.file ?? (options.env[FILE_VARIABLE] || undefined);
  const file = named ?? options.defaultFile ?? DEFAULT_FILE;
  try {
    return { file, source: readDocument(file, readFileSync(file)) };
  } catch (error) {
    // Only the default file may be missing; one that is there but out of reach is not the same as none.
    if (named === undefined && isAbsent(error))
      return { file: null, source: readDocument(DEFAULT_FILE, new Uint8Array()) };
    const message = `cannot be read (${reasonOf(error)}); expected a YAML file`;
    return { file, source: { tree: null, problems: [{ where: file, message }], where: () => file } };
  }
}

interface Judged {
  readonly values: Partial<Record<keyof Values, unknown>>;
  readonly problems: readonly Problem[];
}

/** Everything that is right and everything that is wrong in one source, wrong things in the order of the file. */
function judge(source: Source): Judged {
  const faults = decisive(findings(source.tree)).map(explain);
  const problems = faults.map(({ path, part, message }) => ({ where: source.where(path, part), message }));
  const values: Partial<Record<keyof Values, unknown>> = {};
  for (const setting of settings) {
    const given = withoutFaults(
      valueAt(source.tree, setting.path),
      setting.path,
      faults.map((fault) => fault.path),
    );
    if (given === undefined) continue;
    const report: Report = (below, message) => {
      const path = [...setting.path, ...below];
      problems.push({ where: source.where(path, "value"), message: `${dotted(path)}: ${message}` });
    };
    values[setting.name as keyof Values] = readers[setting.name as keyof Values](given, report);
  }
  problems.push(...source.problems);
  return { values, problems: problems.sort((a, b) => a.where.localeCompare(b.where, "en", { numeric: true })) };
}

/** A value of the wrong type breaks every other rule too: only the type is worth a line. */
function decisive(all: readonly SchemaFinding[]): readonly SchemaFinding[] {
  const mistyped = new Set(all.filter(({ keyword }) => keyword === "type").map(({ instancePath }) => instancePath));
  return all.filter(({ keyword, instancePath }) => keyword === "type" || !mistyped.has(instancePath));
}

/** The value less what the schema refused: undefined, or for a list with undefined in place of its faulty items. */
function withoutFaults(value: unknown, path: Path, faults: readonly Path[]): unknown {
  if (faults.some((fault) => isWithin(path, fault))) return undefined;
  if (!Array.isArray(value)) return value;
  return value.map((item, index) => (faults.some((fault) => isWithin(fault, [...path, index])) ? undefined : item));
}

function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((node, key) => (node as Record<string, unknown> | null | undefined)?.[key], tree);
}

function defaultOf<Name extends keyof Values>(name: Name, isRoot: boolean): Values[Name] {
  const { schema } = settings.find((setting) => setting.name === name) as Setting;
  const unprivileged = isRoot ? undefined : schema["x-default-when-not-root"];
  const value = unprivileged ?? schema.default;
  if (value === undefined) return null as Values[Name];
  return readers[name](value, (path, message) => {
    throw new RangeError(`schema.json: the default of ${dotted([name, ...path])} is refused: ${message}`);
  }) as Values[Name];
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}
