// The data files of test/vectors (its README describes them), as bytes.
import { readdirSync, readFileSync } from "node:fs";
import { root } from "./builds.ts";
import type { Octets } from "./frames.ts";
import { octets } from "./frames.ts";

/** Text is UTF-8; `times` repeats it; `hex` is for what JSON text cannot hold. */
export type Bytes = string | { readonly hex: string } | { readonly text: string; readonly times: number };

export interface Vector {
  readonly req: string | readonly string[];
  /** What the vector shows, where the input does not say it itself. */
  readonly name?: string;
}

export interface VectorFile<T extends Vector> {
  readonly note: string;
  readonly vectors: readonly T[];
}

export const vectorFiles = (): string[] =>
  readdirSync(`${root}/test/vectors`)
    .filter((file) => file.endsWith(".json"))
    .sort();

export function readVectors<F>(file: string): F {
  return JSON.parse(readFileSync(`${root}/test/vectors/${file}`, "utf8")) as F;
}

export function toOctets(value: Bytes): Uint8Array {
  if (typeof value === "string") return octets(value);
  if ("hex" in value) return Buffer.from(value.hex, "hex");
  return octets(value.text.repeat(value.times));
}

/** One value, or several to be joined. */
export function joined(value: Bytes | readonly Bytes[]): Uint8Array {
  return Array.isArray(value) ? Buffer.concat(value.map(toOctets)) : toOctets(value as Bytes);
}

/** A title for a vector that has no name: its input, cut to one line. */
export function title(vector: Vector, input: unknown): string {
  const ids = typeof vector.req === "string" ? vector.req : vector.req.join(", ");
  const text = vector.name ?? JSON.stringify(input);
  return `${ids}: ${text.length > 100 ? `${text.slice(0, 97)}...` : text}`;
}

export type { Octets };
