// Where a parser stopped and which leniencies it needed. One call at a time, so two cells are enough.

let offset: u32 = 0;
let used: u32 = 0;

export function beginVerdict(): void {
  offset = 0;
  used = 0;
}

/** Remembers the byte offset of an error and hands its code on. */
export function failAt(at: u32, code: i32): i32 {
  offset = at;
  return code;
}

export function errorOffset(): u32 {
  return offset;
}

/** Is this leniency allowed? If so it is also noted as used: no silent leniency. */
export function excused(allowed: u32, leniency: u32): bool {
  if ((allowed & leniency) === 0) return false;
  used = used | leniency;
  return true;
}

export function leniencyUsed(): u32 {
  return used;
}
