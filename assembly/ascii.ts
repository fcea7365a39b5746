// Character classes of RFC 8461's grammars. Bytes, never locales.

const TAB: u32 = 0x09;
export const LF: u32 = 0x0a;
export const CR: u32 = 0x0d;
export const SPACE: u32 = 0x20;
export const STAR: u32 = 0x2a;
export const HYPHEN: u32 = 0x2d;
export const DOT: u32 = 0x2e;
export const COLON: u32 = 0x3a;
export const SEMICOLON: u32 = 0x3b;
export const EQUALS: u32 = 0x3d;
const UNDERSCORE: u32 = 0x5f;

export function isDigit(c: u32): bool {
  return c >= 0x30 && c <= 0x39;
}

export function isAlphanumeric(c: u32): bool {
  return isDigit(c) || (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a);
}

/** sts-ext-name after its first character (RFC 8461 §3.1). */
export function isNameCharacter(c: u32): bool {
  return isAlphanumeric(c) || c === UNDERSCORE || c === HYPHEN || c === DOT;
}

export function isBlank(c: u32): bool {
  return c === SPACE || c === TAB;
}

export function lower(c: u32): u32 {
  return c >= 0x41 && c <= 0x5a ? c + 0x20 : c;
}
