// Reads and writes of linear memory, and the two fixed areas. The non-generic forms keep their width in both builds.
import { IN_CAPACITY, OUT_CAPACITY } from "./abi.ts";

export const IN: usize = memory.data(196608, 16);
export const OUT: usize = memory.data(196608, 16);

export function load8(p: usize): u32 {
  return u32(i32.load8_u(p));
}

export function load16(p: usize): u32 {
  return u32(i32.load16_u(p, 0, 1));
}

export function load32(p: usize): u32 {
  return u32(i32.load(p, 0, 1));
}

export function store8(p: usize, value: u32): void {
  i32.store8(p, i32(value));
}

export function store32(p: usize, value: u32): void {
  i32.store(p, i32(value), 0, 1);
}

/** Copies n bytes; the areas must not overlap. */
export function copy(to: usize, from: usize, n: u32): void {
  let i: u32 = 0;
  for (; i + 4 <= n; i += 4) store32(to + i, load32(from + i));
  for (; i < n; i++) store8(to + i, load8(from + i));
}

export function sameBytes(a: usize, aLength: u32, b: usize, bLength: u32): bool {
  if (aLength !== bLength) return false;
  for (let i: u32 = 0; i < aLength; i++) if (load8(a + i) !== load8(b + i)) return false;
  return true;
}

/** Is [p, p + n) inside the IN area? */
export function inRequest(p: u32, n: u32): bool {
  const at = u32(IN);
  return p >= at && p - at <= IN_CAPACITY && n <= IN_CAPACITY - (p - at);
}

export function outLeft(p: usize): u32 {
  return OUT_CAPACITY - u32(p - OUT);
}
