// The vector files as others get them: through the package's own sub-path, valid under their schema, enough of them.
import { Ajv } from "ajv";
import { files, read, schema } from "mta-sts-engine/vectors";
import { describe, expect, it } from "vitest";

const ajv = new Ajv({ allErrors: false, strict: true, allowUnionTypes: true, strictTuples: false });
ajv.addSchema(schema, "vectors");

describe("mta-sts-engine/vectors", () => {
  it("has a definition in its schema for each file, and no other file's", () => {
    const defined = Object.keys(schema.definitions).filter((name) => name.endsWith(".json"));
    expect(defined.sort()).toEqual([...files]);
  });

  it.each(files)("%s is valid under its schema", (file) => {
    const validate = ajv.getSchema(`vectors#/definitions/${file}`);
    if (!validate) throw new Error(`the schema has no definition for ${file}`);
    validate(read(file));
    expect(validate.errors ?? []).toEqual([]);
  });

  it("refuses a field that the schema does not know, so that no runner can overlook one", () => {
    const validate = ajv.getSchema("vectors#/definitions/mx.json");
    const vector = { req: "R-8461-4.1-01", pattern: "a.example", host: "a.example", expect: true, lenient: true };
    expect(validate?.({ note: "", vectors: [vector] })).toBe(false);
  });

  it("has at least 600 vectors, none of them twice in its file", () => {
    let total = 0;
    for (const file of files) {
      const vectors = read(file).vectors.map((vector) => JSON.stringify(vector));
      expect(new Set(vectors).size, file).toBe(vectors.length);
      total += vectors.length;
    }
    expect(total).toBeGreaterThanOrEqual(600);
  });

  it("says so when there is no such file", () => {
    expect(() => read("../../package.json")).toThrow("there is no vector file");
  });
});
