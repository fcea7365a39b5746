import { settings } from "../../../host/config/settings.ts";
import { configSchema, type SchemaNode } from "../../../host/config/validator.ts";
import { METRICS, type MetricDescription } from "../../../host/observe/catalogue.ts";
import { EVENTS, type EventDescription } from "../../../host/observe/events.ts";
import { METRIC_PREFIX } from "../../../host/observe/metrics.ts";

/** The generated parts of docs/configuration.md, by the name in their markers. */
export const sections: Readonly<Record<string, () => string>> = {
  keys: () =>
    table(
      ["key", "environment", "default", "example", "what it affects"],
      settings.map(({ name, variable, schema }) => [
        code(name),
        code(variable),
        defaultText(schema),
        code(JSON.stringify(schema.examples?.[0])),
        `${schema.description} Expected: ${schema.title}.`,
      ]),
    ),
  listeners: () => {
    const kinds = Object.entries(configSchema.properties?.listen?.items?.properties ?? {});
    return table(
      ["key", "default", "example", "what it affects"],
      kinds.flatMap(([kind, schema]) => [
        [code(kind), "", code(JSON.stringify(schema.examples?.[0])), String(schema.description)],
        ...Object.entries(schema.properties ?? {}).map(([key, option]) => [
          code(`${kind}.${key}`),
          defaultText(option),
          code(JSON.stringify(option.examples?.[0])),
          String(option.description),
        ]),
      ]),
    );
  },
  metrics: () =>
    table(
      ["name", "kind", "labels", "meaning", "alert on"],
      Object.entries<MetricDescription>(METRICS).map(([name, { kind, labels, meaning, alert }]) => [
        code(METRIC_PREFIX + name),
        kind,
        Object.entries(labels).map(labelText).join("; "),
        meaning,
        alert,
      ]),
    ),
  events: () =>
    table(
      ["event", "level", "message", "what to do"],
      Object.entries<EventDescription>(EVENTS).map(([name, { level, sentence, todo }]) => [
        code(name),
        level,
        sentence,
        todo ?? "",
      ]),
    ),
};

/** The document with the text between each pair of markers written anew. */
export function withSections(document: string): string {
  return document.replace(
    /(<!-- begin ([a-z]+):[^\n]*-->\n).*?(<!-- end \2 -->)/gs,
    (_whole, begin: string, name: string, end: string) => `${begin}\n${sections[name]?.() ?? ""}\n${end}`,
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}

function defaultText(schema: SchemaNode): string {
  if (schema["x-default-text"]) return schema["x-default-text"];
  if (schema.default === undefined) return "none";
  const unprivileged = schema["x-default-when-not-root"];
  const text = code(JSON.stringify(schema.default));
  return unprivileged === undefined ? text : `${text}; when not root ${code(JSON.stringify(unprivileged))}`;
}

function labelText([label, values]: readonly [string, readonly string[]]): string {
  if (label === "event") return `${code(label)}: see the table of events`;
  return values.length === 0 ? code(label) : `${code(label)}: ${values.join(", ")}`;
}

function code(text: string): string {
  return text === "" ? "" : `\`${text}\``;
}
