export interface Vector {
  /** Ids of docs/requirements.md. */
  readonly req: string | readonly string[];
  readonly name?: string;
  readonly [field: string]: unknown;
}

export interface VectorFile {
  readonly note: string;
  readonly vectors: readonly Vector[];
  /** step.json: policy texts by name. */
  readonly bodies?: Readonly<Record<string, string>>;
}

/** URL of the folder with the JSON files, README.md and the schema. */
export declare const folder: URL;
/** Names of the vector files. */
export declare const files: readonly string[];
/** @throws RangeError when there is no such file */
export declare function read(file: string): VectorFile;
/** The JSON Schema (draft-07); its definitions carry the names of the files. */
export declare const schema: { readonly definitions: Readonly<Record<string, object>> };
