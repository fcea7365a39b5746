import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../host/config/load.ts";
import { readers } from "../../../host/config/readers.ts";
import { settings } from "../../../host/config/settings.ts";
import { configSchema, type SchemaNode } from "../../../host/config/validator.ts";
import { inFolder } from "./config-file.ts";
import { sections, withSections } from "./reference.ts";

const file = fileURLToPath(new URL("../../../docs/configuration.md", import.meta.url));
const text = readFileSync(file, "utf8");

describe("docs/configuration.md", () => {
  it("has a place for every generated table", () => {
    for (const name of Object.keys(sections)) {
      expect(text).toContain(`<!-- begin ${name}:`);
      expect(text).toContain(`<!-- end ${name} -->`);
    }
  });

  it("agrees with the schema, the metrics and the events; npx vitest run -u writes it anew", async () => {
    await expect(withSections(text)).toMatchFileSnapshot(file);
  });

  it("explains every leniency and every answer to a discovery failure that the schema knows", () => {
    const policy = configSchema.properties?.policy?.properties;
    const names = [...(policy?.leniency?.items?.enum ?? []), ...(policy?.["on-discovery-failure"]?.enum ?? [])];
    expect(names).toHaveLength(7);
    for (const name of names) expect(text).toMatch(new RegExp(`^\\| \`${name}\` \\|`, "m"));
  });

  it("shows an example file that loads to the defaults where it repeats them", () => {
    const example = /## An example.*?```yaml\n(.*?)```/s.exec(text)?.[1] ?? "";
    inFolder({ "config.yaml": example }, (path) => {
      const fromExample = loadConfig({ file: path("config.yaml"), env: {}, isRoot: true });
      const defaults = loadConfig({ defaultFile: path("absent.yaml"), env: {}, isRoot: true });
      for (const section of ["https", "store", "policy", "log"] as const)
        expect(fromExample[section]).toEqual(defaults[section]);
      expect(fromExample.listen.map(({ kind }) => kind)).toEqual(["postfix", "postfix", "control", "http"]);
    });
  });
});

describe("the compiled schema", () => {
  it("is one file that needs nothing else at run time, ajv least of all", () => {
    const built = readFileSync(new URL("../../../build/config-validator.js", import.meta.url), "utf8");
    expect(built).toMatch(/^export const validate = /m);
    expect(built).not.toMatch(/^\s*import\b|\bimport\(|\brequire\(/m);
  });

  it("is that of schema.json as it is now", () => {
    const source = readFileSync(new URL("../../../host/config/schema.json", import.meta.url), "utf8");
    expect(configSchema).toEqual(JSON.parse(source));
  });
});

describe("schema.json", () => {
  const nodes = walk("", configSchema);

  it.each(nodes)("$path says what it is, what it expects and gives an example", ({ path, node }) => {
    expect(node.title).toBeTruthy();
    // Items are explained by their list.
    if (path.endsWith("[]")) return;
    expect(node.description).toMatch(/\.$/);
    if (node.type !== "object" && !(Array.isArray(node.type) && node.type.includes("null")))
      expect(node.examples?.length).toBeGreaterThan(0);
  });

  it("refuses unknown keys in every mapping", () => {
    const mappings = [{ path: "", node: configSchema }, ...nodes].filter(({ node }) => node.properties);
    expect(mappings.length).toBeGreaterThan(8);
    for (const { node } of mappings) expect(node).toHaveProperty("additionalProperties", false);
  });

  it("has a reader for each setting and no reader without one", () => {
    expect(Object.keys(readers)).toEqual(settings.map(({ name }) => name));
  });

  it("gives every setting that is not a list a default or says in words what happens without one", () => {
    for (const { name, schema } of settings)
      expect([name, schema.default !== undefined || schema["x-default-text"] !== undefined]).toEqual([name, true]);
  });
});

function walk(path: string, node: SchemaNode): { path: string; node: SchemaNode }[] {
  const children = Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const below = path === "" ? key : `${path}.${key}`;
    return [{ path: below, node: child }, ...walk(below, child)];
  });
  if (node.items === undefined) return children;
  return [...children, { path: `${path}[]`, node: node.items }, ...walk(`${path}[]`, node.items)];
}
