import { readFileSync } from "node:fs";
import { printable } from "../observe/printable.ts";
import { pkixTrust } from "../tls/trust.ts";
import type { CaFile } from "./config.ts";
import { reasonOf } from "./unreadable.ts";

/** Reads a PEM bundle, or says why it cannot serve: better at the start than at the first fetch. */
export function readCaFile(file: string): CaFile | { readonly fault: string } {
  let pem: string;
  try {
    pem = readFileSync(file, "utf8");
  } catch (error) {
    return { fault: reasonOf(error) };
  }
  try {
    pkixTrust(pem);
  } catch (error) {
    return { fault: printable(error instanceof Error ? error.message : String(error), 160) };
  }
  return { file, pem };
}
