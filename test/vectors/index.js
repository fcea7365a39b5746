// The test vectors as a package entry: import { files, read } from "mta-sts-engine/vectors".
import { readdirSync, readFileSync } from "node:fs";

/** URL of the folder with the JSON files, README.md and the schema. */
export const folder = new URL("./", import.meta.url);

/** Names of the vector files. */
export const files = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .sort();

/** The content of a vector file: { note, vectors: [...] }, and `bodies` for step.json. */
export function read(file) {
  if (!files.includes(file)) throw new RangeError(`there is no vector file ${file}`);
  return JSON.parse(readFileSync(new URL(file, folder), "utf8"));
}

/** The JSON Schema (draft-07); its definitions carry the names of the files. */
export const schema = JSON.parse(readFileSync(new URL("schema/vectors.schema.json", folder), "utf8"));
