// The response must be text/plain (RFC 8461 §3.2); parameters carry no meaning (R-8461-3.2-04).
import { isBlank, SEMICOLON } from "./ascii.ts";
import { load8 } from "./memory.ts";
import { startsWithoutCase, TEXT_PLAIN, TEXT_PLAIN_LENGTH } from "./words.ts";

/** type/subtype compared without case; then the end, blanks, or a parameter. */
export function isTextPlain(p: usize, n: u32): bool {
  if (!startsWithoutCase(p, n, TEXT_PLAIN, TEXT_PLAIN_LENGTH)) return false;
  let at = TEXT_PLAIN_LENGTH;
  while (at < n && isBlank(load8(p + at))) at++;
  return at === n || load8(p + at) === SEMICOLON;
}
