import { dotted, isWithin, type Path, type Problem } from "./problem.ts";
import { type Setting, settings, VARIABLE_PREFIX } from "./settings.ts";
import type { Source } from "./source.ts";
import { suggest } from "./suggest.ts";

/** Names the file instead of --config; not a setting of the file itself. */
export const FILE_VARIABLE = `${VARIABLE_PREFIX}CONFIG`;

type Given = { readonly setting: Setting; readonly where: string; readonly text: string };

/**
 * The settings in MTA_STS_* variables. An empty variable is as good as none (docker compose passes such on). A
 * variable that is near a known name, or begins like a section, is a misspelling; others under the prefix are left
 * alone, since Kubernetes sets MTA_STS_PORT and the like for a service named "mta-sts".
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const problems: Problem[] = [];
  const given: Given[] = [];
  for (const variable of Object.keys(env).sort()) {
    const text = env[variable];
    if (!variable.startsWith(VARIABLE_PREFIX) || variable === FILE_VARIABLE || text === undefined || text === "")
      continue;
    const setting = settings.find((candidate) => candidate.variable === variable);
    if (setting) given.push({ setting, where: variable, text });
    else problems.push(...misspelt(variable));
  }
  return assemble(given, problems);
}

const variables = settings.map((setting) => setting.variable);
const sections = new Set(settings.map((setting) => `${VARIABLE_PREFIX}${String(setting.path[0]).toUpperCase()}`));

function misspelt(variable: string): Problem[] {
  const tail = (name: string) => name.slice(VARIABLE_PREFIX.length);
  const near = suggest(tail(variable), [...variables, FILE_VARIABLE].map(tail));
  const inSection = [...sections].some((section) => variable === section || variable.startsWith(`${section}_`));
  if (near === null && !inSection) return [];
  const hint = near === null ? "; docs/configuration.md lists all" : `, did you mean "${VARIABLE_PREFIX}${near}"?`;
  return [{ where: variable, message: `unknown variable${hint}` }];
}

function assemble(given: readonly Given[], problems: Problem[]): Source {
  const tree: Record<string, unknown> = {};
  for (const { setting, where, text } of given) {
    const value = parse(setting, text, (message) => problems.push({ where, message }));
    if (value === undefined) continue;
    const [section, key] = setting.path as readonly [string, string?];
    if (key === undefined) tree[section] = value;
    else tree[section] = { ...(tree[section] as object | undefined), [key]: value };
  }
  return {
    tree,
    problems,
    where: (path: Path) => given.find(({ setting }) => isWithin(path, setting.path))?.where ?? dotted(path),
  };
}

/** Variables are text: lists are separated by commas, a listener is kind=address. The schema judges the rest. */
function parse(setting: Setting, text: string, report: (message: string) => void): unknown {
  if (setting.schema.type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (setting.schema.type !== "array") return text;
  const items = text.split(",").map((item) => item.trim());
  if (setting.name !== "listen") return items;
  if (items.every((item) => /^[a-z]+=./.test(item)))
    return items.map((item) => ({ [item.slice(0, item.indexOf("="))]: item.slice(item.indexOf("=") + 1) }));
  report('expected kind=address, several separated by commas, such as "postfix=127.0.0.1:8461,http=127.0.0.1:8462"');
  return undefined;
}
