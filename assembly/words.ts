// The words of RFC 8461 as bytes. memory.data takes numbers only; the comment says what they spell.
import { lower } from "./ascii.ts";
import { load8, sameBytes } from "./memory.ts";

/** v=STSv1; : the first 7 octets are the version token alone */
export const RECORD_PREFIX: usize = memory.data<u8>([0x76, 0x3d, 0x53, 0x54, 0x53, 0x76, 0x31, 0x3b]);
export const RECORD_PREFIX_LENGTH: u32 = 8;
/** STSv1 */
export const VERSION_VALUE: usize = memory.data<u8>([0x53, 0x54, 0x53, 0x76, 0x31]);
export const VERSION_VALUE_LENGTH: u32 = 5;
/** version */
export const KEY_VERSION: usize = memory.data<u8>([0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e]);
export const KEY_VERSION_LENGTH: u32 = 7;
/** mode */
export const KEY_MODE: usize = memory.data<u8>([0x6d, 0x6f, 0x64, 0x65]);
export const KEY_MODE_LENGTH: u32 = 4;
/** max_age */
export const KEY_MAX_AGE: usize = memory.data<u8>([0x6d, 0x61, 0x78, 0x5f, 0x61, 0x67, 0x65]);
export const KEY_MAX_AGE_LENGTH: u32 = 7;
/** mx */
export const KEY_MX: usize = memory.data<u8>([0x6d, 0x78]);
export const KEY_MX_LENGTH: u32 = 2;
/** id */
export const KEY_ID: usize = memory.data<u8>([0x69, 0x64]);
export const KEY_ID_LENGTH: u32 = 2;
/** enforce */
export const MODE_WORD_ENFORCE: usize = memory.data<u8>([0x65, 0x6e, 0x66, 0x6f, 0x72, 0x63, 0x65]);
export const MODE_WORD_ENFORCE_LENGTH: u32 = 7;
/** testing */
export const MODE_WORD_TESTING: usize = memory.data<u8>([0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
export const MODE_WORD_TESTING_LENGTH: u32 = 7;
/** none */
export const MODE_WORD_NONE: usize = memory.data<u8>([0x6e, 0x6f, 0x6e, 0x65]);
export const MODE_WORD_NONE_LENGTH: u32 = 4;
/** text/plain */
export const TEXT_PLAIN: usize = memory.data<u8>([0x74, 0x65, 0x78, 0x74, 0x2f, 0x70, 0x6c, 0x61, 0x69, 0x6e]);
export const TEXT_PLAIN_LENGTH: u32 = 10;

/** Are the n octets at p exactly this word? */
export function isWord(p: usize, n: u32, word: usize, length: u32): bool {
  return sameBytes(p, n, word, length);
}

/** Do the octets at p start with this lower-case word, in any case? */
export function startsWithoutCase(p: usize, n: u32, word: usize, length: u32): bool {
  if (n < length) return false;
  for (let i: u32 = 0; i < length; i++) if (lower(load8(p + i)) !== load8(word + i)) return false;
  return true;
}
