import { crc32 } from "node:zlib";

/**
 * CRC-32 over a whole row. The core's own checksum covers the state; this one binds it to its domain and version too,
 * so that a damaged index cannot hand out one domain's policy under another's name (R-8461-CSM-12).
 */
export function rowChecksum(domain: string, version: number, state: Uint8Array): number {
  return crc32(state, crc32(`${domain}\0${version}\0`));
}

/** The same for the single row of numbers the whole store keeps. */
export function metaChecksum(numbers: readonly (number | null)[]): number {
  return crc32(numbers.join("\0"));
}
